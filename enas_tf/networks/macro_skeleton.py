"""What all macro networks share: the stem, and where they downsample."""

import keras

from enas_tf import seeds
from enas_tf.layers import conv, initial, norm


def pool_layers(num_layers: int) -> tuple[int, ...]:
  """Returns the layers behind which is downsampled.

  After a third and after two thirds; networks of fewer than three layers keep
  their size.

  Args:
    num_layers: layers of the network, at least 1.

  Returns:
    Indices of layers, from 0.
  """
  third = num_layers // 3
  return (third - 1, 2 * third - 1) if third else ()


def stem(
  images: keras.KerasTensor,
  filters: int,
  seed: int,
  *,
  moving_statistics: bool,
) -> keras.KerasTensor:
  """Returns a 3x3 convolution, normalized.

  Args:
    images: float32 [batch, height, width, channels].
    filters: channels of the output.
    seed: of the network.
    moving_statistics: whether the normalization keeps moving averages (a child)
      or takes the statistics of the batch always (a supernet).
  """
  x = keras.layers.Conv2D(
    filters,
    3,
    padding="same",
    use_bias=False,
    kernel_initializer=initial.he_normal(seed, "stem_conv"),
    name="stem_conv",
  )(images)
  return norm.BatchNorm(
    moving_statistics=moving_statistics, name="stem_conv_bn"
  )(x)


def downsample(
  x: keras.KerasTensor,
  filters: int,
  name: str,
  seed: int,
  *,
  moving_statistics: bool,
) -> keras.KerasTensor:
  """Returns half the height and width: a factorized reduction, normalized.

  Args:
    x: float32 [batch, height, width, channels].
    filters: channels of the output, even.
    name: what the names of the layers begin with.
    seed: of the network.
    moving_statistics: see `stem`.
  """
  reduction = f"{name}_reduce"
  x = conv.FactorizedReduction(
    filters, seeds.derive(seed, reduction), name=reduction
  )(x)
  return norm.BatchNorm(moving_statistics=moving_statistics, name=f"{name}_bn")(
    x
  )
