"""One arc over and over: how far its reward spreads, or what weights it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from enas_tf import errors, trials
from enas_tf.controllers import base
from enas_tf.spaces import base as spaces


class Fixed(base.Controller):
  """Proposes one arc; learns nothing.

  Use it to see how the rewards of an arc spread, or to train the shared
  weights for it alone.

  Args:
    space: the space of the arc.
    row: the arc, `num_decisions` integers.
  """

  def __init__(self, space: spaces.Space, row: spaces.Row) -> None:
    super().__init__(space)
    space.check(row)
    self._row = np.array(row, np.int32)

  @classmethod
  def from_settings(
    cls,
    settings: Any,
    space: spaces.Space,
    make_policy: Callable[[], Any],
    seed: int,
  ) -> "Fixed":
    """Returns the controller of a run.

    Args:
      settings: of the controller: `arc`, as text.
      space: the space of the arc.
      make_policy: returns a policy; it needs none.
      seed: it needs none.

    Raises:
      ConfigError: if there is no arc.
      ArcError: if it is not of the space.
    """
    del make_policy, seed
    if settings.arc is None:
      raise errors.ConfigError(
        "The fixed controller needs an arc: give its integers, its JSON file "
        "or its name by `controller_arc`. Received: controller_arc=None"
      )
    return cls(space, space.encode(space.parse(settings.arc)))

  def draw(self, first: int, n: int) -> np.ndarray:
    return np.tile(self._row, (n, 1))

  def update(self, trials: Sequence[trials.Trial]) -> dict[str, float]:
    return {}

  def diagnostics(self) -> dict[str, float]:
    return {"controller/possible_arcs": 1.0}
