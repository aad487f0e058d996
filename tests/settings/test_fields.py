import dataclasses
from typing import ClassVar

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.settings import fields


@dataclasses.dataclass(frozen=True)
class Colours(fields.Settings):
  """Colours."""

  number: int = fields.setting(3, "how many", at_least=1, at_most=9)
  fraction: float = fields.setting(0.5, "of red", above=0, below=1)
  size: int | None = fields.setting(None, "a side", at_least=8, unit="pixels")
  word: str = fields.setting("red", "the first", choices=("red", "blue"))
  words: tuple[str, ...] = fields.setting(("a",), "all")
  bright: bool = fields.setting(True, "whether they shine")


@dataclasses.dataclass(frozen=True)
class Painted(Colours):
  """Colours with a prefix."""

  prefix: ClassVar[str] = "paint_"
  unprefixed: ClassVar[tuple[str, ...]] = ("word",)

  def check(self):
    self.require(self.number != 7, "{number} is not for {word}.", "number")


@pytest.mark.parametrize(
  ("given", "words"),
  [
    (dict(number=0), "`number` must be at least 1. Received: number=0"),
    (dict(number=10), "`number` must be at most 9. Received: number=10"),
    (dict(number="3"), "`number` must be a whole number. Received: number='3'"),
    (dict(number=True), "`number` must be a whole number."),
    (dict(number=None), "`number` must be a whole number."),
    (dict(fraction=1.0), "`fraction` must be between 0 and 1."),
    (dict(fraction=float("nan")), "`fraction` must be a finite number."),
    (dict(size=7), "`size` must be at least 8 pixels."),
    (dict(size="x"), "`size` must be a whole number or None."),
    (dict(word="green"), "`word` is one of red, blue."),
    (dict(words="red"), "`words` must be a list of words."),
    (dict(words=[1]), "`words` must be a list of words."),
    (dict(bright=1), "`bright` must be True or False."),
  ],
)
def test_what_is_refused(given, words):
  with pytest.raises(errors.ConfigError) as info:
    Colours(**given)
  assert words in str(info.value)


def test_numbers_of_numpy_and_lists_become_those_of_python():
  got = Colours(
    number=np.int64(4), fraction=np.float32(0.25), words=["a", "b"], size=9
  )
  assert (got.number, type(got.number)) == (4, int)
  assert (got.fraction, type(got.fraction)) == (0.25, float)
  assert got.words == ("a", "b")
  assert Colours(size=None).size is None


def test_errors_have_public_names():
  with pytest.raises(errors.ConfigError, match="`paint_number` must"):
    Painted(number=0)
  with pytest.raises(errors.ConfigError, match="`word` is one of"):
    Painted(word="green")
  words = "`paint_number` is not for `word`. Received: paint_number=7"
  with pytest.raises(errors.ConfigError, match=words):
    Painted(number=7)


def test_kinds():
  found = {field.name: fields.kind(field) for field in fields.each(Colours)}
  assert found == {
    "number": (int, False),
    "fraction": (float, False),
    "size": (int, True),
    "word": (str, False),
    "words": (tuple, False),
    "bright": (bool, False),
  }
