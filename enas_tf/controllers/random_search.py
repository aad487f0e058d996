"""Random search: the baseline that every controller has to beat."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from enas_tf import trials
from enas_tf.controllers import base
from enas_tf.spaces import base as spaces

_TRIES = 1000  # Arcs in which one is looked for that is within the limits.


class RandomSearch(base.Controller):
  """Proposes random arcs of its space; learns nothing.

  Args:
    space: the space of the arcs.
    seed: of the arcs.
  """

  def __init__(self, space: spaces.Space, *, seed: int) -> None:
    super().__init__(space)
    self._seed = seed

  @classmethod
  def from_settings(
    cls,
    settings: Any,
    space: spaces.Space,
    make_policy: Callable[[], Any],
    seed: int,
  ) -> "RandomSearch":
    """Returns the controller of a run.

    Args:
      settings: of the controller; it needs none.
      space: the space of the arcs.
      make_policy: returns a policy; it needs none.
      seed: of the arcs.
    """
    del settings, make_policy
    return cls(space, seed=seed)

  def draw(self, first: int, n: int) -> np.ndarray:
    rows = [self._allowed(number) for number in range(first, first + n)]
    return np.array(rows, np.int32).reshape(n, self.space.num_decisions)

  def _allowed(self, number: int) -> np.ndarray:
    # A stream for each arc, so that it matters not how many are asked for.
    rng = np.random.default_rng([self._seed, number])
    for _ in range(_TRIES):
      row = self.space.encode(self.space.random(rng))
      if self.is_allowed(row):
        break
    return row

  def update(self, trials: Sequence[trials.Trial]) -> dict[str, float]:
    return {}
