"""Dropout whose randomness is part of the model's weights.

Keras keeps the state of its random numbers outside of `weights`, where no
checkpoint finds it. Here a counter of the training steps is a weight, and the
random numbers are a function of it and of the seed: a training that is resumed
draws what it would have drawn.
"""

import keras
import tensorflow as tf


class _Counted(keras.layers.Layer):
  """A layer that counts its calls in training."""

  def __init__(self, seed: int = 0, **kwargs):
    super().__init__(**kwargs)
    self.seed = seed

  def build(self, input_shape):
    del input_shape
    self.step = self.add_weight(
        shape=(),
        dtype="int32",
        initializer="zeros",
        trainable=False,
        name="step",
    )

  def _uniform(self, shape):
    """Returns random numbers in [0, 1) for this step, and counts it."""
    step = self.step.value + 0
    self.step.assign_add(1)
    return tf.random.stateless_uniform(shape, (self.seed, step))

  def compute_output_spec(self, x, training=False):
    del training
    return keras.KerasTensor(x.shape, x.dtype)

  def get_config(self):
    return super().get_config() | {"seed": self.seed}


@keras.saving.register_keras_serializable("enas_tf")
class Dropout(_Counted):
  """Keeps a share of the features and scales them up, in training only.

  Args:
    keep_prob: the share that is kept, in (0, 1].
    seed: of the random numbers.
  """

  def __init__(self, keep_prob: float, seed: int = 0, **kwargs):
    super().__init__(seed, **kwargs)
    self.keep_prob = keep_prob

  def call(self, x, training=False):
    if not training or self.keep_prob == 1:
      return x
    keep = self._uniform(tf.shape(x)) < self.keep_prob
    return tf.where(keep, x / self.keep_prob, 0.0)

  def get_config(self):
    return super().get_config() | {"keep_prob": self.keep_prob}
