"""MNIST and Fashion-MNIST as IDX files."""

import gzip
import pathlib
import zlib

import numpy as np

from enas_tf import errors

_IMAGES, _LABELS = 2051, 2049  # The magic numbers of IDX files of uint8.
_FILES = (
  ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
  ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)


def read(path: pathlib.Path):
  """Returns (x_train, y_train), (x_test, y_test) of a folder of IDX files.

  Raises:
    DataError: if a file is missing, damaged or holds something else.
  """
  return [
    (_idx(path, images, _IMAGES, 3), _idx(path, labels, _LABELS, 1))
    for images, labels in _FILES
  ]


def _idx(folder, name, magic, rank):
  candidates = [folder / name, folder / f"{name}.gz"]
  found = [each for each in candidates if each.is_file()]
  if not found:
    raise errors.DataError(
      f"--data_path must be a folder with {name} or {name}.gz and its three "
      f"sisters, or an .npz file. Received: data_path={folder}"
    )
  try:
    content = found[0].read_bytes()
    if found[0].suffix == ".gz":
      content = gzip.decompress(content)
    header = np.frombuffer(content[: 4 * (rank + 1)], ">i4")
    if len(header) != rank + 1 or header[0] != magic:
      raise ValueError("the magic number is another")
    return np.frombuffer(content[4 * (rank + 1) :], np.uint8).reshape(
      header[1:]
    )
  except (ValueError, EOFError, OSError, zlib.error) as error:
    raise errors.DataError(
      "An IDX file is damaged or of another format: download it again. "
      f"Received: {found[0]} ({error})"
    ) from error
