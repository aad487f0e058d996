"""A folder with a subfolder of images for each class."""

import math
import os
import pathlib
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from enas_tf import errors
from enas_tf.data import base, files, gif

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif"}
# Of every class of a folder without train/ and test/, one in so many is test.
_TEST_STRIDE = 5
# Decoded at once: many small images, for speed, or few large ones.
_BATCH_BYTES = 2**22
# Of an image file, and of what it unpacks to: TensorFlow refuses more,
# but for GIF.
_MOST_FILE_BYTES, _MOST_BYTES = 2**28, 2**30


def read(path: pathlib.Path, image_size: int | None) -> base.Parts:
  """Returns the splits of a folder.

  Args:
    path: has train/ and one or both of valid/ (or val/) and test/, with class
      subfolders; or class subfolders (then every fifth image of a class is for
      the test).
    image_size: height and width to resize to, in pixels, or None.

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
    shape = _decode_one(os.fsencode(next(iter(train.values()))[0])).shape
  else:
    shape = (image_size, image_size, 3)
  resizes = image_size is not None
  num_images = sum(len(x) for each in splits.values() for x in each.values())
  _check_memory(shape, num_images, resizes)
  found = {name: _split(each, shape, resizes) for name, each in splits.items()}
  return base.Parts(
    found["train"], found.get("valid"), found.get("test"), tuple(train)
  )


# The files of each class, by its name.
Classes = dict[str, list[str]]


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


def _check_memory(shape, num_images: int, resizes: bool) -> None:
  remedy, received = "add `image_size=N`, a small one", f"shape={tuple(shape)}"
  if resizes:
    remedy, received = "lower `image_size`", f"image_size={shape[0]}"
  files.check_memory(
    math.prod(shape) * num_images,
    f"{num_images} images of this size",
    f"{remedy}, or give fewer images",
    received,
  )


def _list(folder: pathlib.Path) -> dict[str, list[str]]:
  """Returns the paths of the images of each class."""
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


def _checked_file(file: os.DirEntry) -> str:
  """Returns the path of an image; a device or a pipe may never end."""
  try:
    size = file.stat().st_size
    reason = None if file.is_file() else "it is no regular file"
    if size > _MOST_FILE_BYTES:
      reason = f"it has {size:,} bytes, more than {_MOST_FILE_BYTES:,}"
    elif not reason and file.name.lower().endswith(".gif"):
      content = files.read_bytes(pathlib.Path(file.path), _MOST_FILE_BYTES)
      size = gif.unpacked_bytes(content)
      if size > _MOST_BYTES:
        reason = f"it unpacks to {size:,} bytes, more than {_MOST_BYTES:,}"
  except OSError as error:  # A link to nothing, or in a circle.
    reason = error.strerror
  if reason:
    raise errors.DataError(
      "An image of `data_path` cannot be read: replace or delete it. Received: "
      f"{errors.shorten(file.path)} ({reason})"
    )
  return file.path


def _split(
  classes: Classes, shape: tuple[int, ...], resizes: bool
) -> tuple[np.ndarray, np.ndarray]:
  """Returns images uint8 [num_images, *shape] and their labels."""
  pairs = [
    (os.fsencode(file), label)  # A name need not be UTF-8.
    for label, each in enumerate(classes.values())
    for file in each
  ]
  # Classes interleave, so that any part of the images has all of them.
  order = np.random.default_rng(0).permutation(len(pairs))
  names, labels = zip(*(pairs[i] for i in order), strict=True)
  images = np.empty((len(names), *shape), np.uint8)

  def decode(file):
    image = _decode(file)
    if resizes:
      image = tf.image.resize(image, shape[:2], antialias=True)
      image = tf.saturate_cast(tf.round(image), tf.uint8)
    return tf.ensure_shape(image, shape)

  batches = tf.data.Dataset.from_tensor_slices(list(names))
  batches = batches.map(decode, tf.data.AUTOTUNE)
  batches = batches.batch(max(1, _BATCH_BYTES // images[0].nbytes))
  done = 0
  try:
    for batch in batches.as_numpy_iterator():
      images[done : done + len(batch)] = batch
      done += len(batch)
  except tf.errors.OpError as error:
    # It does not name the file, which is one of the next batch.
    for file in names[done:]:
      _check(file, None if resizes else shape)
    raise errors.DataError(
      "The images of `data_path` cannot be read, though each alone can: give "
      "smaller or fewer ones, and change none while they are read. Received: "
      f"{errors.shorten(error)}"
    ) from error
  return images, np.array(labels)


def _decode(file):
  content = tf.io.read_file(file)
  # Only under its own name is the size of a GIF known to be bounded.
  is_gif = tf.strings.substr(content, 0, 3) == b"GIF"
  named_gif = tf.strings.lower(tf.strings.substr(file, -4, 4)) == b".gif"
  content = tf.where(is_gif & ~named_gif, b"a GIF under another name", content)
  return tf.io.decode_image(content, channels=3, expand_animations=False)


def _decode_one(file):
  try:
    return _decode(file)
  except tf.errors.OpError as error:
    # Without the name of the graph's node.
    reason = str(error).splitlines()[0].rpartition("}} ")[2]
    raise errors.DataError(
      "An image of `data_path` cannot be read: it is damaged, too large or of "
      "another format, so replace or delete it. Received: "
      f"{errors.shorten(os.fsdecode(file))} ({errors.shorten(reason)})"
    ) from error


def _check(file, shape):
  """Raises DataError if the image is damaged or of another shape."""
  image = _decode_one(file)
  if shape is not None and image.shape != shape:
    raise errors.DataError(
      "The images have different sizes: add `image_size=N` to resize all "
      "of them to N x N pixels. Received: "
      f"{errors.shorten(os.fsdecode(file))} has "
      f"{tuple(image.shape[:2])}, the first image has {tuple(shape[:2])}"
    )
