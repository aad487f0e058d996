"""Reads a text into ids of words."""

import array
import dataclasses
import os
import pathlib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from enas_tf import errors
from enas_tf.data import files

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
# Of all files, of a line and of the different words. A word takes 4 bytes of
# memory wherever it stands, and some 100 once.
_MOST_BYTES, _MOST_LINE_BYTES, _MOST_WORDS = 2**30, 2**28, 5_000_000


# The numbers of the words of train, valid and test, int32 [n] each.
Parts = tuple[np.ndarray, np.ndarray, np.ndarray | None]


@dataclasses.dataclass(frozen=True)
class TextDataset:
  """A text, split; every line ends with "<eos>".

  Attributes:
    name: of the data set.
    train: ids of the words that gradients are computed on, int32 [n].
    valid: likewise, that rewards are computed on.
    test: likewise, that nothing is ever chosen by, or None.
    vocabulary: the words; a word's id is its index here. "<unk>", for all that
      are not here, and "<eos>" are among them.
    token: the regular expression of a word.
    digest: a text that other words would not give; None for those of files.
  """

  name: str
  train: np.ndarray
  valid: np.ndarray
  test: np.ndarray | None
  vocabulary: tuple[str, ...]
  token: str
  digest: str | None = None

  @property
  def unk(self) -> int:
    """The id of "<unk>"."""
    return self.vocabulary.index(UNK)

  @property
  def eos(self) -> int:
    """The id of "<eos>"."""
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
  if name == "arrays":
    raise errors.DataError(
      "The text of this run is one of a program: go on with it there, by "
      "enas_tf.Search(data=..., output_dir=...). Received: data=arrays"
    )
  if name not in _READERS:
    raise errors.ConfigError(
      f"The text data sets are {', '.join(_READERS)}: change `data`. "
      f"Received: data={name}"
    )
  check_vocab_size(vocab_size)
  token, read = _READERS[name]
  index, where = Index(), f"data_path={errors.shorten(path)}"
  found = [
    to_numbers(token, lines, index) for lines in read(_checked(name, path))
  ]
  if len(found) == 1:
    train, valid, test = split_lines(*found[0], where)
  else:
    (train, _), (valid, _), (test, _) = found
  parts = train, valid, test
  return numbered(name, token, parts, index, vocab_size, where)


def check_vocab_size(vocab_size: int | None) -> None:
  """Raises ConfigError if a vocabulary cannot be so small.

  Args:
    vocab_size: most words in it; None is for all.
  """
  if vocab_size is not None and vocab_size < _MIN_VOCAB_SIZE:
    raise errors.ConfigError(
      f"A vocabulary has {UNK}, {EOS} and at least one word: raise "
      f"`vocab_size`. Received: vocab_size={vocab_size}"
    )


def numbered(
  name: str,
  token: str,
  parts: Parts,
  index: "Index",
  vocab_size: int | None,
  where: str,
) -> TextDataset:
  """Returns a data set whose ids are in the order of their frequency.

  Args:
    name: of the data set.
    token: the regular expression of a word.
    parts: the words of train, valid and test, as they were numbered when they
      were read, int32 [n] each; test may be None.
    index: the numbers of the words.
    vocab_size: see `load`.
    where: the source, for the errors.

  Raises:
    DataError: if a part has no words.
  """
  for part, numbers in zip(PARTS, parts, strict=True):
    if numbers is not None and (numbers == index[EOS]).all():
      raise errors.DataError(
        f"The {part} part of the text has no words: give a longer text by "
        f"`data_path`. Received: data={name}, {where}"
      )
  vocabulary = _vocabulary(parts[0], index, vocab_size)
  ids = np.full(len(index), vocabulary.index(UNK), np.int32)
  for i, word in enumerate(vocabulary):
    ids[index[word]] = i
  train, valid, test = parts
  return TextDataset(
    name,
    ids[train],
    ids[valid],
    None if test is None else ids[test],
    vocabulary,
    token,
  )


def tokenize(token: str, line: str) -> list[str]:
  """Returns the words of a line; `token` is the expression of a word.

  >>> tokenize(TEXT_TOKEN, "Don't say \\"x_1 = 0.5\\".")
  ["Don't", 'say', '"', 'x_1', '=', '0', '.', '5', '"', '.']

  Args:
    token: the regular expression of a word.
    line: the text.
  """
  return re.findall(token, line)


def _checked(name: str, path: str | None) -> pathlib.Path | None:
  if name == "pydoc":
    return None
  if path is None:
    raise errors.DataError(
      f"`data={name}` reads a text of yours: add `data_path=PATH`, or try "
      "`data=pydoc`, which needs none. Received: data_path=None"
    )
  return files.existing(path)


def _read_ptb(path: pathlib.Path) -> list[Iterable[str]]:
  parts = _part_files(path)
  if parts is None:
    raise errors.DataError(
      "`data=ptb` needs a folder with ptb.train.txt, ptb.valid.txt and "
      "ptb.test.txt, or train.txt, valid.txt and test.txt. Received: "
      f"data_path={errors.shorten(path)}"
    )
  return [_lines([file]) for file in parts]


def _read_text(path: pathlib.Path) -> list[Iterable[str]]:
  """Returns the lines of the three parts, or of one text that is not split."""
  parts = _part_files(path)
  if parts is not None:
    return [without_blank(_lines([file])) for file in parts]
  texts = [path]
  if path.is_dir():
    texts = [
      path / each.name
      for each in files.entries(path)
      if pathlib.Path(each.name).suffix.lower() == ".txt"
    ]
    if not texts:
      raise errors.DataError(
        "`data=text` needs a file, or a folder with .txt files in it. "
        f"Received: data_path={errors.shorten(path)}"
      )
  return [without_blank(_lines(texts))]


def _read_pydoc(path: None) -> list[Iterable[str]]:
  try:
    from pydoc_data import topics  # Not every system's Python brings it.
  except ImportError as error:
    raise errors.DataError(
      "`data=pydoc` reads the manual inside Python, which this one lacks: "
      f"choose `data=text` with `data_path=FILE`. Received: {error}"
    ) from error
  text = "\n".join(topics.topics[key] for key in sorted(topics.topics))
  # Without what underlines headings and draws tables.
  return [[line for line in text.split("\n") if any(map(str.isalpha, line))]]


_READERS: dict[str, tuple[str, Callable[[Any], list[Iterable[str]]]]] = {
  "ptb": (PTB_TOKEN, _read_ptb),
  "text": (TEXT_TOKEN, _read_text),
  "pydoc": (TEXT_TOKEN, _read_pydoc),
}


def _part_files(path: pathlib.Path) -> list[pathlib.Path] | None:
  """Returns the files of the three parts, if the folder has them all."""
  for prefix in ("ptb.", ""):
    parts = [path / f"{prefix}{part}.txt" for part in PARTS]
    if all(file.is_file() for file in parts):
      return parts
  return None


def _lines(texts: list[pathlib.Path]) -> Iterator[str]:
  """Yields the lines of files, without their ends ("\\n", "\\r" or both)."""
  left = _MOST_BYTES
  for text in texts:
    try:
      with files.open_regular(text) as file:
        left -= os.fstat(file.fileno()).st_size
        if left < 0:
          raise _refusal(text, f"at most {_MOST_BYTES:,} bytes in all")
        start = 0
        while raw := file.readline(_MOST_LINE_BYTES):
          yield from _decoded(text, raw, start)
          start += len(raw)
    except OSError as error:
      raise errors.DataError(
        "The text cannot be read: correct `data_path`. Received: "
        f"{errors.shorten(text)} ({error.strerror})"
      ) from error


def _decoded(file: pathlib.Path, raw: bytes, start: int) -> list[str]:
  """Returns the lines of bytes that end like a line of Unix.

  Args:
    file: the file, for messages.
    raw: the bytes.
    start: where in the file they begin.
  """
  if len(raw) == _MOST_LINE_BYTES:
    raise _refusal(file, f"fewer than {_MOST_LINE_BYTES:,} bytes in a line")
  try:
    line = raw.decode("utf-8-sig" if start == 0 else "utf-8")
  except UnicodeDecodeError as error:
    raise errors.DataError(
      "The text is not UTF-8: convert it, for example by iconv -t UTF-8. "
      f"Received: {errors.shorten(file)} (byte {start + error.start})"
    ) from error
  if "\0" in line:
    raise errors.DataError(
      "The text has a byte that is 0, as binary files and UTF-16 have: give a "
      "text in UTF-8 by `data_path`. Received: "
      f"{errors.shorten(file)} (line at byte {start})"
    )
  return line.removesuffix("\n").removesuffix("\r").split("\r")


def _refusal(file: pathlib.Path, expected: str) -> errors.DataError:
  return errors.DataError(
    f"The text is too large: it must have {expected}, so give a part of it by "
    f"`data_path`. Received: {errors.shorten(file)}"
  )


def without_blank(lines: Iterable[str]) -> Iterator[str]:
  """Returns the lines that have more than blanks.

  Args:
    lines: of a text.
  """
  return (line for line in lines if line and not line.isspace())


class Index(dict[str, int]):
  """Numbers words in the order in which they appear, the special ones first."""

  def __init__(self) -> None:
    super().__init__({UNK: 0, EOS: 1})

  def __missing__(self, word: str) -> int:
    if len(self) >= _MOST_WORDS:
      raise errors.DataError(
        f"The text has more than {_MOST_WORDS:,} different words, so it is no "
        "text or too long: give another one, or a part of it, by `data_path`. "
        f"Received: a word {errors.shorten(word)!r}"
      )
    self[word] = number = len(self)
    return number


def to_numbers(
  token: str, lines: Iterable[str], index: Index
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the numbers of the words, and where in them each line ends.

  Args:
    token: the regular expression of a word.
    lines: of the text.
    index: numbers the words; new ones are added.
  """
  ids, ends = array.array("i"), array.array("q")
  find = re.compile(token).finditer
  for line in lines:
    words = map(re.Match.group, find(line))
    ids.extend(map(index.__getitem__, words))
    ids.append(index[EOS])
    ends.append(len(ids))
  return np.asarray(ids), np.asarray(ends)


def split_lines(
  numbers: np.ndarray, ends: np.ndarray, where: str, num_parts: int = 2
) -> list[np.ndarray]:
  """Cuts a text by its lines: the last tenth is test, that before it valid.

  Args:
    numbers: of the words.
    ends: where in them each line ends.
    where: the source, for the errors.
    num_parts: how many tenths are cut off, 1 or 2.
  """
  num = len(ends) // _PART_STRIDE
  if num < 1:
    raise errors.DataError(
      f"The text must have at least {_PART_STRIDE} lines that are not blank, "
      "so that some are for validation and some for the test: give a longer "
      f"one. Received: {where}, lines={len(ends)}"
    )
  return np.split(
    numbers, [ends[-i * num - 1] for i in range(num_parts, 0, -1)]
  )


def _vocabulary(
  ids: np.ndarray, index: Index, size: int | None
) -> tuple[str, ...]:
  # In parts: NumPy makes 8 bytes of each number to count it.
  counts = np.zeros(len(index), np.int64)
  for part in np.array_split(ids, -(-len(ids) // 2**22)):
    counts += np.bincount(part, minlength=len(index))
  special = {UNK, EOS}
  counted = {word: int(counts[i]) for word, i in index.items()}
  ranked = sorted(
    (word for word, count in counted.items() if count or word in special),
    key=lambda word: (-counted[word], word),
  )
  if size is not None:
    others = [word for word in ranked if word not in special]
    dropped = set(others[size - len(special) :])
    ranked = [word for word in ranked if word not in dropped]
  return tuple(ranked)
