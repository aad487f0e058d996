"""Texts that a program already has."""

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.data import text, text_source

LINES = [f"a b{i % 3} c , d{i}" for i in range(20)]


def load(*args, vocab_size=None, **kwargs):
  return text_source.load(text_source.TextSource(*args, **kwargs), vocab_size)


def words(dataset, part):
  return [dataset.vocabulary[i] for i in getattr(dataset, part)]


def assert_same(one, other):
  assert one.vocabulary == other.vocabulary
  for part in text.PARTS:
    np.testing.assert_array_equal(getattr(one, part), getattr(other, part))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n \n"])
@pytest.mark.parametrize("vocab_size", [None, 6])
def test_a_string_is_read_like_a_file(tmp_path, end, vocab_size):
  path = tmp_path / "text.txt"
  path.write_text("\n".join(LINES))
  found = load(end.join(LINES), vocab_size=vocab_size)
  expected = text.load("text", str(path), vocab_size)
  assert_same(found, expected)
  assert found.token == text.TEXT_TOKEN and found.name == "text"


def test_parts_of_a_string(tmp_path):
  for part in text.PARTS:
    (tmp_path / f"{part}.txt").write_text(f"the {part} part")
  expected = text.load("text", str(tmp_path))
  assert_same(
    load("the train part", "the valid part", "the test part"), expected
  )


def tokens(lines=LINES):
  return [word for line in lines for word in (*line.split(), "<eos>")]


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_tokens_are_cut_by_lines(kind):
  found = load(kind(tokens()))
  assert_same(found, load("\n".join(LINES)))
  assert found.token == text.PTB_TOKEN


def test_tokens_without_lines_are_cut_anywhere():
  found = load([str(i % 7) for i in range(100)])
  assert [len(getattr(found, part)) for part in text.PARTS] == [80, 10, 10]
  assert words(found, "test") == [str(i % 7) for i in range(90, 100)]


@pytest.mark.parametrize("dtype", ["i4", "u2", "i8"])
def test_numbers_stand_for_words(dtype):
  vocabulary = sorted(set(tokens()))
  numbers = np.array([vocabulary.index(x) for x in tokens()], dtype)
  found = load(numbers, vocabulary=vocabulary)
  assert_same(found, load(tokens()))


def test_parts_that_are_given():
  found = load(tokens(), ["a", "zebra"])
  assert words(found, "train") == tokens()
  assert words(found, "valid") == ["a", "<unk>"] and found.test is None
  found = load(tokens(), test=["c"])
  assert words(found, "train") == tokens(LINES[:18])
  assert len(found.valid) == 12 and words(found, "test") == ["c"]


def test_digests_tell_texts_apart():
  found = {
    load(each).digest
    for each in (
      tokens(),
      tokens(LINES[::-1]),
      tokens([LINES[0], *LINES]),
      ["x" if word == "a" else word for word in tokens()],
    )
  }
  assert len(found) == 4
  assert load(tokens()).digest in found


BAD = {
  "numbers alone": (([1, 2, 3],), {}, "`vocabulary`"),
  "a string as vocabulary": (([1, 2],), {"vocabulary": "abc"}, "`vocabulary`"),
  "too high": (([1, 2],), {"vocabulary": ["a", "b"]}, "indices.*from 1 to 2"),
  "negative": (([-1, 0],), {"vocabulary": ["a", "b"]}, "indices"),
  "same words": (([0, 1],), {"vocabulary": ["a", "a"]}, "must differ"),
  "blank": ((["a", "b c"],), {}, "without blanks.*position=1"),
  "empty token": ((["a", ""],), {}, "without blanks.*position=1"),
  "line end": ((["a\n"],), {}, "without blanks.*position=0"),
  "floats": (([0.5, 1.5],), {}, "strings without blanks"),
  "nothing": (([],), {}, "not be empty"),
  "no text": ((3,), {}, "must be a string"),
  "few lines": (("a\nb\nc",), {}, "at least 10 lines"),
  "no words": ((tokens(), ["<eos>"]), {}, "valid part.*has no words"),
}


@pytest.mark.parametrize("kind", BAD)
def test_is_one_clear_error(kind):
  args, kwargs, match = BAD[kind]
  with pytest.raises(errors.DataError, match=match) as caught:
    load(*args, **kwargs)
  assert "Received: " in str(caught.value)


def test_vocabulary_too_small():
  with pytest.raises(errors.ConfigError, match="raise `vocab_size`"):
    load(tokens(), vocab_size=2)
