"""Learning rates, as functions of the number of steps taken so far."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf


@keras.saving.register_keras_serializable("enas_tf")
class CosineRestarts(keras.optimizers.schedules.LearningRateSchedule):
  """Cosine decay with warm restarts, constant within an epoch (SGDR).

  Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983, equation 5.

  Args:
    lr_max: rate at a restart.
    lr_min: rate that a period decays towards.
    T_0: epochs of the first period.
    T_mul: how many times longer each period is than the one before.
    steps_per_epoch: steps in an epoch.
    faithful: as in the original, the very first step of a restart measures the
      old period's time against the new period's length (for T_mul 2, half way
      between both rates), and lr_max comes one step late.
  """

  def __init__(
    self,
    lr_max: float,
    lr_min: float,
    T_0: int,  # noqa: N803 The original's name.
    T_mul: int,  # noqa: N803
    steps_per_epoch: int,
    faithful: bool = False,
  ) -> None:
    self._config = dict(
      lr_max=lr_max,
      lr_min=lr_min,
      T_0=T_0,
      T_mul=T_mul,
      steps_per_epoch=steps_per_epoch,
      faithful=faithful,
    )
    # Restart epochs, far beyond any training.
    starts, periods = [0], [T_0]
    while starts[-1] < 10**8 and len(starts) < 10**4:
      starts.append(starts[-1] + periods[-1])
      periods.append(periods[-1] * T_mul)
    self._starts = np.array(starts, np.int64)
    self._periods = np.array(periods, np.float64)

  def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
    config = self._config
    step = tf.cast(step, tf.int64)
    epoch = step // config["steps_per_epoch"]
    restart = tf.searchsorted(self._starts, epoch[None], side="right")[0] - 1
    start = tf.gather(self._starts, restart)
    time = tf.cast(epoch - start, tf.float64)
    if config["faithful"]:
      first = (step == start * config["steps_per_epoch"]) & (restart > 0)
      previous = tf.gather(self._periods, tf.maximum(restart - 1, 0))
      time = tf.where(first, previous, time)
    phase = math.pi * time / tf.gather(self._periods, restart)
    span = config["lr_max"] - config["lr_min"]
    rate = config["lr_min"] + 0.5 * span * (1 + tf.cos(phase))
    return tf.cast(rate, tf.float32)

  def get_config(self) -> dict[str, Any]:
    """Returns the arguments."""
    return dict(self._config)


@keras.saving.register_keras_serializable("enas_tf")
class ExponentialDecay(keras.optimizers.schedules.LearningRateSchedule):
  """Multiplies the rate by `rate` every few epochs.

  Args:
    lr: rate at the start.
    rate: factor of a decay.
    every_epochs: epochs from one decay to the next.
    steps_per_epoch: steps in an epoch.
    start_epoch: epochs before the count to the first decay begins.
    minimum: no rate is lower.
  """

  def __init__(
    self,
    lr: float,
    rate: float,
    every_epochs: int,
    steps_per_epoch: int,
    start_epoch: int = 0,
    minimum: float = 0.0,
  ) -> None:
    self._config = dict(
      lr=lr,
      rate=rate,
      every_epochs=every_epochs,
      steps_per_epoch=steps_per_epoch,
      start_epoch=start_epoch,
      minimum=minimum,
    )

  def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
    config = self._config
    step = tf.cast(step, tf.int64)
    past = step - config["start_epoch"] * config["steps_per_epoch"]
    every = config["every_epochs"] * config["steps_per_epoch"]
    decays = tf.cast(tf.maximum(past, 0) // every, tf.float64)
    rate = config["lr"] * config["rate"] ** decays
    return tf.cast(tf.maximum(rate, config["minimum"]), tf.float32)

  def get_config(self) -> dict[str, Any]:
    """Returns the arguments."""
    return dict(self._config)


def from_settings(
  child: Any, steps_per_epoch: int
) -> keras.optimizers.schedules.LearningRateSchedule:
  """Returns the schedule that settings ask for.

  Args:
    child: settings of a training; read are `lr_cosine` and those of its kind of
      schedule.
    steps_per_epoch: steps in an epoch.
  """
  if child.lr_cosine:
    return CosineRestarts(
      child.lr_max,
      child.lr_min,
      child.lr_T_0,
      child.lr_T_mul,
      steps_per_epoch,
      child.faithful,
    )
  return ExponentialDecay(
    child.lr,
    child.lr_dec_rate,
    child.lr_dec_every,
    steps_per_epoch,
    minimum=child.lr_min,
  )
