"""A setting, declared once: type, default, help, bounds, choices, unit.

Validation, flags, help and the manifest come from the declaration:

    @dataclasses.dataclass(frozen=True)
    class Training(fields.Settings):
      \"\"\"How long, and on how many images at once.\"\"\"

      num_epochs: int = fields.setting(10, "passes over the images", at_least=1)

Settings are composed: a recipe's class lists the groups that it has, and its
defaults are those of an instance.
"""

import dataclasses
import math
import numbers
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from enas_tf import errors
from enas_tf import registry as registries

_KEY = "setting"
# No whole number is larger: TensorFlow and the files count on it.
_LARGEST = 2**31 - 1
# Of `Setting.only_with`: whatever the other setting is, but None.
GIVEN: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Setting:
  """What is known of a setting, besides its type and default.

  Attributes:
    help: a sentence without its full stop.
    at_least: the lowest value, or None.
    above: a bound that the value is above, or None.
    at_most: the highest value, or None.
    below: a bound that the value is below, or None.
    choices: the words that it takes, or None for any.
    unit: of a number, such as "pixels".
    changeable: whether it may change when a run goes on.
    of_arc: whether the arc of a search fixes it in the final child.
    of_command: whether each command asks for it anew; others are recorded.
    matters: whether it is among the few that a newcomer needs.
    only_with: the words of other settings with which this one has a use, by
      their public names, such as {"controller": ("evolution",)}, or `GIVEN`
      for any value; None if it always has one. Words that a program registered
      may use all settings.
    searchable: whether it can be searched beside the arcs, by
      `search_settings`; only of the final child and of the data.
    searchable_with: the values of other fields of the group with which it makes
      a difference, such as {"lr_cosine": (True,)}.
  """

  help: str
  at_least: float | None = None
  above: float | None = None
  at_most: float | None = None
  below: float | None = None
  choices: Iterable[str] | None = None
  unit: str = ""
  changeable: bool = False
  of_arc: bool = False
  of_command: bool = False
  matters: bool = False
  only_with: Mapping[str, tuple[str, ...]] | None = None
  searchable: bool = False
  searchable_with: Mapping[str, tuple[Any, ...]] | None = None


def setting(default: Any, help: str, **kwargs: Any) -> Any:
  """Returns the field of a dataclass that is a setting.

  Args:
    default: its value if no recipe has another.
    help: see `Setting`.
    **kwargs: the other attributes of `Setting`.
  """
  return dataclasses.field(
    default=default, metadata={_KEY: Setting(help, **kwargs)}
  )


def gives_use(words: tuple[str, ...], field: Any, value: Any) -> bool:
  """Returns whether a setting has a use with the value of another one.

  Args:
    words: of that other one, see `Setting.only_with`.
    field: of the other one.
    value: of the other one.
  """
  registry = of(field).choices
  is_users = isinstance(registry, registries.Registry) and (
    not registry.is_ours(value)
  )
  if words == GIVEN:
    return value not in (None, ())
  return is_users or value in words


class Settings:
  """A group of settings that validate themselves; the base of all of them.

  Attributes:
    prefix: what the public names of the settings begin with.
    unprefixed: the fields whose public names have no prefix.
    names: other public names, by the fields that have them.
  """

  prefix: ClassVar[str] = ""
  unprefixed: ClassVar[tuple[str, ...]] = ()
  names: ClassVar[Mapping[str, str]] = types.MappingProxyType({})

  def __post_init__(self) -> None:
    for field in dataclasses.fields(typing.cast(Any, self)):
      value = _converted(self, field)
      object.__setattr__(self, field.name, value)
      for each in value if isinstance(value, tuple) else [value]:
        check_value(field, each, self.public(field.name))
    self.check()

  def check(self) -> None:
    """Raises ConfigError if settings of the group contradict each other."""

  @classmethod
  def public(cls, name: str) -> str:
    """Returns the name that users know a field by.

    Args:
      name: of the field.
    """
    if name in cls.names:
      return cls.names[name]
    return name if name in cls.unprefixed else cls.prefix + name

  def require(self, condition: bool, message: str, *names: str) -> None:
    """Raises ConfigError unless a condition holds.

    Args:
      condition: what must be true.
      message: what is expected and how to mend it; fields in it stand in
        braces, {num_epochs}, and come out as their public names.
      *names: the fields whose values are shown.
    """
    if not condition:
      publics = {
        field.name: f"`{self.public(field.name)}`"
        for field in dataclasses.fields(typing.cast(Any, self))
      }
      received = ", ".join(
        f"{self.public(name)}={getattr(self, name)}" for name in names
      )
      raise errors.ConfigError(
        f"{message.format_map(publics)} Received: {received}"
      )


def of(field: dataclasses.Field[Any]) -> Setting:
  """Returns what was declared of a field.

  Args:
    field: of settings.
  """
  return field.metadata[_KEY]


def each(settings: Settings | type[Settings]) -> Iterable[dataclasses.Field]:
  """Returns the fields of settings.

  Args:
    settings: or their class.
  """
  return dataclasses.fields(typing.cast(Any, settings))


def choices(field: dataclasses.Field[Any]) -> tuple[str, ...] | None:
  """Returns the words that a setting takes now, those of users among them.

  Args:
    field: of settings.
  """
  found = of(field).choices
  return None if found is None else tuple(found)


def kind(field: dataclasses.Field[Any]) -> tuple[type, bool]:
  """Returns the type of a setting's values, and whether it can be unset.

  The type is bool, int, float, str or tuple (of words).

  Args:
    field: of settings.
  """
  hint, optional = field.type, False
  if isinstance(hint, types.UnionType):
    found = typing.get_args(hint)
    optional = type(None) in found
    hint = next(each for each in found if each is not type(None))
  return typing.get_origin(hint) or typing.cast(type, hint), optional


_KINDS = {
  bool: "True or False",
  int: "a whole number",
  float: "a number",
  str: "a text",
  tuple: "a list of words",
}


def _converted(settings: Settings, field: dataclasses.Field[Any]) -> Any:
  """Returns a value as what its field is declared to be.

  NumPy's numbers become Python's, lists become tuples.

  Raises:
    ConfigError: if it is something else.
  """
  value = getattr(settings, field.name)
  wanted, optional = kind(field)
  if value is None and optional:
    return None
  if wanted is bool and isinstance(value, bool):
    return value
  if wanted in (int, float) and not isinstance(value, bool):
    if isinstance(value, numbers.Integral):
      return int(value) if wanted is int else value
    if wanted is float and isinstance(value, numbers.Real):
      return float(value)
  if wanted is str and isinstance(value, str):
    return value
  if wanted is tuple and isinstance(value, list | tuple):
    if all(isinstance(word, str) for word in value):
      return tuple(value)
  name = settings.public(field.name)
  raise errors.ConfigError(
    f"`{name}` must be {_KINDS[wanted]}{' or None' * optional}. Received: "
    f"{name}={value!r}"
  )


def check_value(field: dataclasses.Field[Any], value: Any, name: str) -> None:
  """Raises ConfigError if a value is beyond what its field allows.

  Args:
    field: of settings.
    value: of its type.
    name: the public name of the setting.
  """
  reason = None
  words = choices(field)
  if words is not None and value is not None and value not in words:
    reason = f"is one of {', '.join(words)}."
  elif isinstance(value, int | float) and not isinstance(value, bool):
    reason = _bound(of(field), value)
  if reason:
    raise errors.ConfigError(f"`{name}` {reason} Received: {name}={value}")


def _bound(setting: Setting, value: float) -> str | None:
  """Returns which bound a number is beyond, as a sentence, or None."""
  if isinstance(value, float) and not math.isfinite(value):
    return "must be a finite number."
  low = _first(setting.at_least, setting.above)
  high = _first(setting.at_most, setting.below)
  is_low = low is not None and (
    value < low or (setting.at_least is None and value == low)
  )
  is_high = high is not None and (
    value > high or (setting.at_most is None and value == high)
  )
  if not is_low and not is_high:
    if isinstance(value, int) and value > _LARGEST:
      return f"must be at most {_LARGEST:,}."
    return None
  unit = f" {setting.unit}" if setting.unit else ""
  if is_low and setting.at_least == 0 and setting.below is None:
    return "must not be negative."
  return f"must be {_range(setting, is_low)}{unit}."


def _range(setting: Setting, is_low: bool) -> str:
  """Returns the range of a setting in words.

  A wide one is told by the side on which it was left.
  """
  low, high = setting.at_least, setting.at_most
  if setting.above is not None and setting.below is not None:
    return f"between {setting.above:g} and {setting.below:g}"
  if setting.below is not None:
    return f"in [{low:g}, {setting.below:.10g})"
  if setting.above is not None and high is not None:
    return f"in ({setting.above:g}, {high:g}]"
  if setting.above is not None:
    return f"greater than {setting.above:g}"
  if not is_low:
    return f"at most {high:,}"
  return f"at least {low:g}"


def _first(*values: float | None) -> float | None:
  return next((value for value in values if value is not None), None)
