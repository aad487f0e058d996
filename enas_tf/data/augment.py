"""Random crops, mirror images and cutout, a whole batch at a time.

Each kernel is a function of given random numbers; `augment` draws them.
"""

import tensorflow as tf

from enas_tf import seeds


def crop(images: tf.Tensor, offsets: tf.Tensor, padding: int) -> tf.Tensor:
  """Pads with zeros and crops back to the size.

  Args:
    images: [batch, height, width, channels], normalized: zero is the mean.
    offsets: int32 [batch, 2], where each crop begins, in [0, 2 * padding].
    padding: pixels on each side.

  Returns:
    The shape of `images`.
  """
  height, width = images.shape[1:3]
  pads = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
  padded = tf.pad(images, pads)
  rows = offsets[:, 0, None] + tf.range(height)  # [batch, height]
  columns = offsets[:, 1, None] + tf.range(width)
  padded = tf.gather(padded, rows, axis=1, batch_dims=1)
  padded = tf.gather(padded, columns, axis=2, batch_dims=1)
  return tf.ensure_shape(padded, images.shape)


def flip(images: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
  """Mirrors some of the images, left and right.

  Args:
    images: [batch, height, width, channels].
    mask: bool [batch], which ones.
  """
  return tf.where(mask[:, None, None, None], images[:, :, ::-1], images)


def cutout(images: tf.Tensor, starts: tf.Tensor, size: int) -> tf.Tensor:
  """Blanks a square of each image (DeVries and Taylor 2017, arXiv:1708.04552).

  Args:
    images: [batch, height, width, channels].
    starts: int32 [batch, 2], the top left corners; parts of a square that lie
      outside of the image are cut off.
    size: side of the square, in pixels.
  """
  height, width = images.shape[1:3]

  def inside(start: tf.Tensor, length: int) -> tf.Tensor:
    index = tf.range(length) - start[:, None]
    return (index >= 0) & (index < size)

  mask = (
    inside(starts[:, 0], height)[:, :, None]
    & inside(starts[:, 1], width)[:, None, :]
  )
  return tf.where(mask[..., None], 0.0, images)


def mixup(
  images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
  """Blends each image with the one before it (Zhang et al., arXiv:1710.09412).

  Neighbours in a batch are there by chance.

  Args:
    images: [batch, height, width, channels].
    labels: [batch, num_classes], of ones and zeros.
    weights: of each image itself, [batch], in [0, 1].

  Returns:
    The shapes of `images` and `labels`.
  """

  def blended(x: tf.Tensor) -> tf.Tensor:
    shape = [-1] + [1] * (x.shape.rank - 1)
    weight = tf.reshape(tf.cast(weights, x.dtype), shape)
    return weight * x + (1 - weight) * tf.roll(x, 1, axis=0)

  return blended(images), blended(labels)


def mixup_weights(
  batch: tf.Tensor, alpha: float, seed: int, step: tf.Tensor
) -> tf.Tensor:
  """Returns weights of Beta(alpha, alpha), float32 [batch].

  Args:
    batch: how many.
    alpha: above 0.
    seed: of the random numbers.
    step: which of the batches it is, int32.
  """
  # Keras's MixUp draws from a generator with a state of its own, and a batch is
  # a function of seed and step. Gammas of a small alpha underflow in float32.
  stream = tf.stack([seeds.derive(seed, "mixup"), step])
  draws = tf.random.stateless_gamma((batch, 2), stream, alpha, dtype=tf.float64)
  total = tf.reduce_sum(draws, 1)
  return tf.cast(tf.math.divide_no_nan(draws[:, 0], total), tf.float32)


def augment(
  images: tf.Tensor,
  kind: str,
  seed: int,
  step: tf.Tensor,
  cutout_size: int | None = None,
  faithful: bool = False,
) -> tf.Tensor:
  """Returns normalized images, augmented.

  Args:
    images: [batch, height, width, channels].
    kind: "none", "crop" or "crop_flip".
    seed: of the random numbers.
    step: which of the batches it is, int32.
    cutout_size: side of the square that is blanked; 0 or None for none.
    faithful: the square's corner, not its middle, is drawn from the image, as
      in the original; it is smaller on average.
  """
  batch = tf.shape(images)[0]
  height, width = images.shape[1:3]

  def stream(name: str) -> tf.Tensor:
    return tf.stack([seeds.derive(seed, name), step])

  if kind != "none":
    padding = max(1, min(height, width) // 8)
    offsets = tf.random.stateless_uniform(
      (batch, 2), stream("crop"), 0, 2 * padding + 1, tf.int32
    )
    images = crop(images, offsets, padding)
  if kind == "crop_flip":
    mask = tf.random.stateless_uniform((batch,), stream("flip")) < 0.5
    images = flip(images, mask)
  if cutout_size:
    uniform = tf.random.stateless_uniform((batch, 2), stream("cutout"))
    starts = tf.cast(uniform * [float(height), float(width)], tf.int32)
    if not faithful:
      starts -= cutout_size // 2
    images = cutout(images, starts, cutout_size)
  return images
