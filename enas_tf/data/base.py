"""Splits of images, what every data set is read into."""

import abc
import collections
import contextlib
import dataclasses
import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from enas_tf import errors

# Smaller images leave nothing to pool twice.
MIN_SIZE = 4
# As long as a name of a folder may be.
_LONGEST_NAME = 255
# Control characters, ends of lines and what is no character.
_UNFIT = {"Cc", "Zl", "Zp", "Cs"}


# The splits, and what error messages call them.
PARTS = {"train": "training", "valid": "validation", "test": "test"}


class Parts(NamedTuple):
  """What a source holds, as it was read.

  Attributes:
    train: a split, or a pair of arrays that become one.
    valid: likewise, or None.
    test: likewise, or None.
    class_names: the words of the classes, or None: those of the data set.
  """

  train: "Split | tuple[Any, Any]"
  valid: "Split | tuple[Any, Any] | None"
  test: "Split | tuple[Any, Any] | None"
  class_names: tuple[str, ...] | None


class Split(abc.ABC):
  """Images and their labels, wherever they lie.

  Attributes:
    labels: int32 [num_images], in [0, num_classes).
    image_shape: height, width (in pixels) and channels.
  """

  labels: np.ndarray
  image_shape: tuple[int, int, int]

  def __len__(self) -> int:
    return len(self.labels)

  @abc.abstractmethod
  def __getitem__(self, rows: slice) -> "Split":
    """Returns some of the images, as a split."""

  @abc.abstractmethod
  def fetch(self, order: tf.data.Dataset) -> tf.data.Dataset:
    """Returns the images of batches, in the order that is given.

    Args:
      order: batches, each a step and the indices of its images, int32 [n]; all
        have as many but the last.

    Returns:
      The steps, the images uint8 [n, *image_shape] and the labels int32 [n].
    """

  @abc.abstractmethod
  def sample(self) -> Iterator[np.ndarray]:
    """Yields the images to measure, in parts uint8 [n, *image_shape]."""

  @abc.abstractmethod
  def digest(self) -> str:
    """Returns a text that other images or labels would not give."""

  def damage(self) -> errors.DataError | None:
    """Returns what is wrong with the images that were fetched last, if any."""
    return None


@dataclasses.dataclass(frozen=True)
class ArraySplit(Split):
  """Images in memory.

  Attributes:
    images: uint8 [num_images, height, width, channels].
    labels: int32 [num_images], in [0, num_classes).
  """

  images: np.ndarray
  labels: np.ndarray

  # That of the images: nobody sets it.
  @property
  def image_shape(  # type: ignore[override]
    self,
  ) -> tuple[int, int, int]:
    """Height, width (in pixels) and channels."""
    height, width, channels = self.images.shape[1:]
    return height, width, channels

  def __getitem__(self, rows: slice) -> "ArraySplit":
    return ArraySplit(self.images[rows], self.labels[rows])

  def fetch(self, order: tf.data.Dataset) -> tf.data.Dataset:
    with tf.device("CPU"):  # Batches are cut there; a GPU needs no whole copy.
      images, labels = tf.constant(self.images), tf.constant(self.labels)

    @tf.autograph.experimental.do_not_convert  # Would cost half a second.
    def read(step: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, ...]:
      return step, tf.gather(images, rows), tf.gather(labels, rows)

    return order.map(read, 2)

  def sample(self) -> Iterator[np.ndarray]:
    """Yields all images, in parts: NumPy makes 8 bytes of each pixel."""
    yield from np.array_split(self.images, -(-len(self) // 1000))

  def digest(self) -> str:
    found = hashlib.sha256(str(self.images.shape).encode())
    found.update(np.ascontiguousarray(self.images).data)
    found.update(np.ascontiguousarray(self.labels).data)
    return found.hexdigest()


@dataclasses.dataclass(frozen=True)
class ImageDataset:
  """A data set, split and measured.

  Attributes:
    name: of the data set.
    train: what gradients are computed on.
    valid: what rewards are computed on; None when `train` has all of it.
    test: what nothing is ever chosen by, or None.
    class_names: the words of the classes.
    mean: of each channel of `train`, pixels in [0, 1], float32 [channels]; 0 if
      they are not normalized.
    std: likewise, the standard deviation; 1 if they are not normalized.
    augment: "none", "crop" or "crop_flip".
  """

  name: str
  train: Split
  valid: Split | None
  test: Split | None
  class_names: tuple[str, ...]
  mean: np.ndarray
  std: np.ndarray
  augment: str

  @property
  def image_shape(self) -> tuple[int, int, int]:
    """Height, width (in pixels) and channels."""
    return self.train.image_shape

  @property
  def num_classes(self) -> int:
    """How many classes there are."""
    return len(self.class_names)


@contextlib.contextmanager
def reading(*splits: Split | None) -> Iterator[None]:
  """Within it, an image that cannot be read on the way is one clear error.

  Args:
    *splits: that batches are fetched from; None is passed over.

  Raises:
    DataError: in the place of TensorFlow's error, which names no file.
  """
  try:
    yield
  except tf.errors.OpError as error:
    for split in splits:
      damage = None if split is None else split.damage()
      if damage is not None:
        raise damage from error
    raise


def check_names(class_names: tuple[str, ...], where: str) -> None:
  """Raises DataError if the words of the classes are no two or more words.

  Args:
    class_names: the words.
    where: what error messages call the source.
  """
  if len(class_names) < 2:
    raise errors.DataError(
      f"{where} must have at least two classes: add another. Received: "
      f"classes={errors.shorten(class_names)}"
    )
  wrong = [
    name
    for name, count in collections.Counter(class_names).items()
    if count > 1
    or not 0 < len(name) <= _LONGEST_NAME
    or any(unicodedata.category(letter) in _UNFIT for letter in name)
  ]
  if wrong:
    raise errors.DataError(
      f"The names of the classes of {where} must differ, be UTF-8 without "
      f"control characters, and have at most {_LONGEST_NAME} letters: rename "
      f"those that do not. Received: {errors.shorten(wrong)}"
    )


def check_shape(shape: tuple[int, ...], where: str) -> None:
  """Raises DataError if images cannot have this shape.

  Args:
    shape: of all of them, [num_images, height, width, channels].
    where: what error messages call them.
  """
  if len(shape) != 4 or min(shape[1:3]) < MIN_SIZE or not shape[3]:
    raise errors.DataError(
      f"The images of {where} must have the shape [images, height, width, "
      f"channels], at least {MIN_SIZE} pixels high and wide: correct or resize "
      "them, those of `data=folder` by `image_size`. Received: "
      f"shape={shape}"
    )


def checked(
  images: Any, labels: Any, class_names: Sequence[str], where: str
) -> ArraySplit:
  """Returns a split of arrays that come from outside.

  Args:
    images: [n, height, width] or [n, height, width, channels].
    labels: n integers, in any shape.
    class_names: the words of the classes.
    where: what error messages call the source.

  Raises:
    DataError: if the arrays are not images and labels.
  """
  images, labels = np.asarray(images), np.asarray(labels).reshape(-1)
  if images.dtype != np.uint8:
    raise errors.DataError(
      f"The images of {where} must be whole numbers from 0 to 255: convert "
      "them, for example (images * 255).round().astype('uint8'). Received: "
      f"dtype={errors.shorten(images.dtype)}"
    )
  if images.ndim == 3:
    images = images[..., None]
  check_shape(images.shape, where)
  if not len(images) or len(images) != len(labels):
    raise errors.DataError(
      f"{where} must have as many labels as images, and at least one. "
      f"Received: images={len(images)}, labels={len(labels)}"
    )
  if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
    raise errors.DataError(
      f"The labels of {where} must be whole numbers from 0. Received: "
      f"dtype={errors.shorten(labels.dtype)}, first labels="
      f"{errors.shorten(labels[:5].tolist())}"
    )
  if labels.max() >= len(class_names):
    raise errors.DataError(
      f"A label of {where} is too high for its {len(class_names)} classes: "
      "correct it, or name all classes by class_names. "
      f"Received: label={labels.max()}"
    )
  return ArraySplit(np.ascontiguousarray(images), labels.astype(np.int32))
