"""Batch normalization with the fused kernel (the original's image_ops)."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

MOMENTUM = 0.9
EPSILON = 1e-5


@keras.saving.register_keras_serializable("enas_tf")
class BatchNorm(keras.layers.Layer):
  """Normalizes each channel of [batch, height, width, channels].

  Keras's own layer computes the moments by hand; the fused kernel is faster,
  and, as in the original, the moving variance is the unbiased one.

  Args:
    epsilon: added to the variance.
    moving_statistics: keep moving averages and use them outside of training
      (a final child). If false, the statistics are always those of the batch
      (a supernet, whose averages would mix the activations of all arcs).
    **kwargs: of a Keras layer, such as `name`.
  """

  def __init__(
    self,
    *,
    epsilon: float = EPSILON,
    moving_statistics: bool = True,
    **kwargs: Any,
  ) -> None:
    super().__init__(**kwargs)
    self.epsilon = epsilon
    self.moving_statistics = moving_statistics

  def build(self, input_shape: Sequence[int | None]) -> None:
    """Makes the variables, for an input [batch, height, width, channels].

    Args:
      input_shape: shape of the input, [batch, height, width, channels].
    """
    shape = (input_shape[-1],)
    self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
    self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")
    if self.moving_statistics:
      self.moving_mean = self.add_weight(
        shape=shape, initializer="zeros", trainable=False, name="moving_mean"
      )
      self.moving_variance = self.add_weight(
        shape=shape,
        initializer="ones",
        trainable=False,
        name="moving_variance",
      )

  def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
    """Returns the normalized x, as large as it.

    Args:
      x: float32 [batch, height, width, channels].
      training: whether the statistics are those of the batch.
    """
    if self.moving_statistics and not training:
      y, _, _ = tf.compat.v1.nn.fused_batch_norm(
        x,
        self.gamma.value,
        self.beta.value,
        self.moving_mean.value,
        self.moving_variance.value,
        epsilon=self.epsilon,
        is_training=False,
      )
      return y
    y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
      x,
      self.gamma.value,
      self.beta.value,
      epsilon=self.epsilon,
      is_training=True,
    )
    if self.moving_statistics:
      # Differs from the original: no zero-debiasing of the averages.
      for average, value in (
        (self.moving_mean, mean),
        (self.moving_variance, variance),
      ):
        average.assign(average * MOMENTUM + value * (1 - MOMENTUM))
    return y

  def compute_output_spec(
    self, x: keras.KerasTensor, training: bool = False
  ) -> keras.KerasTensor:
    """Returns the shape of the output, which is that of the input.

    Args:
      x: see `call`.
      training: see `call`.
    """
    del training
    return keras.KerasTensor(x.shape, x.dtype)

  def get_config(self) -> dict[str, Any]:
    """Returns the arguments of the constructor."""
    return super().get_config() | {
      "epsilon": self.epsilon,
      "moving_statistics": self.moving_statistics,
    }
