"""The settings of the final child that are searched together with its arc.

`search_settings` names them, with a range for each; an arc then has values of
them (`spaces.product`), and its child is trained by these.
"""

import dataclasses
import difflib
import functools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from enas_tf import errors
from enas_tf.recipes import base
from enas_tf.settings import fields, ranges
from enas_tf.spaces import base as spaces
from enas_tf.spaces import product

SETTING = "search_settings"
# Into how many values a range without gaps is cut. Optuna could have numbers
# without gaps, but an arc is a row of integers for every controller, evaluator
# and file: so its ranges are cut so finely that it makes no difference.
_VALUES, _FINE = 16, 1_000
_PROBED = 64  # Values of a setting that are tried at once.


class _Place(NamedTuple):
  """Where a setting stands, and the one name that arcs have for it."""

  section: str
  field: dataclasses.Field[Any]
  name: str


def as_texts(given: Mapping[str, Any]) -> Mapping[str, Any]:
  """Returns settings in which ranges are texts, as on the command line.

  >>> as_texts({"search_settings": {"final_mixup": [0.0, 0.2]}})
  {'search_settings': ('final_mixup=0.0|0.2',)}

  Args:
    given: settings by public names; a program may give ranges as a dict, of
      texts or of lists of options.
  """
  value = given.get(SETTING)
  if isinstance(value, str):
    found = tuple(value.split(",")) if value else ()
  elif isinstance(value, Mapping):
    for name, range_ in value.items():
      if not isinstance(range_, str | list | tuple | range):
        raise errors.ConfigError(
          f"The range of `{name}` is a list of options, or a text such as "
          "log:0.01..0.1: give one. Received: "
          f"{SETTING}={errors.shorten(value)}"
        )
    found = tuple(f"{name}={ranges.text_of(x)}" for name, x in value.items())
  else:
    return given
  return {**given, SETTING: found}


@functools.lru_cache(maxsize=32)
def choices(experiment: base.Experiment) -> tuple[product.Choice, ...]:
  """Returns the settings that arcs of the final space have, if any.

  They are those that are searched. Where none are, an arc that is given may
  have settings of its own.

  Args:
    experiment: all settings.

  Raises:
    ConfigError: if one cannot be searched, or its range is none.
  """
  known = _places(experiment)
  texts = experiment.run.search_settings
  if not texts:
    return _of_arc(known, experiment.fixed_arc)
  most = experiment.run.search_values or (
    _FINE if experiment.controller.kind == "bayesian" else _VALUES
  )
  found: dict[str, product.Choice] = {}
  for text in texts:
    name, has_range, range_text = text.partition("=")
    name = name.strip()
    if not has_range or not name:
      raise errors.ConfigError(
        f"`{SETTING}` is a list of NAME=RANGE, such as "
        f"final_lr_max=log:0.01..0.2: correct it. Received: {SETTING}="
        f"{errors.shorten(text, 80)}"
      )
    place = _place(experiment, known, name)
    if place.name in found:
      raise errors.ConfigError(
        f"`{place.name}` is searched twice: take one of its ranges away. "
        f"Received: {SETTING}={','.join(texts)}"
      )
    range_ = ranges.parse(name, range_text, place.field)
    found[place.name] = _choice(place.name, range_, most)
  return tuple(found.values())


def _choice(name: str, range_: ranges.Range, most: int) -> product.Choice:
  values = range_.cut(most)
  texts = tuple(map(ranges.written, values))
  return product.Choice(name, values, texts, range_.is_ordered)


def _of_arc(
  known: Mapping[str, _Place], arc: str | None
) -> tuple[product.Choice, ...]:
  """Returns the settings of an arc that is given, each with its one value."""
  found = []
  for name, value in product.settings_of(arc or "").items():
    word = value if isinstance(value, str) else ranges.written(value)
    if name not in known:
      raise errors.ConfigError(
        f"The arc has a setting that this final child lacks: take `{name}` "
        f"away. Received: child_fixed_arc=...{name}={word}"
      )
    number = ranges.value(name, word, known[name].field, word)
    found.append(_choice(known[name].name, ranges.Range((number,)), 1))
  return tuple(found)


def _places(experiment: base.Experiment) -> dict[str, _Place]:
  """Returns the settings that can be searched, by all of their names.

  Without a supernet, what sets both networks sets the final child alone.
  """
  found = {}
  for section in ("final", "data"):
    settings = experiment.section(section)
    for field in fields.each(settings):
      setting = fields.of(field)
      if not setting.searchable or setting.of_arc:
        continue
      place = _Place(section, field, settings.public(field.name))
      found[place.name] = place
      if section == "final":
        found[experiment.search.public(field.name)] = place
  return found


def _place(
  experiment: base.Experiment, known: Mapping[str, _Place], name: str
) -> _Place:
  """Returns where a setting stands; refuses one that cannot be searched."""
  if name in known:
    return known[name]
  possible = ", ".join(dict.fromkeys(each.name for each in known.values()))
  sections = (experiment.section(each) for each in base.SECTIONS)
  others = {
    each.public(field.name) for each in sections for field in fields.each(each)
  }
  if name in others:
    what = f"`{name}` cannot be searched beside an arc: take it away."
  else:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean `{near[0]}`?" if near else ""
    what = f"There is no setting of that name: correct it.{hint}"
  raise errors.ConfigError(
    f"{what} Those that can be searched here are {possible or 'none'}. "
    f"Received: {SETTING}={name}=..."
  )


def space_of(experiment: base.Experiment, inner: spaces.Space) -> spaces.Space:
  """Returns the space of arcs and their settings; `inner` if they have none.

  Args:
    experiment: all settings.
    inner: the space of the structures.
  """
  found = choices(experiment)
  return product.ProductSpace(inner, found) if found else inner


def applied(
  experiment: base.Experiment, settings: Mapping[str, Any]
) -> base.Experiment:
  """Returns the experiment whose final child has some settings of an arc.

  Args:
    experiment: all settings.
    settings: of the arc, by public names.

  Raises:
    ConfigError: if they contradict each other, or others.
  """
  known = _places(experiment)
  changed: dict[str, Any] = {
    "run": dataclasses.replace(experiment.run, search_settings=())
  }
  for section in ("final", "data"):
    new = {
      known[name].field.name: value
      for name, value in settings.items()
      if known[name].section == section
    }
    changed[section] = dataclasses.replace(getattr(experiment, section), **new)
  return dataclasses.replace(experiment, **changed, fixed_arc=None)


def fingerprint(experiment: base.Experiment) -> dict[str, Any]:
  """Returns what tells arcs with these settings from others, as JSON.

  Args:
    experiment: all settings.
  """
  found = {each.name: list(each.texts) for each in choices(experiment)}
  return {SETTING: found} if found else {}


def check(experiment: base.Experiment) -> None:
  """Raises ConfigError if settings are searched that cannot be, or in vain.

  Args:
    experiment: all settings.
  """
  if not experiment.run.search_settings:
    return
  if experiment.evaluation.kind == "table":
    raise errors.ConfigError(
      "A table scores arcs by its columns, which are all that can be searched: "
      f"take `{SETTING}` away. Received: evaluator=table, {SETTING}="
      f"{','.join(experiment.run.search_settings)}"
    )
  found = choices(experiment)
  _check_scored(experiment, found)
  _check_used(experiment, found)
  for point in _probes(found):
    try:
      applied(experiment, point)
    except errors.ConfigError as error:
      raise errors.ConfigError(
        f"`{SETTING}` has values that are impossible: {error}"
      ) from error


def _check_scored(
  experiment: base.Experiment, found: tuple[product.Choice, ...]
) -> None:
  """Refuses what no score would depend on."""
  name, word = found[0].name, experiment.evaluation.kind
  if word == "shared_weights" and _places(experiment)[name].section == "data":
    reason = (
      f"Shared weights are trained on data of one kind, and `{name}` would "
      "change it: set `evaluator=from_scratch`, which trains each child by its "
      "own settings."
    )
  elif word == "shared_weights":
    reason = (
      "Shared weights score an arc without a training of its final child, so "
      f"that `{name}` would make no difference: set `evaluator=from_scratch`, "
      "which trains each child by its own settings."
    )
  elif experiment.controller.kind == "gradient":
    word = f"{word}, controller=gradient"
    reason = (
      "Settings have no gates that gradients could be taken of: set another "
      "`controller`, such as `controller=reinforce`."
    )
  elif experiment.run.mode == "import":
    word = f"{word}, mode=import"
    reason = (
      "A child of the original's was trained by its own settings: take "
      f"`{SETTING}` away."
    )
  else:
    return
  raise errors.ConfigError(
    f"{reason} Received: evaluator={word}, {SETTING}="
    f"{','.join(experiment.run.search_settings)}"
  )


def _check_used(
  experiment: base.Experiment, found: tuple[product.Choice, ...]
) -> None:
  """Refuses what makes no difference beside the other settings."""
  known, final = _places(experiment), experiment.final
  names = [each.name for each in found]
  for name in names:
    setting = fields.of(known[name].field)
    for other, values in (setting.searchable_with or {}).items():
      public = final.public(other)
      if public not in names and getattr(final, other) not in values:
        words = " or ".join(f"`{public}={x}`" for x in values)
        raise errors.ConfigError(
          f"`{name}` makes no difference without {words}: give that, or search "
          f"another setting. Received: {public}={getattr(final, other)}, "
          f"{SETTING}={name}=..."
        )


def _probes(
  found: tuple[product.Choice, ...],
) -> Iterator[dict[str, product.Value]]:
  """Yields points of the product in which each value and pair of ends occurs.

  What contradicts itself is a value, or two of different settings.
  """
  first = {each.name: each.values[0] for each in found}
  for each in found:
    step = max(1, len(each.values) // _PROBED)
    for value in each.values[::step]:
      yield first | {each.name: value}
    for other in found:
      for value in (each.values[0], each.values[-1]):
        ends = {each.name: value, other.name: other.values[-1]}
        yield first | ends
