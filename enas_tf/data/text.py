"""Reads a text into ids of words."""

import collections
import dataclasses
import itertools
import pathlib
import re
from collections.abc import Iterable

import numpy as np

from enas_tf import errors

UNK, EOS = "<unk>", "<eos>"
PARTS = ("train", "valid", "test")
# What a token is, in a form that Python's and TensorFlow's (RE2) regular
# expressions read alike: what no blank divides, ...
PTB_TOKEN = r"[^ \t-\r]+"
# ... or a run of letters, digits and all that is not ASCII (with apostrophes
# and underscores inside), or one ASCII punctuation mark. Case is kept.
TEXT_TOKEN = (
  r"<unk>|[^ \t-\r!-/:-@\[-^`{-~]+(?:'[^ \t-\r!-/:-@\[-^`{-~]+)*"
  r"|[!-/:-@\[-^`{-~]"
)
# Of the lines of a text that is not split, one in so many is test, and as many
# are valid.
_PART_STRIDE = 10
_MIN_VOCAB_SIZE = 3


@dataclasses.dataclass(frozen=True)
class TextDataset:
  """A text, split; every line ends with "<eos>".

  Attributes:
    name: of the data set.
    train: ids of the words that gradients are computed on, int32 [n].
    valid: likewise, that rewards are computed on.
    test: likewise, that nothing is ever chosen by.
    vocabulary: the words; a word's id is its place here. "<unk>", for all that
      are not here, and "<eos>" are among them.
    token: the regular expression of a word.
  """

  name: str
  train: np.ndarray
  valid: np.ndarray
  test: np.ndarray
  vocabulary: tuple[str, ...]
  token: str

  @property
  def unk(self) -> int:
    return self.vocabulary.index(UNK)

  @property
  def eos(self) -> int:
    return self.vocabulary.index(EOS)


def load(
  name: str, path: str | None = None, vocab_size: int | None = None
) -> TextDataset:
  """Returns the data set.

  Args:
    name: "ptb": words are divided by blanks; "text": words and punctuation, see
      TEXT_TOKEN, and blank lines are left out; "pydoc": likewise, of the
      manual of the language that the running Python carries.
    path: for ptb, a folder with {train,valid,test}.txt or those with "ptb."
      before. For text, such a folder, a file, or a folder of .txt files, which
      are read as one text in the order of their names: the last tenth of its
      lines is test, the tenth before it valid.
    vocab_size: most words in the vocabulary, "<unk>" and "<eos>" among them:
      the most frequent of `train`, in the order of their frequency (if equal,
      of the alphabet). None takes all.

  Raises:
    ConfigError: if there is no such data set, or no vocabulary so small.
    DataError: if it cannot be had, or is damaged.
  """
  if name not in _READERS:
    raise errors.ConfigError(
      f"The text data sets are {', '.join(_READERS)}: change --data. "
      f"Received: data={name}"
    )
  if vocab_size is not None and vocab_size < _MIN_VOCAB_SIZE:
    raise errors.ConfigError(
      f"A vocabulary has {UNK}, {EOS} and at least one word: raise "
      f"--vocab_size. Received: vocab_size={vocab_size}"
    )
  token, read = _READERS[name]
  parts = [_tokens(token, lines) for lines in read(_checked(name, path))]
  for part, words in zip(PARTS, parts, strict=True):
    if all(word == EOS for word in words):
      raise errors.DataError(
        f"The {part} part of the text has no words: give a longer text. "
        f"Received: data={name}, data_path={path}"
      )
  vocabulary = _vocabulary(parts[0], vocab_size)
  index = {word: i for i, word in enumerate(vocabulary)}
  ids = [
    np.array([index.get(word, index[UNK]) for word in words], np.int32)
    for words in parts
  ]
  return TextDataset(name, *ids, vocabulary, token)


def tokenize(token: str, line: str) -> list[str]:
  """Returns the words of a line; `token` is the expression of a word.

  >>> tokenize(TEXT_TOKEN, "Don't say \\"x_1 = 0.5\\".")
  ["Don't", 'say', '"', 'x_1', '=', '0', '.', '5', '"', '.']
  """
  return re.findall(token, line)


def _checked(name: str, path: str | None) -> pathlib.Path | None:
  if name == "pydoc":
    return None
  if path is None:
    raise errors.DataError(
      f"--data={name} reads a text of yours: add --data_path=PATH, or try "
      "--data=pydoc, which needs none. Received: data_path=None"
    )
  checked = pathlib.Path(path).expanduser()
  if not checked.exists():
    raise errors.DataError(
      f"--data_path does not exist: correct it. Received: data_path={path}"
    )
  return checked


def _read_ptb(path: pathlib.Path) -> list[list[str]]:
  files = _part_files(path)
  if files is None:
    raise errors.DataError(
      "--data=ptb needs a folder with ptb.train.txt, ptb.valid.txt and "
      "ptb.test.txt, or train.txt, valid.txt and test.txt. Received: "
      f"data_path={path}"
    )
  return [_lines(file) for file in files]


def _read_text(path: pathlib.Path) -> list[list[str]]:
  files = _part_files(path)
  if files is not None:
    return [_without_blank(_lines(file)) for file in files]
  if path.is_dir():
    files = sorted(
      each
      for each in path.iterdir()
      if each.suffix.lower() == ".txt" and not each.name.startswith(".")
    )
    if not files:
      raise errors.DataError(
        "--data=text needs a file, or a folder with .txt files in it. "
        f"Received: data_path={path}"
      )
  else:
    files = [path]
  return _split(itertools.chain.from_iterable(map(_lines, files)), path)


def _read_pydoc(path: None) -> list[list[str]]:
  try:
    from pydoc_data import topics  # Not every system's Python brings it.
  except ImportError as error:
    raise errors.DataError(
      "--data=pydoc reads the manual inside Python, which this one lacks: "
      f"choose --data=text with --data_path=FILE. Received: {error}"
    ) from error
  text = "\n".join(topics.topics[key] for key in sorted(topics.topics))
  # Without what underlines headings and draws tables.
  lines = [line for line in text.split("\n") if any(map(str.isalpha, line))]
  return _split(lines, path)


_READERS = {
  "ptb": (PTB_TOKEN, _read_ptb),
  "text": (TEXT_TOKEN, _read_text),
  "pydoc": (TEXT_TOKEN, _read_pydoc),
}


def _part_files(path: pathlib.Path) -> list[pathlib.Path] | None:
  """Returns the files of the three parts, if the folder has them all."""
  for prefix in ("ptb.", ""):
    files = [path / f"{prefix}{part}.txt" for part in PARTS]
    if all(file.is_file() for file in files):
      return files
  return None


def _lines(file: pathlib.Path) -> list[str]:
  try:
    text = file.read_text(encoding="utf-8-sig")
  except UnicodeDecodeError as error:
    raise errors.DataError(
      "The text is not UTF-8: convert it, for example by iconv -t UTF-8. "
      f"Received: {file} (byte {error.start})"
    ) from error
  except OSError as error:
    raise errors.DataError(
      f"The text cannot be read. Received: {file} ({error.strerror})"
    ) from error
  return text.removesuffix("\n").split("\n") if text else []


def _without_blank(lines: Iterable[str]) -> list[str]:
  return [line for line in lines if line and not line.isspace()]


def _split(lines: Iterable[str], path) -> list[list[str]]:
  lines = _without_blank(lines)
  num = len(lines) // _PART_STRIDE
  if num < 1:
    raise errors.DataError(
      f"The text must have at least {_PART_STRIDE} lines that are not blank, "
      "so that some are for validation and some for the test: give a longer "
      f"one. Received: data_path={path}, lines={len(lines)}"
    )
  return [lines[: -2 * num], lines[-2 * num : -num], lines[-num:]]


def _tokens(token: str, lines: Iterable[str]) -> list[str]:
  return [word for line in lines for word in (*tokenize(token, line), EOS)]


def _vocabulary(words: list[str], size: int | None) -> tuple[str, ...]:
  counts = collections.Counter(words)
  special = {UNK, EOS}
  ranked = sorted(counts.keys() | special, key=lambda w: (-counts[w], w))
  if size is not None:
    others = [word for word in ranked if word not in special]
    dropped = set(others[size - len(special) :])
    ranked = [word for word in ranked if word not in dropped]
  return tuple(ranked)
