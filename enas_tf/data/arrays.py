"""Images that a program already has: NumPy arrays, or a tf.data.Dataset."""

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from enas_tf import errors
from enas_tf.data import base, files

# Anything larger is no class, but a number of another kind.
_MOST_CLASSES = 100_000

# What can be given for a split.
Examples: TypeAlias = tuple[Any, Any] | tf.data.Dataset


@dataclasses.dataclass(frozen=True)
class ImageSource:
  """Images of one's own.

  Each split is a pair of arrays (images, labels), or a `tf.data.Dataset` of
  such pairs, examples or batches, which is read once, into memory. Images have
  the shape [n, height, width, channels] or [n, height, width]. Their pixels are
  whole numbers from 0 to 255, or floats: either such whole numbers, or all in
  [0, 1]; then they are multiplied by 255 and rounded. An exported network takes
  pixels from 0 to 255. Labels are integers from 0.

  Attributes:
    train: what gradients are computed on.
    valid: what rewards are computed on; None holds a fraction of `train` out.
    test: what nothing is ever chosen by, or None.
    class_names: the words of the classes; None numbers them.
  """

  train: Examples
  valid: Examples | None = None
  test: Examples | None = None
  class_names: Sequence[str] | None = None


def read(source: ImageSource) -> base.Parts:
  """Returns the splits of a source, images as uint8.

  Args:
    source: the images.

  Raises:
    DataError: if they are no images and labels.
  """
  found = {
    name: _pair(getattr(source, name), f"the arrays ({word})")
    for name, word in base.PARTS.items()
    if getattr(source, name) is not None
  }
  is_scaled = _is_scaled(np.asarray(found["train"][0]))
  found = {
    name: (_pixels(x, is_scaled, f"the arrays ({base.PARTS[name]})"), y)
    for name, (x, y) in found.items()
  }
  names = source.class_names
  if names is None:
    names = _numbered([y for _, y in found.values()])
  return base.Parts(
    found["train"],
    found.get("valid"),
    found.get("test"),
    tuple(str(name) for name in names),
  )


def _numbered(labels: list[np.ndarray]) -> tuple[str, ...]:
  """Returns a name for each class, its number; at least two."""
  highest = 1
  for each in labels:
    if each.size and np.issubdtype(each.dtype, np.integer):
      highest = max(highest, int(each.max()))
  if highest >= _MOST_CLASSES:
    raise errors.DataError(
      "The labels of the arrays must number the classes from 0: replace each "
      "by its index, for example by numpy.unique(labels, return_inverse=True)"
      f"[1]. Received: label={highest}"
    )
  return tuple(map(str, range(highest + 1)))


def _pair(examples: Any, where: str) -> tuple[Any, np.ndarray]:
  """Returns images and labels as arrays.

  Args:
    examples: a pair of arrays, or a `tf.data.Dataset`.
    where: what error messages call them.
  """
  if isinstance(examples, tf.data.Dataset):
    return from_dataset(examples, where)
  if not isinstance(examples, tuple | list) or len(examples) != 2:
    raise errors.DataError(
      f"The examples of {where} must be a pair (images, labels), or "
      "a tf.data.Dataset of such pairs: give one of both. Received: a "
      f"{type(examples).__name__}"
    )
  try:
    images, labels = map(np.asarray, examples)
  except ValueError as error:  # Rows of different lengths.
    raise errors.DataError(
      f"The images of {where} must have one size: resize them. Received: "
      f"{errors.shorten(error)}"
    ) from error
  return images, labels


def from_dataset(
  dataset: tf.data.Dataset, where: str
) -> tuple[np.ndarray, np.ndarray]:
  """Returns all images and labels of a dataset of examples or of batches.

  Args:
    dataset: is read once.
    where: what error messages call them.

  Raises:
    DataError: if it never ends, or its elements are something else.
  """
  if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
    raise errors.DataError(
      f"The tf.data.Dataset of {where} never ends: give it without repeat(). "
      "Received: cardinality=INFINITE"
    )
  images, labels, num_bytes, shape = [], [], 0, None
  for element in dataset.as_numpy_iterator():
    x, y = _batch(element, where)
    shape = shape or x.shape[1:]
    if x.shape[1:] != shape:
      raise errors.DataError(
        f"The images of {where} must have one size: resize them, for example "
        "by dataset.map(lambda x, y: (tf.image.resize(x, size), y)). Received: "
        f"shapes={shape} and {x.shape[1:]}"
      )
    images.append(x)
    labels.append(y)
    num_bytes += x.nbytes
    files.check_memory(
      2 * num_bytes,  # They are joined.
      f"The images of {where}",
      "give smaller or fewer ones, as uint8; or write them into a folder for "
      "`data=folder`, which is read batch by batch",
      f"images so far={sum(map(len, labels))}",
    )
  if not images:
    raise errors.DataError(
      f"The tf.data.Dataset of {where} has no elements: give one that has "
      "examples. Received: elements=0"
    )
  return np.concatenate(images), np.concatenate(labels)


def _batch(element: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
  """Returns an element as a batch; an example becomes a batch of one."""
  if not isinstance(element, tuple) or len(element) != 2:
    raise errors.DataError(
      f"The tf.data.Dataset of {where} must have elements (image, label): "
      "map it, for example by dataset.map(lambda x: (x['image'], x['label'])). "
      f"Received: a {type(element).__name__}"
    )
  x, y = map(np.asarray, element)
  # Labels may have an axis of their own, of one; images are higher than that.
  is_example = y.ndim == 0 or (y.shape == (1,) != x.shape[:1])
  if is_example:
    x, y = x[None], y.reshape(1)
  if x.ndim < 3 or y.size != len(x):
    raise errors.DataError(
      f"The tf.data.Dataset of {where} must have an image and its label in an "
      "element, an integer; or a batch of as many images as labels. Received: "
      f"shapes={x.shape} and {y.shape}"
    )
  return x, y.reshape(-1)


def _is_scaled(images: np.ndarray) -> bool:
  """Returns whether pixels are floats of which all are in [0, 1]."""
  is_float = np.issubdtype(images.dtype, np.floating)
  return bool(
    is_float and images.size and images.min() >= 0 and images.max() <= 1
  )


def _pixels(images: np.ndarray, is_scaled: bool, where: str) -> np.ndarray:
  """Returns images as uint8.

  Args:
    images: of any type.
    is_scaled: whether 1 stands for white, not 255.
    where: what error messages call them.
  """
  if images.dtype == np.uint8:
    return images
  if not np.issubdtype(images.dtype, np.number) or not images.size:
    return images  # They are refused for what they are.
  result = np.empty(images.shape, np.uint8)
  # In parts: a whole copy as floats would be eight times as large.
  num_parts = -(-len(images) // 1000)
  for part, target in zip(
    np.array_split(images, num_parts),
    np.array_split(result, num_parts),
    strict=True,
  ):
    pixels = np.round(part * 255.0) if is_scaled else part
    is_fit = (pixels >= 0) & (pixels <= 255)
    if not is_scaled:
      is_fit &= pixels == np.round(pixels)
    if not is_fit.all():
      raise errors.DataError(
        f"The pixels of {where} must be whole numbers from 0 to 255, or all "
        "of them, of every split, in [0, 1]: convert them, for example by "
        "(images * 255).round().astype('uint8'). Received: "
        f"dtype={images.dtype}, a pixel={part[~is_fit].flat[0]}"
      )
    target[...] = pixels
  return result
