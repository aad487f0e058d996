"""Images and labels in an .npz file, as numpy.savez writes it."""

import math
import pathlib
import zipfile

import numpy as np

from enas_tf import errors
from enas_tf.data import files

_KEYS = ("x_train", "y_train", "x_test", "y_test")
_NAMES = "class_names"


def read(path: pathlib.Path):
  """Returns (x_train, y_train), (x_test, y_test), class names (or none).

  Raises:
    DataError: if an array is missing, damaged or too large for the memory.
  """
  try:
    with files.open_regular(path) as file, zipfile.ZipFile(file) as archive:
      keys = list(_KEYS)
      if _entry(_NAMES) in archive.namelist():
        keys.append(_NAMES)
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
      f"The .npz file is damaged or lacks one of {', '.join(_KEYS)}: write it "
      "by numpy.savez, without object arrays. Received: "
      f"data_path={errors.shorten(path)} ({errors.shorten(error)})"
    ) from error
  x_train, y_train, x_test, y_test = (arrays[key] for key in _KEYS)
  names = arrays.get(_NAMES, np.array(()))
  return (
    (x_train, y_train),
    (x_test, y_test),
    tuple(_decoded(name) for name in names.reshape(-1).tolist()),
  )


def _decoded(name) -> str:
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
