"""Images that stay on the disk and are read batch by batch.

The files were looked at when they were listed, but are decoded only when their
batch is needed: a damaged one is found then. `base.reading` makes a clear error
of it. So a folder of any size is ready at once.
"""

import collections
import hashlib
import math
import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from enas_tf import errors
from enas_tf.data import base, decoding

# Images that mean and deviation are measured on. The error of a mean of so many
# is below a hundredth of the deviation from image to image.
_SAMPLE_SIZE = 4000
# Read at once when all are read: many small images, for speed, or few large.
_BATCH_BYTES = 2**22
# Batches that can have been begun when an error shows itself in an older one.
_NUM_NOTED = 32


class FileSplit(base.Split):
  """Image files, and how they become images of one shape.

  Args:
    paths: of the files, bytes [num_images].
    sizes: of the files, in bytes, int64 [num_images].
    labels: int32 [num_images], in [0, num_classes).
    image_shape: height, width (in pixels) and channels.
    resizes: whether files of other sizes are resized; else they are an error.
  """

  def __init__(
    self,
    paths: np.ndarray,
    sizes: np.ndarray,
    labels: np.ndarray,
    image_shape: tuple[int, int, int],
    resizes: bool,
  ) -> None:
    self.labels = labels
    self.image_shape = image_shape
    self._paths = paths
    self._sizes = sizes
    self._resizes = resizes
    # The indices of the batches that were begun last.
    self._noted: collections.deque[np.ndarray] = collections.deque(
      maxlen=_NUM_NOTED
    )

  def __getitem__(self, rows: slice) -> "FileSplit":
    return FileSplit(
      self._paths[rows],
      self._sizes[rows],
      self.labels[rows],
      self.image_shape,
      self._resizes,
    )

  def fetch(self, order: tf.data.Dataset) -> tf.data.Dataset:
    with tf.device("CPU"):
      paths, labels = tf.constant(self._paths), tf.constant(self.labels)

    @tf.autograph.experimental.do_not_convert
    def decode(path: tf.Tensor) -> tf.Tensor:
      return decoding.decode_to(path, self.image_shape, self._resizes)

    @tf.autograph.experimental.do_not_convert
    def read(step: tf.Tensor, rows: tf.Tensor) -> tf.data.Dataset:
      # Not stateful: `enable_op_determinism` would read one by one.
      noted = tf.numpy_function(self._note, [rows], tf.int32, stateful=False)
      noted = tf.ensure_shape(noted, rows.shape)
      images = tf.data.Dataset.from_tensor_slices(tf.gather(paths, noted))
      images = images.map(decode, tf.data.AUTOTUNE, deterministic=True)
      images = images.batch(
        rows.shape[0] or tf.shape(rows, tf.int64)[0], drop_remainder=True
      )
      return images.map(lambda batch: (step, batch, tf.gather(labels, rows)))

    return order.flat_map(read)

  def _note(self, rows: np.ndarray) -> np.ndarray:
    self._noted.append(rows)
    return rows

  def damage(self) -> errors.DataError | None:
    for rows in tuple(self._noted):
      for path in self._paths[rows]:
        try:
          decoding.check(path, None if self._resizes else self.image_shape)
        except errors.DataError as error:
          return error
    return None

  def sample(self) -> Iterator[np.ndarray]:
    """Yields some images, always the same, in parts."""
    rows = np.arange(len(self), dtype=np.int32)
    if len(rows) > _SAMPLE_SIZE:
      chosen = np.random.default_rng(0).choice(
        len(rows), _SAMPLE_SIZE, replace=False
      )
      rows = np.sort(rows[chosen])
    return self._read(rows)

  def _read(self, rows: np.ndarray) -> Iterator[np.ndarray]:
    batch_size = max(1, _BATCH_BYTES // math.prod(self.image_shape))
    order = tf.data.Dataset.from_tensor_slices(rows).batch(batch_size)
    batches = self.fetch(order.enumerate()).prefetch(2)
    with base.reading(self):
      for _, images, _ in batches.as_numpy_iterator():
        yield images

  def in_memory(self) -> base.ArraySplit:
    """Returns the same images, all of them decoded.

    Raises:
      DataError: if one cannot be read.
    """
    images = np.empty((len(self), *self.image_shape), np.uint8)
    done = 0
    try:
      for batch in self._read(np.arange(len(self), dtype=np.int32)):
        images[done : done + len(batch)] = batch
        done += len(batch)
    except tf.errors.OpError as error:
      raise errors.DataError(
        "The images of `data_path` cannot be read, though each alone can: give "
        "smaller or fewer ones, and change none while they are read. Received: "
        f"{errors.shorten(error)}"
      ) from error
    return base.ArraySplit(images, self.labels)

  def digest(self) -> str:
    """Returns a text that other names, sizes or labels would not give."""
    found = hashlib.sha256(str(self.image_shape).encode())
    for path in self._paths:
      found.update(os.path.basename(path) + b"\n")
    found.update(self._sizes.tobytes() + self.labels.tobytes())
    return found.hexdigest()
