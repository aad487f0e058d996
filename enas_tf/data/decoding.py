"""From an image file to its pixels."""

import os

import tensorflow as tf

from enas_tf import errors


def decode(file: tf.Tensor) -> tf.Tensor:
  """Returns an image as it is, uint8 [height, width, 3].

  Args:
    file: its path, a string.
  """
  content = tf.io.read_file(file)
  # Only under its own name is the size of a GIF known to be bounded.
  is_gif = tf.strings.substr(content, 0, 3) == b"GIF"
  named_gif = tf.strings.lower(tf.strings.substr(file, -4, 4)) == b".gif"
  content = tf.where(is_gif & ~named_gif, b"a GIF under another name", content)
  return tf.io.decode_image(content, channels=3, expand_animations=False)


def decode_to(
  file: tf.Tensor, shape: tuple[int, int, int], resizes: bool
) -> tf.Tensor:
  """Returns an image of a shape, uint8.

  Args:
    file: its path, a string.
    shape: height, width (in pixels) and channels.
    resizes: whether images of other sizes are resized; else they are an error.
  """
  image = decode(file)

  def resized() -> tf.Tensor:
    found = tf.image.resize(image, shape[:2], antialias=True)
    return tf.saturate_cast(tf.round(found), tf.uint8)

  if resizes:
    # Resizing changes nothing where the size is right, but takes as long as
    # decoding.
    is_right = tf.reduce_all(tf.shape(image)[:2] == shape[:2])
    image = tf.cond(is_right, lambda: image, resized)
  return tf.ensure_shape(image, shape)


def decode_one(file: bytes) -> tf.Tensor:
  """Returns an image as it is, outside of a graph.

  Args:
    file: its path; a name need not be UTF-8.

  Raises:
    DataError: if it cannot be read.
  """
  try:
    return decode(file)
  except tf.errors.OpError as error:
    # Without the name of the graph's node.
    reason = str(error).splitlines()[0].rpartition("}} ")[2]
    raise errors.DataError(
      "An image of `data_path` cannot be read: it is damaged, too large or of "
      "another format, so replace or delete it. Received: "
      f"{errors.shorten(os.fsdecode(file))} ({errors.shorten(reason)})"
    ) from error


def check(file: bytes, shape: tuple[int, int, int] | None) -> None:
  """Raises DataError if an image is damaged or of another shape.

  Args:
    file: its path.
    shape: height, width and channels, or None for any.
  """
  image = decode_one(file)
  if shape is not None and image.shape != shape:
    raise errors.DataError(
      "The images have different sizes: add `image_size=N` to resize all "
      "of them to N x N pixels. Received: "
      f"{errors.shorten(os.fsdecode(file))} has "
      f"{tuple(image.shape[:2])}, the first image has {tuple(shape[:2])}"
    )
