"""MNIST and Fashion-MNIST as IDX files."""

import math
import pathlib

import numpy as np

from enas_tf import errors
from enas_tf.data import files

_IMAGES, _LABELS = 2051, 2049  # The magic numbers of IDX files of uint8.
_FILES = (
  ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
  ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)

# The images of MNIST have 47 MB, those of its largest relative (EMNIST) 547 MB.
_MOST_BYTES = 2**30


def read(path: pathlib.Path) -> list[tuple[np.ndarray, np.ndarray]]:
  """Returns (x_train, y_train), (x_test, y_test) of a folder of IDX files.

  Args:
    path: of the folder.

  Raises:
    DataError: if a file is missing, damaged or holds something else.
  """
  return [
    (_idx(path, images, _IMAGES, 3), _idx(path, labels, _LABELS, 1))
    for images, labels in _FILES
  ]


def _idx(folder: pathlib.Path, name: str, magic: int, rank: int) -> np.ndarray:
  candidates = [folder / name, folder / f"{name}.gz"]
  found = [each for each in candidates if each.is_file()]
  if not found:
    raise errors.DataError(
      f"`data_path` must be a folder with {name} or {name}.gz and its three "
      f"sisters, or an .npz file. Received: data_path={errors.shorten(folder)}"
    )
  try:
    with files.unpacked(found[0], _MOST_BYTES) as stream:
      return _array(stream, magic, rank)
  except Exception as error:  # A damaged file can raise anything.
    raise errors.DataError(
      "An IDX file is damaged or of another format: download it again, or "
      f"correct `data_path`. Received: {errors.shorten(found[0])} "
      f"({errors.shorten(error)})"
    ) from error


def _array(stream: files.Bounded, magic: int, rank: int) -> np.ndarray:
  header = np.frombuffer(stream.read(4 * (rank + 1)), ">i4")
  if len(header) != rank + 1 or header[0] != magic:
    raise ValueError("the magic number is another")
  shape = tuple(map(int, header[1:]))
  size = math.prod(shape)
  if min(shape) < 0 or size > _MOST_BYTES:
    raise ValueError(f"it says that its shape is {shape}")
  content = stream.read(size + 1)  # To the end, where a .gz has its checksum.
  if len(content) != size:
    raise ValueError(f"it does not have the shape {shape} that it says")
  return np.frombuffer(content, np.uint8).reshape(shape)
