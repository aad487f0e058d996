"""Dropout whose randomness is part of the model's weights.

Keras keeps the state of its random numbers outside of `weights`, where no
checkpoint finds it. Here a counter of the training steps is a weight, and the
random numbers are a function of it and of the seed: a training that is resumed
draws what it would have drawn.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


class _Counted(keras.layers.Layer):
  """A layer that counts its calls in training."""

  def __init__(self, seed: int = 0, **kwargs: Any) -> None:
    super().__init__(**kwargs)
    self.seed = seed

  def build(self, input_shape: Sequence[int | None]) -> None:
    """Makes the counter, whatever the shape."""
    del input_shape
    self.step = self.add_weight(
      shape=(),
      dtype="int32",
      initializer="zeros",
      trainable=False,
      name="step",
    )

  def _uniform(self, shape: tf.Tensor | Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns random numbers in [0, 1) for this step, and counts it."""
    step = self.step.value + 0
    self.step.assign_add(1)
    return tf.random.stateless_uniform(shape, (self.seed, step))

  def compute_output_spec(
    self, x: keras.KerasTensor, training: bool = False
  ) -> keras.KerasTensor:
    """Returns the shape of the output, which is that of the input."""
    del training
    return keras.KerasTensor(x.shape, x.dtype)

  def get_config(self) -> dict[str, Any]:
    """Returns the arguments of the constructor."""
    return super().get_config() | {"seed": self.seed}


@keras.saving.register_keras_serializable("enas_tf")
class Dropout(_Counted):
  """Keeps a fraction of the features and scales them up, in training only.

  Args:
    keep_prob: the fraction that is kept, in (0, 1].
    seed: of the random numbers.
    always: do it outside of training too.
    **kwargs: of a Keras layer, such as `name`.
  """

  def __init__(
    self,
    keep_prob: float,
    seed: int = 0,
    always: bool = False,
    **kwargs: Any,
  ) -> None:
    super().__init__(seed, **kwargs)
    self.keep_prob = keep_prob
    self.always = always

  def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
    """Returns what is kept of x, as large as it.

    Args:
      x: float32 [batch, features].
      training: whether something is dropped.
    """
    if not (training or self.always) or self.keep_prob == 1:
      return x
    keep = self._uniform(tf.shape(x)) < self.keep_prob
    return tf.where(keep, x / self.keep_prob, 0.0)

  def get_config(self) -> dict[str, Any]:
    """Returns the arguments of the constructor."""
    return super().get_config() | {
      "keep_prob": self.keep_prob,
      "always": self.always,
    }


def drop_path_keep_prob(
  keep_prob: float,
  layer_ratio: float,
  step: int | tf.Tensor,
  total_steps: int,
) -> tf.Tensor:
  """Returns the fraction of paths that a cell keeps at a step.

  It falls with the depth of the cell and with the progress of the training
  (Larsson et al. 2017, arXiv:1605.07648, scheduled as in the original).

  Args:
    keep_prob: fraction that the last cell keeps at the end.
    layer_ratio: depth of the cell, in (0, 1].
    step: steps taken so far.
    total_steps: of the whole training.
  """
  progress = tf.minimum(1.0, tf.cast(step + 1, tf.float32) / total_steps)
  return 1 - progress * layer_ratio * (1 - keep_prob)


def drop_path(
  x: tf.Tensor, keep_prob: float | tf.Tensor, uniform: tf.Tensor
) -> tf.Tensor:
  """Drops the paths of some examples.

  Args:
    x: float32 [batch, height, width, channels].
    keep_prob: the fraction that is kept, in (0, 1].
    uniform: random numbers in [0, 1), float32 [batch].

  Returns:
    x, zero where a path is dropped and scaled up elsewhere.
  """
  keep = tf.floor(keep_prob + uniform)[:, None, None, None]
  return x / keep_prob * keep


@keras.saving.register_keras_serializable("enas_tf")
class DropPath(_Counted):
  """Drops the path of some examples, more and more, in training only.

  Args:
    keep_prob: see `drop_path_keep_prob`, as for the next two.
    layer_ratio: depth of the cell, in (0, 1].
    total_steps: of the whole training.
    seed: of the random numbers.
    **kwargs: of a Keras layer, such as `name`.
  """

  def __init__(
    self,
    keep_prob: float,
    layer_ratio: float,
    total_steps: int,
    seed: int = 0,
    **kwargs: Any,
  ) -> None:
    super().__init__(seed, **kwargs)
    self._schedule: dict[str, Any] = dict(
      keep_prob=keep_prob, layer_ratio=layer_ratio, total_steps=total_steps
    )

  def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
    """Returns what is kept of x, as large as it.

    Args:
      x: float32 [batch, height, width, channels].
      training: whether something is dropped.
    """
    if not training or self._schedule["keep_prob"] == 1:
      return x
    keep_prob = drop_path_keep_prob(step=self.step.value, **self._schedule)
    return drop_path(x, keep_prob, self._uniform((tf.shape(x)[0],)))

  def get_config(self) -> dict[str, Any]:
    """Returns the arguments of the constructor."""
    return super().get_config() | self._schedule
