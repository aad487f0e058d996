"""CIFAR-10 and CIFAR-100, as downloaded or as the official Python batches."""

import pathlib
import tarfile
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from enas_tf import errors
from enas_tf.data import files, pickles

_FILES = {
  "cifar10": (
    [f"data_batch_{i}" for i in range(1, 6)],
    ["test_batch"],
    "batches.meta",
    b"labels",
    b"label_names",
  ),
  "cifar100": (
    ["train"],
    ["test"],
    "meta",
    b"fine_labels",
    b"fine_label_names",
  ),
}
_FOLDERS = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}


# The largest file has 155 MB, all of a data set have 187 MB. An archive of
# more, or of more members than this, is another one.
_MOST_BYTES, _MOST_MEMBERS = 2**28, 1000
_MOST_CLASSES = 256

# Images and their labels.
_Part = tuple[np.ndarray, np.ndarray]


def read(name: str, path: pathlib.Path) -> tuple[_Part, _Part, tuple[str, ...]]:
  """Returns (x_train, y_train), (x_test, y_test), class names.

  Args:
    name: "cifar10" or "cifar100".
    path: the folder of the official batches, one above it, or the archive.

  Raises:
    DataError: if a file is missing, damaged or holds something else.
  """
  read_bytes = _archive(name, path) if path.is_file() else _folder(name, path)
  train, test, meta, label_key, names_key = _FILES[name]
  splits = []
  for names in (train, test):
    parts = [_batch(file, read_bytes(file), label_key) for file in names]
    images, labels = zip(*parts, strict=True)
    splits.append((np.concatenate(images), np.concatenate(labels)))
  words = _unpickle(meta, read_bytes(meta)).get(names_key)
  if not isinstance(words, list) or not all(
    isinstance(word, bytes) for word in words
  ):
    raise errors.DataError(
      f"The file {meta} must hold a list of names, {names_key.decode()}: give "
      f"the official Python batches. Received: data_path={errors.shorten(path)}"
    )
  class_names = tuple(word.decode(errors="replace") for word in words)
  return splits[0], splits[1], class_names


def _folder(name: str, path: pathlib.Path) -> Callable[[str], bytes]:
  folder = path / _FOLDERS[name] if (path / _FOLDERS[name]).is_dir() else path

  def read_bytes(file: str) -> bytes:
    try:
      return files.read_bytes(folder / file, _MOST_BYTES)
    except OSError as error:
      raise errors.DataError(
        f"A file of {name} is missing or cannot be read: `data_path` must be "
        f"the folder with {', '.join(sum(_FILES[name][:2], []))}, or the "
        f"official archive. Received: data_path={errors.shorten(path)}, "
        f"{file} ({error.strerror})"
      ) from error

  return read_bytes


def _archive(name: str, path: pathlib.Path) -> Callable[[str], bytes]:
  try:
    contents = _members(name, path)
  except Exception as error:  # A damaged archive can raise anything.
    raise errors.DataError(
      "The archive is damaged or of another format: download it again, and "
      f"give the official Python archive of {name}. Received: "
      f"data_path={errors.shorten(path)} ({errors.shorten(error)})"
    ) from error

  def read_bytes(file: str) -> bytes:
    if file not in contents:
      raise errors.DataError(
        f"The archive has no file {file}: give the official Python archive "
        f"of {name}. Received: data_path={errors.shorten(path)}"
      )
    return contents[file]

  return read_bytes


def _members(name: str, path: pathlib.Path) -> dict[str, bytes]:
  """Returns the files of an archive, by name; nothing is written to disk."""
  train, test, meta, *_ = _FILES[name]
  contents = {}
  with files.unpacked(path, _MOST_BYTES) as stream:
    # A tar file that is read as a stream needs nothing but `read`.
    with tarfile.open(
      fileobj=cast(Any, stream), mode="r|", bufsize=2**20
    ) as archive:
      for number, member in enumerate(archive):
        if number >= _MOST_MEMBERS:
          raise ValueError(f"it has more than {_MOST_MEMBERS} members")
        file = pathlib.PurePosixPath(member.name).name
        # A sparse file is larger than what is stored of it.
        if file in (*train, *test, meta) and member.isreg():
          if member.issparse() or member.size > _MOST_BYTES:
            raise ValueError(f"{file} unpacks to {member.size:,} bytes")
          content = archive.extractfile(member)
          assert content is not None  # It is a regular file.
          contents[file] = content.read()
    while stream.read(2**20):  # To the end, where a .gz has its checksum.
      pass
  return contents


def _unpickle(file: str, content: bytes) -> dict:
  try:
    return pickles.load(content)
  except Exception as error:  # A damaged pickle can raise anything.
    raise errors.DataError(
      f"The file {file} is not a CIFAR batch, or it is damaged: download it "
      f"again, or correct `data_path`. Received: {file} "
      f"({errors.shorten(error)})"
    ) from error


def _batch(file: str, content: bytes, label_key: bytes) -> _Part:
  value = _unpickle(file, content)
  pixels, labels = value.get(b"data"), value.get(label_key)
  if (
    not isinstance(pixels, np.ndarray)
    or pixels.ndim != 2
    or pixels.shape[1] != 3072
    or not isinstance(labels, list)
    or len(labels) != len(pixels)
    or not all(
      isinstance(label, int) and 0 <= label < _MOST_CLASSES for label in labels
    )
  ):
    raise errors.DataError(
      f"The file {file} must hold uint8 pixels [n, 3072] and n labels: give "
      "the official Python batches. Received: keys="
      f"{errors.shorten([k for k in value if isinstance(k, bytes | str)])}"
    )
  images = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
  return images, np.array(labels)
