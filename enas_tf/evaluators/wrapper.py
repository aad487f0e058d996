"""Evaluators that stand around another one.

They compose, in this order from within: `averaged.Averaged`, `cached.Cached`,
`surrogate.Surrogate`.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from enas_tf import trials
from enas_tf.evaluators import base


class Wrapper(base.Evaluator):
  """Leaves to another evaluator whatever it does not do itself.

  Args:
    inner: the other one.

  Attributes:
    inner: the other one.
  """

  def __init__(self, inner: base.Evaluator) -> None:
    self.inner = inner

  def skip(self, known: Sequence[trials.Trial]) -> None:
    self.inner.skip(known)

  def remember(self, known: Sequence[trials.Trial]) -> None:
    self.inner.remember(known)

  def metrics(self) -> dict[str, float]:
    return self.inner.metrics()

  def close(self) -> None:
    self.inner.close()

  def state(self) -> Mapping[str, np.ndarray]:
    return self.inner.state()

  def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    self.inner.restore(arrays)
