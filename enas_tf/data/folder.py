"""A folder with a subfolder of images for each class."""

import math
import os
import pathlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from enas_tf import errors
from enas_tf.data import base, decoding, files, gif, streaming

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif"}
# Of every class of a folder without train/ and test/, one in so many is test.
_TEST_STRIDE = 5
# Of the memory, what decoded images may take; more stay on the disk. The copies
# of TensorFlow take as much again, and the network wants the rest.
_MEMORY_FRACTION = 0.25
# Of an image file, and of what it unpacks to: TensorFlow refuses more,
# but for GIF.
_MOST_FILE_BYTES, _MOST_BYTES = 2**28, 2**30


def read(
  path: pathlib.Path, image_size: int | None, most_bytes: int | None = None
) -> base.Parts:
  """Returns the splits of a folder.

  Args:
    path: has train/ and one or both of valid/ (or val/) and test/, with class
      subfolders; or class subfolders (then every fifth image of a class is for
      the test).
    image_size: height and width to resize to, in pixels, or None.
    most_bytes: of decoded images that are kept in memory; if there are more,
      they are read when they are needed. None is for a quarter of the memory.

  Raises:
    DataError: if there are no images, or one cannot be read.
  """
  splits = _classes(path)
  train = splits["train"]
  if len(train) < 2 or not all(train.values()):
    raise errors.DataError(
      "There must be at least two classes, with at least two images each. "
      f"Received: data_path={errors.shorten(path)}, training images: "
      f"{errors.shorten({name: len(each) for name, each in train.items()})}"
    )
  if image_size is None:
    first = os.fsencode(next(iter(train.values()))[0].path)
    shape = tuple(decoding.decode_one(first).shape)
  else:
    shape = (image_size, image_size, 3)
  resizes = image_size is not None
  on_disk = {
    name: _split(each, shape, resizes) for name, each in splits.items()
  }
  found: dict[str, base.Split] = dict(on_disk)
  if most_bytes is None:
    most_bytes = int(_MEMORY_FRACTION * files.memory())
  if math.prod(shape) * sum(map(len, found.values())) <= most_bytes:
    found = {name: each.in_memory() for name, each in on_disk.items()}
  else:
    _check_memory(shape, resizes)
  return base.Parts(
    found["train"], found.get("valid"), found.get("test"), tuple(train)
  )


class File(NamedTuple):
  """An image file.

  Attributes:
    path: of the file.
    size: in bytes.
  """

  path: str
  size: int


# The files of each class, by its name.
Classes = dict[str, list[File]]


def _classes(path: pathlib.Path) -> dict[str, Classes]:
  """Returns the files of each split that there is."""
  folders = {
    "train": path / "train",
    "valid": path / ("val" if (path / "val").is_dir() else "valid"),
    "test": path / "test",
  }
  found = {name: each for name, each in folders.items() if each.is_dir()}
  # Without test/, train/ and valid/ could be classes.
  if "train" in found and ("test" in found or _has_folders(found.values())):
    splits = {name: _list(each) for name, each in found.items()}
    for name, each in splits.items():
      if list(each) != list(splits["train"]):
        differing = sorted(set(splits["train"]) ^ set(each))
        raise errors.DataError(
          f"train/ and {found[name].name}/ must have the same class "
          "subfolders: add or rename those that differ. Received: "
          f"data_path={errors.shorten(path)}, only in one of them: "
          f"{errors.shorten(differing)}"
        )
    return splits
  images = _list(path)
  return {
    "train": {
      name: [file for i, file in enumerate(each) if i % _TEST_STRIDE]
      for name, each in images.items()
    },
    "test": {name: each[::_TEST_STRIDE] for name, each in images.items()},
  }


def _has_folders(folders: Iterable[pathlib.Path]) -> bool:
  """Returns whether each of two or more folders has a folder in it."""
  folders = list(folders)
  return len(folders) > 1 and all(
    any(entry.is_dir() for entry in files.entries(each)) for each in folders
  )


def _check_memory(shape: tuple[int, int, int], resizes: bool) -> None:
  """Raises DataError if not even one image, as floats, fits into the memory."""
  remedy, received = "add `image_size=N`, a small one", f"shape={shape}"
  if resizes:
    remedy, received = "lower `image_size`", f"image_size={shape[0]}"
  files.check_memory(
    4 * math.prod(shape), "An image of this size", remedy, received
  )


def _list(folder: pathlib.Path) -> Classes:
  """Returns the images of each class."""
  classes = {
    each.name: [
      _checked_file(file)
      for file in files.entries(pathlib.Path(each))
      if os.path.splitext(file.name)[1].lower() in _SUFFIXES
    ]
    for each in files.entries(folder)
    if each.is_dir()
  }
  if not classes or not all(classes.values()):
    empty = [name for name, images in classes.items() if not images]
    raise errors.DataError(
      "`data_path` must have a subfolder for each class, with .jpg, .png, "
      ".bmp or .gif images in it; or train/ and test/ with such subfolders. "
      f"Received: {errors.shorten(folder)}, classes without images: "
      f"{errors.shorten(empty)}"
    )
  return classes


def _checked_file(file: os.DirEntry) -> File:
  """Returns an image that can be opened; a device or a pipe may never end."""
  try:
    size = file.stat().st_size
    reason = None if file.is_file() else "it is no regular file"
    if size > _MOST_FILE_BYTES:
      reason = f"it has {size:,} bytes, more than {_MOST_FILE_BYTES:,}"
    elif not reason and file.name.lower().endswith(".gif"):
      content = files.read_bytes(pathlib.Path(file.path), _MOST_FILE_BYTES)
      unpacked = gif.unpacked_bytes(content)
      if unpacked > _MOST_BYTES:
        reason = f"it unpacks to {unpacked:,} bytes, more than {_MOST_BYTES:,}"
  except OSError as error:  # A link to nothing, or in a circle.
    reason = error.strerror
  if reason:
    raise errors.DataError(
      "An image of `data_path` cannot be read: replace or delete it. Received: "
      f"{errors.shorten(file.path)} ({reason})"
    )
  return File(file.path, size)


def _split(
  classes: Classes, shape: tuple[int, int, int], resizes: bool
) -> streaming.FileSplit:
  """Returns the images of all classes; nothing is read."""
  pairs = [
    (file, label)
    for label, each in enumerate(classes.values())
    for file in each
  ]
  # Classes interleave, so that any part of the images has all of them.
  order = np.random.default_rng(0).permutation(len(pairs))
  found, labels = zip(*(pairs[i] for i in order), strict=True)
  return streaming.FileSplit(
    # A name need not be UTF-8.
    np.array([os.fsencode(file.path) for file in found]),
    np.array([file.size for file in found], np.int64),
    np.array(labels, np.int32),
    shape,
    resizes,
  )
