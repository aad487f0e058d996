"""The classifiers at the end, and on the way, of an image network."""

import keras

from enas_tf.layers import initial, norm

# Weight of the auxiliary head's loss in the loss of the training.
AUX_WEIGHT = 0.4


def classifier(
  x: keras.KerasTensor,
  num_classes: int,
  dropout: keras.Layer,
  seed: int,
  *,
  relu: bool = True,
) -> keras.KerasTensor:
  """Returns the logits of the last layer's output.

  Args:
    x: [batch, height, width, channels].
    num_classes: logits per image.
    dropout: a layer that is put before the last one.
    seed: of the network.
    relu: whether a ReLU comes first.

  Returns:
    [batch, num_classes]. The dense layer has no bias, as in the original.
  """
  if relu:
    x = keras.layers.ReLU(name="head_relu")(x)
  x = keras.layers.GlobalAveragePooling2D(name="head_pool")(x)
  return _logits(dropout(x), num_classes, seed, "head_dense")


def auxiliary(
  x: keras.KerasTensor, num_classes: int, seed: int, *, trainable: bool = True
) -> keras.KerasTensor:
  """Returns the logits of a classifier on a cell in the middle.

  Args:
    x: [batch, height, width, channels], the output of the cell.
    num_classes: logits per image.
    seed: of the network.
    trainable: whether its weights are trained; if not, they stay random, as
      in the original, and pass the gradient on.

  Returns:
    [batch, num_classes]. Normalized by the statistics of the batch always, as
    in the original: the head is there for the training only.
  """
  size = min(5, *x.shape[1:3])
  x = keras.layers.ReLU(name="aux_relu")(x)
  x = keras.layers.AveragePooling2D(
    size, strides=3, padding="valid", name="aux_pool"
  )(x)
  for name, filters, kernel_size in (
    ("aux_proj", 128, 1),
    ("aux_full", 768, x.shape[1:3]),
  ):
    x = keras.layers.Conv2D(
      filters,
      kernel_size,
      padding="same",
      use_bias=False,
      kernel_initializer=initial.he_normal(seed, f"{name}_conv"),
      trainable=trainable,
      name=f"{name}_conv",
    )(x)
    x = norm.BatchNorm(
      moving_statistics=False, trainable=trainable, name=f"{name}_bn"
    )(x)
    x = keras.layers.ReLU(name=f"{name}_relu")(x)
  x = keras.layers.GlobalAveragePooling2D(name="aux_mean")(x)
  return _logits(x, num_classes, seed, "aux_dense", trainable)


def _logits(
  x: keras.KerasTensor,
  num_classes: int,
  seed: int,
  name: str,
  trainable: bool = True,
) -> keras.KerasTensor:
  return keras.layers.Dense(
    num_classes,
    use_bias=False,
    kernel_initializer=initial.he_normal(seed, name),
    trainable=trainable,
    name=name,
  )(x)
