"""Images and labels in an .npz file, as numpy.savez writes it."""

import math
import pathlib
import zipfile

import numpy as np

from enas_tf import errors
from enas_tf.data import base, files

_PARTS = ("train", "valid", "test")
_NAMES = "class_names"


def read(path: pathlib.Path) -> base.Parts:
  """Returns what the file holds.

  That is x_train, y_train and, if they are there, x_valid, y_valid, x_test,
  y_test and class_names.

  Args:
    path: of the file.

  Raises:
    DataError: if an array is missing, damaged or too large for the memory.
  """
  try:
    with files.open_regular(path) as file, zipfile.ZipFile(file) as archive:
      keys = _keys(archive)
      size = sum(_checked_size(archive, key) for key in keys)
      files.check_memory(
        size,
        "The arrays of the .npz file",
        "give fewer or smaller images",
        f"data_path={errors.shorten(path)}",
      )
      arrays = {key: _array(archive, key) for key in keys}
  except errors.DataError:
    raise
  except Exception as error:  # A damaged archive can raise anything.
    raise errors.DataError(
      "The .npz file is damaged or lacks x_train, y_train, or one of a pair of "
      "x_valid, y_valid or x_test, y_test: write it by numpy.savez, without "
      f"object arrays. Received: data_path={errors.shorten(path)} "
      f"({errors.shorten(error)})"
    ) from error
  pairs = {
    part: (arrays[f"x_{part}"], arrays[f"y_{part}"])
    for part in _PARTS
    if f"x_{part}" in arrays
  }
  names = arrays.get(_NAMES, np.array(())).reshape(-1).tolist()
  return base.Parts(
    pairs["train"],
    pairs.get("valid"),
    pairs.get("test"),
    tuple(map(_decoded, names)),
  )


def _keys(archive: zipfile.ZipFile) -> list[str]:
  """Returns the names of the arrays to read."""
  found = set(archive.namelist())
  optional = [f"{x}_{part}" for part in _PARTS[1:] for x in "xy"]
  pairs = [
    key
    for key in optional
    # One of a pair without the other is missed when it is read.
    if {_entry(f"x{key[1:]}"), _entry(f"y{key[1:]}")} & found
  ]
  names = [_NAMES] if _entry(_NAMES) in found else []
  return ["x_train", "y_train", *pairs, *names]


def _decoded(name: str | bytes) -> str:
  return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


def _entry(key: str) -> str:
  return f"{key}.npy"


def _checked_size(archive: zipfile.ZipFile, key: str) -> int:
  """Returns the bytes of an array; NumPy believes what its header says."""
  info = archive.getinfo(_entry(key))
  with archive.open(info) as file:
    version = np.lib.format.read_magic(file)
    read_header = {
      (1, 0): np.lib.format.read_array_header_1_0,
      (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, _, dtype = read_header(file)
    size = info.file_size - file.tell()
  if dtype.hasobject:
    raise ValueError(f"{key} is an object array")
  if not dtype.itemsize or math.prod(shape) * dtype.itemsize != size:
    raise ValueError(f"{key} does not have the size that its header says")
  return size


def _array(archive: zipfile.ZipFile, key: str) -> np.ndarray:
  with archive.open(_entry(key)) as file:
    return np.lib.format.read_array(file, allow_pickle=False)
