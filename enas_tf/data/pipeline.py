"""Streams of batches; each is a function of the seed and the step alone.

So a stream that starts at step k is, bit for bit, the rest of the stream that
started at 0, and nothing of it needs to be saved.
"""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from enas_tf import errors, seeds
from enas_tf.data import augment as augmentation
from enas_tf.data import base


def batches_per_epoch(num_images: int, batch_size: int) -> int:
  """Returns how many batches show every image once.

  Args:
    num_images: how many there are.
    batch_size: images in a batch.
  """
  return -(-num_images // batch_size)


def train_batches(
  split: base.Split,
  dataset: base.ImageDataset,
  *,
  batch_size: int,
  seed: int,
  start_step: int = 0,
  augment: bool = True,
  cutout_size: int | None = None,
  faithful: bool = False,
  mixup: float = 0.0,
) -> tf.data.Dataset:
  """Returns endless batches, in a new order every epoch.

  All batches are full: the last one of an epoch is filled up with the first
  images of the same order.

  Args:
    split: the images.
    dataset: where mean, deviation and kind of augmentation come from.
    batch_size: images in a batch.
    seed: of the order and of the augmentation.
    start_step: the batch to begin with.
    augment: whether images are augmented at all.
    cutout_size: see `augment.augment`.
    faithful: see `augment.augment`.
    mixup: alpha of the weights by which images are blended, 0 for not at all.

  Yields:
    Normalized images float32 [batch_size, height, width, channels], labels
    int32 [batch_size]; with mixup, fractions float32 [batch_size, num_classes].

  Raises:
    DataError: if a batch is larger than the split.
    ConfigError: if the square of cutout is larger than the images.
  """
  _check_sizes(split, dataset, batch_size, cutout_size)
  num_batches = batches_per_epoch(len(split), batch_size)
  normalize = _normalizer(dataset)
  kind = dataset.augment if augment else "none"

  @tf.autograph.experimental.do_not_convert  # Would cost half a second.
  def prepare(
    step: tf.Tensor, images: tf.Tensor, labels: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor]:
    images, step = normalize(images), tf.cast(step, tf.int32)
    images = augmentation.augment(
      images, kind, seed, step, cutout_size, faithful
    )
    if mixup:
      weights = augmentation.mixup_weights(batch_size, mixup, seed, step)
      one_hot = tf.one_hot(labels, dataset.num_classes)
      images, labels = augmentation.mixup(images, one_hot, weights)
    return images, labels

  epochs = tf.data.Dataset.range(start_step // num_batches, np.iinfo("i8").max)
  order = functools.partial(
    _epoch_rows, len(split), batch_size, seed, start_step
  )
  return _ordered(split.fetch(epochs.flat_map(order)).map(prepare, 2))


def _check_sizes(
  split: base.Split,
  dataset: base.ImageDataset,
  batch_size: int,
  cutout_size: int | None,
) -> None:
  if batch_size > len(split):
    raise errors.DataError(
      "A batch is larger than the data: lower `batch_size`. Received: "
      f"batch_size={batch_size}, images={len(split)}"
    )
  side = max(dataset.image_shape[:2])
  if cutout_size is not None and cutout_size > side:
    raise errors.ConfigError(
      "Cutout would blank whole images: lower `child_cutout_size`. Received: "
      f"child_cutout_size={cutout_size}, pixels of an image's side={side}"
    )


@tf.autograph.experimental.do_not_convert
def _epoch_rows(
  num_images: int, batch_size: int, seed: int, start_step: int, epoch: tf.Tensor
) -> tf.data.Dataset:
  """Returns (step, which images) of the batches of an epoch."""
  num_batches = batches_per_epoch(num_images, batch_size)
  order = tf.random.experimental.stateless_shuffle(
    tf.range(num_images),
    tf.stack([seeds.derive(seed, "order"), tf.cast(epoch, tf.int32)]),
  )
  order = tf.concat([order, order], 0)[: num_batches * batch_size]
  first = tf.where(
    epoch == start_step // num_batches,
    tf.constant(start_step % num_batches, tf.int64),
    tf.constant(0, tf.int64),
  )
  steps = epoch * num_batches + tf.range(num_batches, dtype=tf.int64)
  rows = tf.reshape(order, [num_batches, batch_size])
  return tf.data.Dataset.from_tensor_slices((steps[first:], rows[first:]))


def eval_batches(
  split: base.Split, dataset: base.ImageDataset, *, batch_size: int
) -> tf.data.Dataset:
  """Returns all images in order, once; the last batch may be smaller.

  Args:
    split: the images.
    dataset: that they belong to; it gives mean and deviation.
    batch_size: images in a batch.
  """
  normalize = _normalizer(dataset)
  rows = tf.data.Dataset.range(len(split), output_type=tf.int32)
  order = rows.batch(min(batch_size, len(split))).enumerate()
  batches = split.fetch(order)
  return _ordered(batches.map(lambda _, x, y: (normalize(x), y), 2))


def _normalizer(
  dataset: base.ImageDataset,
) -> Callable[[tf.Tensor], tf.Tensor]:
  scale = tf.constant(1 / (255 * dataset.std), tf.float32)
  shift = tf.constant(dataset.mean / dataset.std, tf.float32)
  return lambda images: tf.cast(images, tf.float32) * scale - shift


def _ordered(batches: tf.data.Dataset) -> tf.data.Dataset:
  options = tf.data.Options()
  options.deterministic = True
  return batches.with_options(options).prefetch(4)
