"""Averaged stochastic gradient descent (Polyak and Juditsky 1992)."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from enas_tf import states


class AveragedWeights:
  """The mean of the weights, over all steps since the averaging began.

  It begins when the validation no longer gets better: Merity et al. 2017
  (arXiv:1708.02182), algorithm 1, which enas_lm follows. (Keras's optimizers
  have an exponential moving average, which forgets.)

  Args:
    weights: what is averaged.
    patience: epochs, the algorithm's n; 0 never begins.
  """

  def __init__(self, weights: Sequence[tf.Variable], patience: int) -> None:
    self._weights = list(weights)
    self._patience = patience
    self._means = [
      tf.Variable(tf.zeros(weight.shape), trainable=False)
      for weight in self._weights
    ]
    self._count = tf.Variable(0, trainable=False, dtype=tf.int64)
    # The best perplexity of all but the last epochs, then theirs.
    self._past = tf.Variable(
      [np.inf] * (patience + 1), trainable=False, dtype=tf.float64
    )
    self._add = tf.function(self._add_weights, autograph=False)

  @property
  def count(self) -> int:
    """Over how many steps the mean is; 0 before the averaging began."""
    return int(self._count)

  def observe(self, perplexity: float) -> None:
    """Takes an epoch's validation perplexity in; begins if it says so.

    Args:
      perplexity: of the validation text.
    """
    if not self._patience:
      return
    best, oldest, *recent = self._past.numpy()
    if perplexity > best and not self.count:
      # Differs from enas_lm: as in the algorithm, these weights count. Its
      # counter has no initial value and begins at a random number.
      self._add()
    self._past.assign([min(best, oldest), *recent, perplexity])

  def update(self) -> None:
    """Takes the weights after a step in, if the averaging has begun."""
    if self.count:
      self._add()

  def _add_weights(self) -> None:
    self._count.assign_add(1)
    for mean, weight in zip(self._means, self._weights, strict=True):
      count = tf.cast(self._count, weight.dtype)
      mean.assign_add((weight - mean) / count)

  @contextlib.contextmanager
  def applied(self) -> Iterator[None]:
    """The weights are their mean inside of the block, if there is one."""
    if not self.count:
      yield
      return
    trained = [tf.identity(weight) for weight in self._weights]
    _assign(self._weights, self._means)
    try:
      yield
    finally:
      _assign(self._weights, trained)

  def _state(self) -> states.Variables:
    means = {f"mean/{i}": mean for i, mean in enumerate(self._means)}
    return states.Variables(means | {"count": self._count, "past": self._past})

  def state(self) -> dict[str, np.ndarray]:
    """Returns the means and what the beginning depends on, by name."""
    return self._state().state()

  def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    """Takes an earlier state back.

    Args:
      arrays: what `state` returned.
    """
    self._state().restore(arrays)


def _assign(
  variables: Sequence[tf.Variable], values: Sequence[tf.Tensor]
) -> None:
  for variable, value in zip(variables, values, strict=True):
    variable.assign(value)
