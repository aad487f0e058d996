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
    cutout_size: side of the square that is blanked, or None.
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
  if cutout_size is not None:
    uniform = tf.random.stateless_uniform((batch, 2), stream("cutout"))
    starts = tf.cast(uniform * [float(height), float(width)], tf.int32)
    if not faithful:
      starts -= cutout_size // 2
    images = cutout(images, starts, cutout_size)
  return images
