"""Texts that a program already has: strings, tokens, or numbers of words."""

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from enas_tf import errors
from enas_tf.data import text

_LINE_END = re.compile("\r\n|\r|\n")
# Fewer lines than these cannot be held out; words are.
_FEW_LINES = 10


@dataclasses.dataclass(frozen=True)
class TextSource:
  """A text of one's own.

  Each part is a string, which is read as `data=text` reads a file; or a list of
  tokens, strings without blanks, in which "<eos>" may end the lines; or an
  array of integers, the indices of words in `vocabulary`.

  Attributes:
    train: what gradients are computed on.
    valid: what rewards are computed on; None holds a tenth of `train` out.
    test: what nothing is ever chosen by. If there is neither this nor `valid`,
      a tenth of `train` is held out, too; else there is none.
    vocabulary: the words that numbers stand for.
  """

  train: Any
  valid: Any = None
  test: Any = None
  vocabulary: Sequence[str] | None = None


def load(source: TextSource, vocab_size: int | None = None) -> text.TextDataset:
  """Returns the data set.

  Args:
    source: the text.
    vocab_size: most words in the vocabulary; see `text.load`.

  Raises:
    DataError: if it is no text, or too short.
  """
  text.check_vocab_size(vocab_size)
  index = text.Index()
  parts = {
    name: _numbers(getattr(source, name), name, source.vocabulary, index)
    for name in text.PARTS
    if getattr(source, name) is not None
  }
  (train, ends), where = parts["train"], "a text of the program"
  test = parts["test"][0] if "test" in parts else None
  if "valid" in parts:
    valid = parts["valid"][0]
  elif test is not None:
    train, valid = text.split_lines(train, ends, where, 1)
  else:
    train, valid, test = text.split_lines(train, ends, where)
  token = text.TEXT_TOKEN
  if not isinstance(source.train, str):
    token = text.PTB_TOKEN
  dataset = text.numbered(
    "text", token, (train, valid, test), index, vocab_size, where
  )
  return dataclasses.replace(dataset, digest=_digest(dataset))


def encoded(part: Any, vocabulary: Sequence[str]) -> np.ndarray:
  """Returns the ids of a text's words in a vocabulary, int32 [n].

  Args:
    part: a text, as a part of a `TextSource`; integers are indices of words in
      the vocabulary.
    vocabulary: the words; others are <unk>.

  Raises:
    DataError: if it is no text.
  """
  index = text.Index()
  numbers, _ = _numbers(part, "test", vocabulary, index)
  ids = {word: i for i, word in enumerate(vocabulary)}
  unknown = ids[text.UNK]
  return np.array([ids.get(word, unknown) for word in index], np.int32)[numbers]


def _numbers(
  part: Any, name: str, vocabulary: Sequence[str] | None, index: text.Index
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the numbers of the words in the index, and where lines end."""
  if isinstance(part, str):
    lines = text.without_blank(_LINE_END.split(part))
    return text.to_numbers(text.TEXT_TOKEN, lines, index)
  try:
    array = np.asarray(part)
  except ValueError:  # Lists of different lengths.
    array = np.array(())
  if np.issubdtype(array.dtype, np.integer) and array.ndim:
    numbers = _of_integers(array.reshape(-1), name, vocabulary, index)
  else:
    numbers = _of_tokens(part, name, index)
  ends = np.flatnonzero(numbers == index[text.EOS]) + 1
  if len(ends) < _FEW_LINES:
    ends = np.arange(1, len(numbers) + 1)
  return numbers, ends


def _of_integers(
  array: np.ndarray,
  name: str,
  vocabulary: Sequence[str] | None,
  index: text.Index,
) -> np.ndarray:
  if vocabulary is None or isinstance(vocabulary, str):
    raise errors.DataError(
      f"The {name} part of the text has numbers, which stand for words: "
      "give `vocabulary`, the list of these words. Received: "
      f"vocabulary={vocabulary}"
    )
  words = _checked(list(vocabulary), "`vocabulary`")
  if len(set(words)) < len(words):
    raise errors.DataError(
      "The words of `vocabulary` must differ: give each once. Received: "
      f"words={len(words)}, different={len(set(words))}"
    )
  if array.size and not 0 <= array.min() <= array.max() < len(words):
    raise errors.DataError(
      f"The numbers of the {name} part of the text must be indices of words in "
      f"`vocabulary`: correct them. Received: words={len(words)}, numbers from "
      f"{array.min()} to {array.max()}"
    )
  return np.array([index[word] for word in words], np.int32)[array]


def _of_tokens(part: Any, name: str, index: text.Index) -> np.ndarray:
  if not isinstance(part, Sequence | np.ndarray) or not len(part):
    raise errors.DataError(
      f"The {name} part of the text must be a string, a list of tokens or an "
      "array of integers, and not be empty: give one. Received: a "
      f"{type(part).__name__}"
    )
  tokens = _checked(list(part), f"the {name} part of the text")
  return np.array([index[token] for token in tokens], np.int32)


def _checked(words: list[Any], name: str) -> list[str]:
  """Raises DataError if these are no words; returns them as strings."""
  is_word = re.compile(text.PTB_TOKEN).fullmatch
  for position, word in enumerate(words):
    if not isinstance(word, str) or not is_word(word) or "\0" in word:
      raise errors.DataError(
        f"The words of {name} must be strings without blanks, and not empty: "
        f"correct them. Received: position={position}, token={word!r}"
      )
  return [str(word) for word in words]


def _digest(dataset: text.TextDataset) -> str:
  found = hashlib.sha256("\n".join(dataset.vocabulary).encode())
  for part in (dataset.train, dataset.valid):
    found.update(str(len(part)).encode() + part.tobytes())
  return found.hexdigest()
