"""A controller that begins with what earlier searches found."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from enas_tf import states, trials
from enas_tf.controllers import base


class WarmStart(base.Controller):
  """Proposes the best arcs of earlier searches first, then another one's.

  That other one is told their trials, as of its own arcs: their scores are of
  this search, whatever data the earlier ones had. Before, it is asked to
  imitate them, which a policy can do.

  Args:
    inner: the other controller.
    most: arcs that `begin` takes at most.

  Attributes:
    inner: the other controller.
  """

  needs_gradients: ClassVar[bool]

  def __init__(self, inner: base.Controller, most: int) -> None:
    self.inner = inner
    self.needs_gradients = inner.needs_gradients  # type: ignore[misc]
    self._most = most
    self._first = np.zeros((0, inner.space.num_decisions), np.int32)
    self._num_told = 0  # Of the first.
    super().__init__(inner.space)

  @property
  def num_arcs(self) -> int:
    """How many arcs it has given out."""
    return self.inner.num_arcs

  @num_arcs.setter
  def num_arcs(self, value: int) -> None:
    self.inner.num_arcs = value

  def begin(self, arcs: np.ndarray) -> int:
    """Begins with earlier arcs; returns with how many.

    Args:
      arcs: best first, int32 [n, num_decisions].
    """
    allowed = [arc for arc in base.distinct(arcs) if self.inner.is_allowed(arc)]
    first = np.array(allowed[: self._most], np.int32)
    self._first = first.reshape(-1, self.space.num_decisions)
    self.inner.imitate(self._first)
    return len(self._first)

  def draw(self, first: int, n: int) -> np.ndarray:
    return self.inner.draw(first, n)

  def sample(self, n: int) -> np.ndarray:
    return self.inner.sample(n)

  def propose(self, n: int) -> np.ndarray:
    arcs = self.inner.propose(n)
    first = self._first[self._num_told : self._num_told + n]
    return np.concatenate([first, arcs[len(first) :]])

  def take_back(self, n: int) -> None:
    self.inner.take_back(n)

  def update(self, trials: Sequence[trials.Trial]) -> dict[str, float]:
    told = self._num_told + len(trials)
    self._num_told = min(told, len(self._first))
    return self.inner.update(trials)

  def recommend(self, n: int) -> np.ndarray:
    return self.inner.recommend(n)

  def diagnostics(self) -> dict[str, float]:
    return self.inner.diagnostics()

  def state(self) -> dict[str, np.ndarray]:
    return {
      **self.inner.state(),
      "warm_start/arcs": self._first,
      "warm_start/num_told": np.array(self._num_told, np.int64),
    }

  def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    own = {k: v for k, v in arrays.items() if k.startswith("warm_start/")}
    # There may be any number of arcs.
    n = len(own.get("warm_start/arcs", ()))
    like = {name: self.state()[name] for name in own}
    like["warm_start/arcs"] = np.zeros((n, self.space.num_decisions), np.int32)
    like.setdefault("warm_start/num_told", np.array(0, np.int64))
    states.check(like, own)
    self.inner.restore({k: v for k, v in arrays.items() if k not in own})
    self._first = own["warm_start/arcs"]
    self._num_told = int(own["warm_start/num_told"])
