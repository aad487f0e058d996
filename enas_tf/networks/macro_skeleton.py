"""What all macro networks share: the stem, and where they are halved."""

import keras

from enas_tf import seeds
from enas_tf.layers import conv, initial, norm


def pool_layers(num_layers: int) -> tuple[int, ...]:
  """Returns the layers behind which height and width are halved, from 0.

  After a third and after two thirds; networks of fewer than three layers keep
  their size.
  """
  third = num_layers // 3
  return (third - 1, 2 * third - 1) if third else ()


def stem(images, filters: int, seed: int, *, moving_statistics: bool):
  """Returns a 3x3 convolution, normalized; `seed` is the network's."""
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


def halve(x, filters: int, name: str, seed: int, *, moving_statistics: bool):
  """Returns half the height and width: a factorized reduction, normalized."""
  reduction = f"{name}_reduce"
  x = conv.FactorizedReduction(
    filters, seeds.derive(seed, reduction), name=reduction
  )(x)
  return norm.BatchNorm(moving_statistics=moving_statistics, name=f"{name}_bn")(
    x
  )
