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
    always: do it outside of training too.
  """

  def __init__(
    self, keep_prob: float, seed: int = 0, always: bool = False, **kwargs
  ):
    super().__init__(seed, **kwargs)
    self.keep_prob = keep_prob
    self.always = always

  def call(self, x, training=False):
    if not (training or self.always) or self.keep_prob == 1:
      return x
    keep = self._uniform(tf.shape(x)) < self.keep_prob
    return tf.where(keep, x / self.keep_prob, 0.0)

  def get_config(self):
    return super().get_config() | {
      "keep_prob": self.keep_prob,
      "always": self.always,
    }


def drop_path_keep_prob(keep_prob, layer_ratio, step, total_steps):
  """Returns the share of paths that a cell keeps at a step.

  It falls with the depth of the cell and with the progress of the training
  (Larsson et al. 2017, arXiv:1605.07648, scheduled as in the original).

  Args:
    keep_prob: share that the last cell keeps at the end.
    layer_ratio: depth of the cell, in (0, 1].
    step: steps taken so far.
    total_steps: of the whole training.
  """
  progress = tf.minimum(1.0, tf.cast(step + 1, tf.float32) / total_steps)
  return 1 - progress * layer_ratio * (1 - keep_prob)


def drop_path(x, keep_prob, uniform):
  """Drops examples' paths where uniform [batch] in [0, 1) tells so."""
  keep = tf.floor(keep_prob + uniform)[:, None, None, None]
  return x / keep_prob * keep


@keras.saving.register_keras_serializable("enas_tf")
class DropPath(_Counted):
  """Drops the path of some examples, more and more, in training only.

  Args:
    keep_prob, layer_ratio, total_steps: see `drop_path_keep_prob`.
    seed: of the random numbers.
  """

  def __init__(
    self, keep_prob, layer_ratio, total_steps, seed: int = 0, **kwargs
  ):
    super().__init__(seed, **kwargs)
    self._schedule = dict(
      keep_prob=keep_prob, layer_ratio=layer_ratio, total_steps=total_steps
    )

  def call(self, x, training=False):
    if not training or self._schedule["keep_prob"] == 1:
      return x
    keep_prob = drop_path_keep_prob(step=self.step.value, **self._schedule)
    return drop_path(x, keep_prob, self._uniform((tf.shape(x)[0],)))

  def get_config(self):
    return super().get_config() | self._schedule
