"""Convolutions that Keras has no layer for."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from enas_tf.layers import initial, norm


@keras.saving.register_keras_serializable("enas_tf")
class FactorizedReduction(keras.layers.Layer):
  """Halves height and width with two 1x1 convolutions (no normalization).

  Path 1 sees the pixels at even indices, path 2 those one further down and
  right; their outputs are concatenated. [batch, height, width, channels] ->
  [batch, ceil(height / 2), ceil(width / 2), filters].

  Both paths are one 2x2 convolution of stride 2 whose kernel holds path 1 at
  (0, 0) and path 2 at (1, 1): the same numbers, and a much faster gradient
  than padding and slicing.

  Args:
    filters: output channels, even.
    seed: of the initial weights.
    **kwargs: of a Keras layer, such as `name`.
  """

  def __init__(self, filters: int, seed: int = 0, **kwargs: Any) -> None:
    super().__init__(**kwargs)
    if filters % 2:
      raise ValueError(
        "A factorized reduction makes half of its channels on each path: "
        f"filters must be even. Received: filters={filters}"
      )
    self.filters = filters
    self.seed = seed

  def build(self, input_shape: Sequence[int | None]) -> None:
    """Makes the variables, for an input [batch, height, width, channels].

    Args:
      input_shape: shape of the input, [batch, height, width, channels].
    """
    shape = (1, 1, input_shape[-1], self.filters // 2)
    for name in ("path1", "path2"):
      weight = self.add_weight(
        shape=shape, initializer=initial.he_normal(self.seed, name), name=name
      )
      setattr(self, name, weight)

  def kernel(self) -> tf.Tensor:
    """Returns the kernel of both paths, [2, 2, channels, filters]."""
    zeros = tf.zeros_like(self.path1)
    top = tf.concat([self.path1, zeros], -1)
    bottom = tf.concat([zeros, self.path2], -1)
    empty = tf.zeros_like(top)
    return tf.concat(
      [tf.concat([top, empty], 1), tf.concat([empty, bottom], 1)], 0
    )

  def call(self, x: tf.Tensor) -> tf.Tensor:
    """Returns float32 [batch, ceil(height / 2), ceil(width / 2), filters].

    Args:
      x: float32 [batch, height, width, channels].
    """
    return tf.nn.conv2d(x, self.kernel(), strides=2, padding="SAME")

  def compute_output_spec(self, x: keras.KerasTensor) -> keras.KerasTensor:
    """Returns the shape of the output.

    Args:
      x: see `call`.
    """
    batch, height, width, _ = x.shape
    return keras.KerasTensor(
      (batch, -(-height // 2), -(-width // 2), self.filters), x.dtype
    )

  def get_config(self) -> dict[str, Any]:
    """Returns the arguments of the constructor."""
    return super().get_config() | {"filters": self.filters, "seed": self.seed}


class NormalizedReduction(keras.layers.Layer):
  """The weights of a factorized reduction and of the normalization behind it.

  Args:
    filters: output channels, even.
    seed: of the initial weights.
    **kwargs: of a Keras layer, such as `name`.
  """

  def __init__(self, filters: int, seed: int, **kwargs: Any) -> None:
    super().__init__(**kwargs)
    self.reduce = FactorizedReduction(filters, seed, name="reduce")
    self.bn = norm.BatchNorm(moving_statistics=False, name="bn")

  def build(self, input_shape: Sequence[int | None]) -> None:
    """Makes the variables, for an input [batch, height, width, filters].

    Args:
      input_shape: shape of the input, [batch, height, width, filters].
    """
    self.reduce.build(input_shape)
    self.bn.build(input_shape)

  def weights_in_use(self) -> list[tf.Tensor]:
    """Returns kernel [2, 2, filters, filters], scale and offset [filters]."""
    return [
      self.reduce.kernel(),
      self.bn.gamma.value + 0,
      self.bn.beta.value + 0,
    ]
