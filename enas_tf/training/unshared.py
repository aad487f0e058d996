"""The base of optimizers of which every step moves all weights."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from enas_tf.layers import shared


class Unshared:
  """Has no banks, and postpones no move; see `trainer.Optimizer`.

  Args:
    variables: that are trained.
    schedule: learning rate as a function of the step.

  Attributes:
    banks: none.
    variables: that are trained.
    step: how many steps were taken, an int64 scalar.
  """

  banks: Sequence[shared.Bank] = ()  # All its variables are updated alike.

  def __init__(
    self,
    variables: Sequence[tf.Variable],
    schedule: Callable[[tf.Tensor], tf.Tensor],
  ) -> None:
    self.variables: Sequence[tf.Variable] = list(variables)
    self._schedule = schedule
    self.step = tf.Variable(0, trainable=False, dtype=tf.int64)

  @property
  def learning_rate(self) -> tf.Tensor:
    """The rate of the next step, a scalar."""
    return self._schedule(self.step)

  def refresh(self, chosen: Sequence[tf.Tensor]) -> None:
    """Does nothing: no move is postponed.

    Args:
      chosen: nothing; there are no banks.
    """

  def flush(self) -> None:
    """Does nothing: no move is postponed."""
