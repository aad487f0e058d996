import dataclasses
import doctest
import math

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.settings import fields, ranges


@dataclasses.dataclass(frozen=True)
class Shapes(fields.Settings):
  """Shapes."""

  rate: float = fields.setting(0.5, "a rate", at_least=0, at_most=10)
  number: int = fields.setting(3, "how many", at_least=1)
  size: int | None = fields.setting(None, "a side", at_least=4)
  word: str = fields.setting("red", "a colour", choices=("red", "blue"))
  bright: bool = fields.setting(True, "whether they shine")


FIELDS = {field.name: field for field in fields.each(Shapes)}


def parse(name, text):
  return ranges.parse(name, text, FIELDS[name])


@pytest.mark.parametrize(
  ("name", "text", "values"),
  [
    ("rate", "0.5|1|2e-3", (0.5, 1.0, 0.002)),
    ("rate", "0.1..0.3/0.1", (0.1, 0.2, 0.3)),
    ("rate", "0..1/0.4", (0.0, 0.4, 0.8)),
    ("rate", "0..1", (0.0, 0.333, 0.667, 1.0)),
    ("rate", "log:0.001..1", (0.001, 0.01, 0.1, 1.0)),
    ("number", "16..48/4", tuple(range(16, 49, 4))),
    ("number", "1..3", (1, 2, 3)),
    ("number", "1..100", (1, 34, 67, 100)),
    ("number", "log:1..1000", (1, 10, 100, 1000)),
    ("number", "log:1..5", (1, 2, 3, 5)),
    ("size", "none|4|8", (None, 4, 8)),
    ("word", "blue | red", ("blue", "red")),
    ("bright", "true|False", (True, False)),
  ],
)
def test_what_a_text_means(name, text, values):
  found = parse(name, text).cut(4)
  assert found == values
  assert [type(each) for each in found] == [type(each) for each in values]
  kind, _ = fields.kind(FIELDS[name])
  for each in found:  # Written as it is read.
    assert ranges.value(name, ranges.written(each), FIELDS[name], "") == each
    assert each is None or isinstance(each, kind)


@pytest.mark.parametrize(
  ("name", "text", "words"),
  [
    ("rate", "", "`rate` has no values to search: write options a|b|c"),
    ("rate", " ", "`rate` has no values to search"),
    ("rate", "1|", "`rate` must be a number: correct ''"),
    ("rate", "1|x", "`rate` must be a number: correct 'x'"),
    ("rate", "1|none", "`rate` must be a number: correct 'none'"),
    ("rate", "1|11", "`rate` must be at most 10. Correct '11'"),
    (
      "rate",
      "-1..1",
      "`rate` must not be negative. Correct '-1'",
    ),
    ("rate", "nan|1", "`rate` must be a finite number"),
    ("rate", "2", "`rate` has one value"),
    ("rate", "1|1.0", "`rate` has the value 1.0 twice"),
    ("rate", "2..1", "must begin below its end: swap them"),
    ("rate", "1..1", "must begin below its end: give two"),
    ("rate", "..1", "`rate` lacks an end"),
    ("rate", "1..", "`rate` lacks an end"),
    ("rate", "log:1|2", "`rate` lacks an end"),
    ("rate", "log:0..1", "The logarithms of `rate` need a range above 0"),
    ("rate", "log:1..2/1", "`rate` has steps or logarithms, not both"),
    ("rate", "1..2/0", "The step of `rate` must be a number above 0"),
    ("rate", "1..2/", "The step of `rate` must be a number above 0"),
    ("rate", "1..2/-1", "The step of `rate` must be a number above 0"),
    ("rate", "1..2/1e-9", "The steps of `rate` make more than 10,000 values"),
    ("rate", "1..2/3", "`rate` has one value"),
    ("number", "1..3/0.5", "The step of `number` must be a whole number"),
    ("number", "1|2.5", "`number` must be a whole number: correct '2.5'"),
    ("number", "0..3", "`number` must be at least 1"),
    ("size", "3|none", "`size` must be at least 4"),
    ("size", "x|none", "`size` must be a whole number or none"),
    ("word", "red|green", "`word` is one of red, blue. Correct 'green'"),
    ("word", "red..blue", "`word` has no numbers.*such as red.blue"),
    ("bright", "true|2", "`bright` must be true or false: correct '2'"),
    ("bright", "0..1", "`bright` has no numbers.*such as true.false"),
  ],
)
def test_each_mistake_has_an_error_of_its_own(name, text, words):
  with pytest.raises(errors.ConfigError, match=words.replace("|", ".")) as e:
    parse(name, text)
  assert f"Received: search_settings={name}=" in str(e.value)


@pytest.mark.parametrize(
  ("text", "most"), [("log:1e-5..0.1", 1000), ("0.9..0.91", 1000), ("0..9", 16)]
)
def test_a_range_is_cut_evenly_into_different_values(text, most):
  found = parse("rate", text)
  values = found.cut(most)
  assert len(set(values)) == most and sorted(values) == list(values)
  assert (values[0], values[-1]) == (found.low, found.high)
  points = [math.log(each) if found.is_log else each for each in values]
  even = np.linspace(points[0], points[-1], most)
  step = even[1] - even[0]
  np.testing.assert_allclose(points, even, atol=step / 2)


@pytest.mark.parametrize(
  ("name", "text", "is_ordered"),
  [
    ("rate", "0..1", True),
    ("rate", "1|2", True),
    ("rate", "2|1", False),
    ("size", "none|4", False),
    ("word", "blue|red", False),
    ("bright", "true|false", False),
  ],
)
def test_numbers_that_rise_are_ordered(name, text, is_ordered):
  assert parse(name, text).is_ordered == is_ordered


def test_options_of_a_program():
  assert ranges.text_of([None, 4, True]) == "none|4|true"
  assert ranges.text_of(np.array([0.5, 2])) == "0.5|2.0"
  assert ranges.text_of(range(3)) == "0|1|2"
  assert ranges.text_of("log:1..2") == "log:1..2"


def test_the_examples_hold():
  found = doctest.testmod(ranges)
  assert found.attempted and not found.failed
