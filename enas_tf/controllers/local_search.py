"""Local search: from an arc to a better neighbour, and anew where none is."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from enas_tf.controllers import moves, remembering
from enas_tf.spaces import base as spaces


class LocalSearch(remembering.Remembering):
  """Climbs by the neighbours that differ in one decision.

  From a summit it starts anew, a few steps from the best arc that it knows
  (iterated local search: Lourenco, Martin and Stuetzle, 2003). No neighbour is
  asked for twice: what is known is climbed at once.

  Args:
    space: the space of the arcs.
    seed: of the arcs.
    first: whether it goes to a better neighbour as soon as it knows one;
      otherwise to the best when it knows all.
    patience: neighbours that it tries at most before it starts anew; None is
      all of them.
  """

  def __init__(
    self,
    space: spaces.Space,
    *,
    seed: int,
    first: bool,
    patience: int | None,
  ) -> None:
    super().__init__(space, seed=seed)
    self._first = first
    self._patience = patience
    self._centre: remembering.Told | None = None
    # What it is about to try, in this order, from which number on.
    self._untried: list[moves.Arc] = []
    self._start = 0
    self._num_told = 0

  @classmethod
  def from_settings(
    cls,
    settings: Any,
    space: spaces.Space,
    make_policy: Callable[[], Any],
    seed: int,
  ) -> "LocalSearch":
    """Returns the controller of a run.

    Args:
      settings: of the controller: `improvement` and `patience`.
      space: the space of the arcs.
      make_policy: returns a policy; it needs none.
      seed: of the arcs.
    """
    del make_policy
    return cls(
      space,
      seed=seed,
      first=settings.improvement == "first",
      patience=settings.patience,
    )

  def draw(self, first: int, n: int) -> np.ndarray:
    return self.rows([self._arc(number) for number in range(first, first + n)])

  def _arc(self, number: int) -> moves.Arc:
    # In turn, with far ones where a batch is larger than what is left.
    place = (number - self._start) % max(len(self._untried), self._num_told, 1)
    if place < len(self._untried):
      return self._untried[place]
    rng = self.rng(number)
    return self.unknown(lambda: self._far(rng))

  def _far(self, rng: np.random.Generator) -> moves.Arc:
    """Returns an arc some steps from the best one: two, or rarely more."""
    best = _best(list(self.known.values()))
    if best is None:
      return moves.random(self.space, rng)
    arc = best.arc
    for _ in range(1 + rng.geometric(0.5)):
      arc = moves.mutated(self.space, arc, rng)
    return arc

  def learn(self, new: Sequence[remembering.Told]) -> None:
    self._start, self._num_told = self.num_arcs, len(new)
    around = self._neighbours()
    # Where it starts anew: what was no neighbour.
    starts = [self.known[each.arc] for each in new if each.arc not in around]
    self._climb(_best(starts))

  def _climb(self, start: remembering.Told | None) -> None:
    """Goes uphill as far as is known; from `start` where that is a summit."""
    if self._centre is None:
      self._centre, start = start, None
    self._untried = []
    while self._centre is not None:
      around = self._neighbours()
      known = [self.known[arc] for arc in around if arc in self.known]
      untried = [arc for arc in around if arc not in self.known]
      best = _best(known)
      if best is None or best.reward <= self._centre.reward:
        best = None
      most = len(around) if self._patience is None else self._patience
      is_done = not untried or len(known) >= most
      if best is not None and (self._first or is_done):
        self._centre = best
      elif is_done:
        self._centre, start = start, None
      else:
        self._untried = untried
        break

  def _neighbours(self) -> list[moves.Arc]:
    """Returns the neighbours in the order in which they are tried."""
    if self._centre is None:
      return []
    around = moves.neighbours(self.space, self._centre.arc)
    around = [arc for arc in around if self.is_allowed(arc)]
    order = self.rng(self._centre.number, 1).permutation(len(around))
    return [around[i] for i in order]

  def state(self) -> dict[str, np.ndarray]:
    centre = -1 if self._centre is None else self.told.index(self._centre)
    return {
      **super().state(),
      "centre": np.array(centre, np.int64),
      "start": np.array(self._start, np.int64),
      "num_told": np.array(self._num_told, np.int64),
    }

  def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    super().restore(arrays)
    centre = int(arrays["centre"])
    self._centre = None if centre < 0 else self.told[centre]
    self._start, self._num_told = int(arrays["start"]), int(arrays["num_told"])
    # It stands where it has climbed to.
    self._climb(None)


def _best(told: Sequence[remembering.Told]) -> remembering.Told | None:
  """Returns the first of the best that are done, or None."""
  best = max(told, key=lambda each: each.reward, default=None)
  return None if best and best.reward == remembering.WORST else best
