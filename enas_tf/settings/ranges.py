"""What a setting is searched in: the ranges of `search_settings`.

a|b|c             options
low..high/step    numbers by steps
low..high         the numbers between, log:low..high evenly by logarithms
"""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from enas_tf import errors
from enas_tf.settings import fields

Value = bool | int | float | str | None

_LOG, _NONE = "log:", "none"
_BOOLS = {"true": True, "false": False}
_MOST = 10_000  # Options of a setting.
_DIGITS = range(3, 18)  # Significant ones of a number that a range is cut at.
_GRAMMAR = (
  "write options a|b|c, steps low..high/step, or a range low..high or "
  "log:low..high"
)


class Range(NamedTuple):
  """The values of a setting that are searched.

  Attributes:
    options: all of them, at least two; none if they are without gaps.
    low: the lowest value, if there are no options.
    high: the highest one.
    is_log: whether they lie evenly by their logarithms.
    is_whole: whether they are whole numbers.
  """

  options: tuple[Value, ...] = ()
  low: float = 0
  high: float = 0
  is_log: bool = False
  is_whole: bool = False

  @property
  def is_ordered(self) -> bool:
    """Whether neighbours are alike: the values are numbers, and rise."""
    numbers = [
      each
      for each in self.options
      if isinstance(each, int | float) and not isinstance(each, bool)
    ]
    return len(numbers) == len(self.options) and sorted(numbers) == numbers

  def cut(self, most: int) -> tuple[Value, ...]:
    """Returns the options; of a range without gaps, so many at most.

    >>> Range(low=0.01, high=1, is_log=True).cut(3)
    (0.01, 0.1, 1.0)
    >>> Range(low=1, high=9, is_whole=True).cut(4)
    (1, 4, 6, 9)

    Args:
      most: how many values a range without gaps is cut into, at least 2.
    """
    if self.options:
      return self.options
    if self.is_whole and self.high - self.low < most:
      return tuple(range(int(self.low), int(self.high) + 1))
    middle = (self._at(i / (most - 1)) for i in range(1, most - 1))
    points = [self.low, *middle, self.high]
    if self.is_whole:
      return tuple(dict.fromkeys(map(round, points)))
    return tuple(map(float, _short(points)))

  def _at(self, part: float) -> float:
    """Returns the point that has a part of the range below it, in (0, 1)."""
    if self.is_log:
      logs = math.log(self.low), math.log(self.high)
      return math.exp(logs[0] + part * (logs[1] - logs[0]))
    return self.low + part * (self.high - self.low)


def _short(points: list[float]) -> list[float]:
  """Returns rising numbers with as few digits as tell them apart."""
  low, *middle, high = points
  for digits in _DIGITS:
    rounded = [low, *(float(f"{each:.{digits}g}") for each in middle), high]
    if all(a < b for a, b in zip(rounded, rounded[1:], strict=False)):
      return rounded
  return list(dict.fromkeys(points))  # Too narrow for so many.


def parse(name: str, text: str, field: dataclasses.Field[Any]) -> Range:
  """Returns the range that a text means.

  Args:
    name: the public name of the setting.
    text: of the range.
    field: of the setting.

  Raises:
    ConfigError: if it is none, or the setting cannot have such values.
  """
  if not text.strip():
    raise _error(f"`{name}` has no values to search: {_GRAMMAR}.", name, text)
  if ".." in text or text.startswith(_LOG):
    found = _between(name, text, field)
  else:
    words = [each.strip() for each in text.split("|")]
    options = tuple(value(name, word, field, text) for word in words)
    found = Range(options)
  if found.options:
    _check_options(name, text, found.options)
  return found


def _check_options(name: str, text: str, options: tuple[Value, ...]) -> None:
  for i, option in enumerate(options):
    if option in options[:i]:
      raise _error(
        f"`{name}` has the value {written(option)} twice: take one away.",
        name,
        text,
      )
  if len(options) < 2:
    raise _error(
      f"`{name}` has one value, and there is nothing to search: give it as "
      f"`{name}={written(options[0])}`, or more values.",
      name,
      text,
    )


def _between(name: str, text: str, field: dataclasses.Field[Any]) -> Range:
  """Returns a range with two ends."""
  kind, _ = fields.kind(field)
  if kind not in (int, float):
    words = fields.choices(field) or ("true", "false")
    raise _error(
      f"`{name}` has no numbers to lie between two ends: write options, such "
      f"as {'|'.join(words[:2])}.",
      name,
      text,
    )
  is_log = text.startswith(_LOG)
  ends, _, step_text = text.removeprefix(_LOG).partition("/")
  low_text, _, high_text = ends.partition("..")
  if not low_text.strip() or not high_text.strip():
    raise _error(f"`{name}` lacks an end of its range: {_GRAMMAR}.", name, text)
  low, high = (_number(name, x, field, text) for x in (low_text, high_text))
  if low >= high:
    raise _error(
      f"The range of `{name}` must begin below its end: "
      + ("swap them." if low > high else "give two different ones."),
      name,
      text,
    )
  if is_log and low <= 0:
    raise _error(
      f"The logarithms of `{name}` need a range above 0: raise its beginning, "
      f"or take {_LOG} away.",
      name,
      text,
    )
  if "/" not in text:
    return Range((), low, high, is_log, kind is int)
  if is_log:
    raise _error(
      f"`{name}` has steps or logarithms, not both: take one of them away.",
      name,
      text,
    )
  return Range(_steps(name, text, low, high, step_text, kind is int))


def _steps(
  name: str, text: str, low: float, high: float, step_text: str, is_whole: bool
) -> tuple[Value, ...]:
  """Returns the numbers from one to another, by steps."""
  try:
    step = int(step_text) if is_whole else float(step_text)
  except ValueError:
    step = math.nan
  if not (math.isfinite(step) and step > 0):
    what = "a whole number" if is_whole else "a number"
    raise _error(f"The step of `{name}` must be {what} above 0.", name, text)
  # A high end that rounding moved is part of it.
  count = math.floor((high - low) / step + 1e-9) + 1
  if count > _MOST:
    raise _error(
      f"The steps of `{name}` make more than {_MOST:,} values: make them "
      "larger.",
      name,
      text,
    )
  points = [low + i * step for i in range(count)]
  if is_whole:
    return tuple(map(int, points))
  return tuple(min(float(f"{each:.12g}"), high) for each in points)


def _number(
  name: str, text: str, field: dataclasses.Field[Any], whole: str
) -> float:
  found = value(name, text.strip(), field, whole)
  if not isinstance(found, int | float):
    raise _error(f"{name} needs a number at each end.", name, whole)
  return found


def value(
  name: str, word: str, field: dataclasses.Field[Any], whole: str
) -> Value:
  """Returns the value that a word means.

  Args:
    name: the public name of the setting.
    word: of the value.
    field: of the setting.
    whole: what was given, for errors.

  Raises:
    ConfigError: if the setting cannot have it.
  """
  kind, optional = fields.kind(field)
  if word == _NONE and optional:
    return None
  found: Value = word
  if kind is bool:
    found = _BOOLS.get(word.lower(), word)
  elif kind in (int, float):
    try:
      found = kind(word)
    except ValueError:
      found = word
  if not isinstance(found, kind):
    what = {bool: "true or false", int: "a whole number", float: "a number"}
    raise _error(
      f"A value of `{name}` must be {what[kind]}{' or none' * optional}: "
      f"correct {word!r}.",
      name,
      whole,
    )
  try:
    fields.check_value(field, found, name)
  except errors.ConfigError as error:
    reason = str(error).partition(" Received: ")[0]
    raise _error(f"{reason} Correct {word!r}.", name, whole) from error
  return found


def written(value: Value) -> str:
  """Returns a value as it is written in a range, and beside an arc.

  >>> written(None), written(True), written(0.05)
  ('none', 'true', '0.05')

  Args:
    value: of a setting.
  """
  if value is None:
    return _NONE
  return str(value).lower() if isinstance(value, bool) else str(value)


def text_of(values: Iterable[Any] | str) -> str:
  """Returns options that a program gives as the text of a range.

  Args:
    values: the options, or a text already.
  """
  if isinstance(values, str):
    return values
  # NumPy's numbers as Python's.
  plain = (each.item() if hasattr(each, "item") else each for each in values)
  return "|".join(map(written, plain))


def _error(message: str, name: str, text: str) -> errors.ConfigError:
  shown = errors.shorten(text, 80)
  return errors.ConfigError(
    f"{message} Received: search_settings={name}={shown}"
  )
