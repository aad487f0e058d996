"""Opens what users give: only regular files, and within bounds of memory."""

import bz2
import contextlib
import gzip
import lzma
import os
import pathlib
import resource
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from enas_tf import errors

# How compressed files begin, and what opens them.
_OPENERS: dict[bytes, Callable[..., Any]] = {
  b"\x1f\x8b": gzip.open,
  b"BZh": bz2.open,
  b"\xfd7zXZ\x00": lzma.open,
  b"\x5d\x00\x00": lzma.open,
}


def existing(data_path: str) -> pathlib.Path:
  """Returns the path, with ~ expanded.

  Args:
    data_path: as a user gives it.

  Raises:
    DataError: if there is nothing.
  """
  try:
    path = pathlib.Path(data_path).expanduser()
    if data_path and path.exists():
      return path
    reason: str | Exception = "there is no such file or folder"
  except (OSError, ValueError, RuntimeError) as error:  # ~nobody, or too long.
    reason = error
  raise errors.DataError(
    "`data_path` does not exist: correct it, or choose data that need none, "
    f"such as `data=digits` or `data=pydoc`. Received: "
    f"data_path={errors.shorten(data_path)} ({errors.shorten(reason)})"
  )


def entries(folder: pathlib.Path) -> list[os.DirEntry]:
  """Returns what is in a folder and not hidden, by name.

  Args:
    folder: the folder.

  Raises:
    DataError: if the folder cannot be read.
  """
  try:
    with os.scandir(folder) as found:
      return sorted(
        (each for each in found if not each.name.startswith(".")),
        key=lambda each: each.name,
      )
  except OSError as error:
    raise errors.DataError(
      "A folder of `data_path` cannot be read: correct it, or its "
      f"permissions. Received: {errors.shorten(folder)} ({error.strerror})"
    ) from error


def open_regular(path: pathlib.Path) -> BinaryIO:
  """Opens a file for reading; a device or a pipe may never end.

  Args:
    path: of the file.

  Raises:
    OSError: if it is no file, or cannot be read.
  """
  if path.exists() and not path.is_file():
    raise OSError(0, "it is no regular file")
  return open(path, "rb")


def read_bytes(path: pathlib.Path, most: int) -> bytes:
  """Returns the content of a file of at most `most` bytes.

  Args:
    path: of the file.
    most: bytes that it may have.

  Raises:
    OSError: if it is no file, cannot be read or has more bytes.
  """
  with open_regular(path) as file:
    content = file.read(min(most, os.fstat(file.fileno()).st_size) + 1)
  if len(content) > most:
    raise OSError(0, f"it has more than {most:,} bytes")
  return content


@contextlib.contextmanager
def unpacked(path: pathlib.Path, most: int) -> Iterator["Bounded"]:
  """Opens a file, decompressed by gzip, bzip2 or xz if it is compressed.

  Args:
    path: of the file.
    most: bytes that it may have, decompressed.
  """
  with open_regular(path) as file:
    start = file.read(8)
    file.seek(0)
    for magic, opener in _OPENERS.items():
      if start.startswith(magic):
        with opener(file) as stream:
          yield Bounded(stream, most)
        return
    yield Bounded(file, most)


class Bounded:
  """A stream that refuses to give too many bytes.

  Args:
    stream: where they come from.
    most: how many it gives.
  """

  def __init__(self, stream: BinaryIO, most: int) -> None:
    self._stream, self._most, self._given = stream, most, 0

  def read(self, size: int) -> bytes:
    """Returns the next bytes.

    Args:
      size: at most so many.

    Raises:
      ValueError: if they are too many.
    """
    content = self._stream.read(size)
    self._given += len(content)
    if self._given > self._most:
      raise ValueError(f"it unpacks to more than {self._most:,} bytes")
    return content


def most_memory() -> int:
  """Returns the bytes that data may take: half of the machine's memory.

  The other half is for the copies of TensorFlow, and for the network.
  """
  return memory() // 2


def memory() -> int:
  """Returns the bytes of memory that the process may have."""
  found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
  for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
    limit, _ = resource.getrlimit(kind)
    if limit != resource.RLIM_INFINITY:
      found = min(found, limit)
  return found


def check_memory(num_bytes: int, what: str, remedy: str, received: str) -> None:
  """Raises DataError if so many bytes are too many for this machine.

  Args:
    num_bytes: how many.
    what: would take them, the first words of the message.
    remedy: what the message advises.
    received: what the user gave.
  """
  most = most_memory()
  if num_bytes > most:
    raise errors.DataError(
      f"{what} would take {num_bytes / 2**30:,.1f} GiB of memory, more than "
      f"{most / 2**30:,.1f} GiB, half of what this machine has: {remedy}. "
      f"Received: {received}"
    )
