"""A folder with a subfolder of images for each class."""

import concurrent.futures
import pathlib

import numpy as np
import tensorflow as tf

from enas_tf import errors

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif"}
# Of every class of a folder without train/ and test/, one in so many is test.
_TEST_STRIDE = 5


def read(path: pathlib.Path, image_size: int | None):
  """Returns (x_train, y_train), (x_test, y_test), class names.

  Args:
    path: has train/ and test/ with class subfolders, or class subfolders (then
      every fifth image of a class is for the test).
    image_size: height and width to resize to, in pixels, or None.

  Raises:
    DataError: if there are no images, or one cannot be read.
  """
  if (path / "train").is_dir() and (path / "test").is_dir():
    train, test = _list(path / "train"), _list(path / "test")
    if list(train) != list(test):
      raise errors.DataError(
          "train/ and test/ must have the same class subfolders. Received: "
          f"only in one of them: {sorted(set(train) ^ set(test))}"
      )
  else:
    files = _list(path)
    test = {name: each[::_TEST_STRIDE] for name, each in files.items()}
    train = {
        name: [file for file in each if file not in set(test[name])]
        for name, each in files.items()
    }
  if len(train) < 2 or not all(train.values()):
    raise errors.DataError(
        "There must be at least two classes, with at least two images each. "
        f"Received: { {name: len(each) for name, each in train.items()} }"
    )
  decode = _Decoder(image_size)
  return decode.split(train), decode.split(test), tuple(train)


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
        f".bmp or .gif images in it. Received: data_path={folder}, "
        f"classes without images: {empty}"
    )
  return classes


class _Decoder:
  """Decodes images and holds them to one size."""

  def __init__(self, image_size: int | None):
    self._size = image_size
    self._shape = None if image_size is None else (image_size, image_size, 3)

  def split(self, classes):
    files = [
        (file, label)
        for label, each in enumerate(classes.values())
        for file in each
    ]
    # Classes interleave, so that any part of the images has all of them.
    order = np.random.default_rng(0).permutation(len(files))
    files = [files[i] for i in order]
    if self._shape is None:
      self._shape = self._decode(files[0][0]).shape
    images = np.empty((len(files), *self._shape), np.uint8)

    def fill(i):
      images[i] = self._fit(files[i][0])

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
      for _ in pool.map(fill, range(len(files))):
        pass
    return images, np.array([label for _, label in files])

  def _decode(self, file: pathlib.Path):
    try:
      return tf.io.decode_image(
          file.read_bytes(), channels=3, expand_animations=False
      ).numpy()
    except (OSError, tf.errors.InvalidArgumentError) as error:
      raise errors.DataError(
          "An image cannot be read: it is damaged or of another format, so "
          f"replace or delete it. Received: {file} "
          f"({str(error).splitlines()[0]})"
      ) from error

  def _fit(self, file: pathlib.Path):
    image = self._decode(file)
    if image.shape == self._shape:
      return image
    if self._size is None:
      raise errors.DataError(
          "The images have different sizes: add --image_size=N to resize all "
          f"of them to N x N pixels. Received: {file} has {image.shape[:2]}, "
          f"the first image has {self._shape[:2]}"
      )
    resized = tf.image.resize(image, self._shape[:2], antialias=True)
    return np.clip(np.round(resized.numpy()), 0, 255).astype(np.uint8)
