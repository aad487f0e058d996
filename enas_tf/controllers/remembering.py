"""The base of controllers that learn by remembering every trial."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from enas_tf import states, trials
from enas_tf.controllers import base, moves
from enas_tf.spaces import base as spaces

# What a trial that failed or was pruned counts as: worse than all others.
WORST = -math.inf
_TRIES = 10  # Arcs in which one is looked for that is not known yet.
_MANY_TRIES = 1000  # The same, for one that is within the limits.


class Told(NamedTuple):
  """What is remembered of a trial.

  Attributes:
    number: of the arc.
    arc: the integers of its decisions.
    reward: `WORST` if the trial is not done.
  """

  number: int
  arc: moves.Arc
  reward: float


class Remembering(base.Controller):
  """A controller whose state is the trials that it was told.

  Args:
    space: the space of the arcs.
    seed: of the arcs.

  Attributes:
    told: all trials, in the order in which they were told.
    known: what came last of each arc that was scored.
  """

  def __init__(self, space: spaces.Space, *, seed: int) -> None:
    super().__init__(space)
    self.seed = seed
    self.told: list[Told] = []
    self.known: dict[moves.Arc, Told] = {}

  def rng(self, number: int, *more: int) -> np.random.Generator:
    """Returns the random numbers of an arc.

    Args:
      number: of the arc.
      *more: another stream of the same arc, positive.
    """
    return np.random.default_rng([self.seed, number, *more])

  def unknown(
    self, make: Callable[[], moves.Arc], pending: Sequence[moves.Arc] = ()
  ) -> moves.Arc:
    """Returns an arc, allowed and not scored yet if that is easy.

    Args:
      make: returns an arc, another one each time.
      pending: others that it should not be.
    """
    allowed: list[moves.Arc] = []
    for _ in range(_MANY_TRIES):
      arc = make()
      if not self.is_allowed(arc):
        continue
      allowed.append(arc)
      is_new = arc not in self.known and arc not in pending
      if is_new or len(allowed) == _TRIES:
        break
    return allowed[-1] if allowed else arc

  def rows(self, arcs: Sequence[moves.Arc]) -> np.ndarray:
    """Returns arcs as int32 [n, num_decisions].

    Args:
      arcs: n of them.
    """
    return np.array(arcs, np.int32).reshape(-1, self.space.num_decisions)

  def update(self, trials: Sequence[trials.Trial]) -> dict[str, float]:
    new = [
      Told(each.number, each.arc, each.reward if each.is_done else WORST)
      for each in trials
    ]
    self._remember(new)
    self.learn(new)
    best = max((each.reward for each in self.known.values()), default=WORST)
    return {} if best == WORST else {"controller/best_reward": best}

  def learn(self, new: Sequence[Told]) -> None:
    """Draws conclusions from trials, which are remembered already.

    Args:
      new: by number.
    """

  def recommend(self, n: int) -> np.ndarray:
    """Returns the best arcs that it knows, best first, all different.

    If it knows too few, others follow.

    Args:
      n: how many at most.

    Returns:
      int32 [m, num_decisions], m <= n.
    """
    done = [each for each in self.known.values() if each.reward > WORST]
    done.sort(key=lambda each: each.reward, reverse=True)
    best = self.rows([each.arc for each in done[:n]])
    if len(best) < n:
      best = base.distinct(np.concatenate([best, super().recommend(n)]))
    return best[:n]

  def state(self) -> dict[str, np.ndarray]:
    return {
      **super().state(),
      "told/number": np.array([each.number for each in self.told], np.int64),
      "told/arc": self.rows([each.arc for each in self.told]),
      "told/reward": np.array([each.reward for each in self.told], np.float64),
    }

  def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    # There may be any number of trials, as long as it is the same in each.
    n = len(arrays.get("told/number", ()))
    own = {
      name: np.resize(array, (n, *array.shape[1:]))
      if name.startswith("told/")
      else array
      for name, array in self.state().items()
    }
    states.check(own, arrays)
    self.num_arcs = int(arrays["num_proposals"])
    self.told, self.known = [], {}
    self._remember(
      [
        Told(number, tuple(arc), reward)
        for number, arc, reward in zip(
          arrays["told/number"].tolist(),
          arrays["told/arc"].tolist(),
          arrays["told/reward"].tolist(),
          strict=True,
        )
      ]
    )

  def _remember(self, new: Sequence[Told]) -> None:
    self.told += new
    self.known.update((each.arc, each) for each in new)
