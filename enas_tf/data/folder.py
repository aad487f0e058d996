"""A folder with a subfolder of images for each class."""

import pathlib

import numpy as np
import tensorflow as tf

from enas_tf import errors

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif"}
# Of every class of a folder without train/ and test/, one in so many is test.
_TEST_STRIDE = 5
# Decoded at once: many small images, for speed, or few large ones.
_BATCH_BYTES = 2**22


def read(path: pathlib.Path, image_size: int | None):
  """Returns (x_train, y_train), (x_test, y_test), class names.

  Args:
    path: has train/ and test/ with class subfolders, or class subfolders (then
      every fifth image of a class is for the test).
    image_size: height and width to resize to, in pixels, or None.

  Raises:
    DataError: if there are no images, or one cannot be read.
  """
  train, test = _classes(path)
  if len(train) < 2 or not all(train.values()):
    raise errors.DataError(
      "There must be at least two classes, with at least two images each. "
      f"Received: { {name: len(each) for name, each in train.items()} }"
    )
  if image_size is None:
    shape = _decode_one(next(iter(train.values()))[0]).shape
  else:
    shape = (image_size, image_size, 3)
  resizes = image_size is not None
  return (
    _split(train, shape, resizes),
    _split(test, shape, resizes),
    tuple(train),
  )


def _classes(path: pathlib.Path):
  """Returns the training files and the test files of each class."""
  if (path / "train").is_dir() and (path / "test").is_dir():
    train, test = _list(path / "train"), _list(path / "test")
    if list(train) != list(test):
      raise errors.DataError(
        "train/ and test/ must have the same class subfolders: add or rename "
        f"those that differ. Received: data_path={path}, only in one of "
        f"them: {sorted(set(train) ^ set(test))}"
      )
    return train, test
  files = _list(path)
  test = {name: each[::_TEST_STRIDE] for name, each in files.items()}
  train = {
    name: [file for i, file in enumerate(each) if i % _TEST_STRIDE]
    for name, each in files.items()
  }
  return train, test


def _list(folder: pathlib.Path) -> dict[str, list[pathlib.Path]]:
  classes = {
    each.name: sorted(
      file
      for file in each.iterdir()
      if file.suffix.lower() in _SUFFIXES and not file.name.startswith(".")
    )
    for each in sorted(folder.iterdir())
    if each.is_dir() and not each.name.startswith(".")
  }
  if not classes or not all(classes.values()):
    empty = [name for name, files in classes.items() if not files]
    raise errors.DataError(
      "--data_path must have a subfolder for each class, with .jpg, .png, "
      ".bmp or .gif images in it; or train/ and test/ with such subfolders. "
      f"Received: {folder}, classes without images: {empty}"
    )
  return classes


def _split(classes, shape, resizes: bool):
  """Returns images uint8 [num_images, *shape] and their labels."""
  files = [
    (str(file), label)
    for label, each in enumerate(classes.values())
    for file in each
  ]
  # Classes interleave, so that any part of the images has all of them.
  order = np.random.default_rng(0).permutation(len(files))
  files, labels = zip(*(files[i] for i in order), strict=True)
  images = np.empty((len(files), *shape), np.uint8)

  def decode(file):
    image = _decode(file)
    if resizes:
      image = tf.image.resize(image, shape[:2], antialias=True)
      image = tf.saturate_cast(tf.round(image), tf.uint8)
    return tf.ensure_shape(image, shape)

  batches = tf.data.Dataset.from_tensor_slices(list(files))
  batches = batches.map(decode, tf.data.AUTOTUNE)
  batches = batches.batch(max(1, _BATCH_BYTES // images[0].nbytes))
  done = 0
  try:
    for batch in batches.as_numpy_iterator():
      images[done : done + len(batch)] = batch
      done += len(batch)
  except tf.errors.OpError:
    # It does not name the file, which is one of the next batch.
    for file in files[done:]:
      _check(file, None if resizes else shape)
    raise
  return images, np.array(labels)


def _decode(file):
  return tf.io.decode_image(
    tf.io.read_file(file), channels=3, expand_animations=False
  )


def _decode_one(file):
  try:
    return _decode(str(file))
  except tf.errors.OpError as error:
    # Without the name of the graph's node.
    reason = str(error).splitlines()[0].rpartition("}} ")[2]
    raise errors.DataError(
      "An image cannot be read: it is damaged or of another format, so "
      f"replace or delete it. Received: {file} ({reason})"
    ) from error


def _check(file, shape):
  """Raises DataError if the image is damaged or of another shape."""
  image = _decode_one(file)
  if shape is not None and image.shape != shape:
    raise errors.DataError(
      "The images have different sizes: add --image_size=N to resize all "
      f"of them to N x N pixels. Received: {file} has "
      f"{tuple(image.shape[:2])}, the first image has {tuple(shape[:2])}"
    )
