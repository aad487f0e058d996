"""Evolution towards several goals at once (NSGA-II: Deb et al., 2002)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from enas_tf import trials
from enas_tf.controllers import base, evolution, moves, remembering
from enas_tf.spaces import base as spaces

COSTS = ("parameters", "multiply_adds")  # Among the scores of a trial.


class Member(NamedTuple):
  """A member of the population.

  Attributes:
    arc: the integers of its decisions.
    rank: how many fronts are before its own, from 0.
    crowding: how far its neighbours on the front are; more is better.
  """

  arc: moves.Arc
  rank: int
  crowding: float


class Nsga2(evolution.Evolution):
  """Seeks the Pareto front of reward, parameters and multiply-adds.

  The population are the best of all arcs that were scored: those on the first
  fronts and, of the last front that has room, those with the most room around
  them. The better of a few random members has a child.
  """

  def __init__(self, space: spaces.Space, **settings: Any) -> None:
    super().__init__(space, **settings)
    self._costs: dict[moves.Arc, tuple[float, ...]] = {}
    self._population: list[Member] = []

  def update(self, trials: Sequence[trials.Trial]) -> dict[str, float]:
    """Learns from trials whose scores have the costs beside the reward.

    Args:
      trials: by number.
    """
    for each in trials:
      # A predicted reward has no costs, and is no member.
      if each.is_done and each.scores.keys() >= set(COSTS):
        self._costs[each.arc] = tuple(each.scores[name] for name in COSTS)
    return super().update(trials)

  def learn(self, new: Sequence[remembering.Told]) -> None:
    self._select()

  def _select(self) -> None:
    arcs, points = self._points()
    self._population = [
      Member(arcs[i], rank, crowding)
      for i, rank, crowding in survivors(points, self._population_size)
    ]

  def _points(self) -> tuple[list[moves.Arc], np.ndarray]:
    """Returns what was scored, and what is minimised of it, [n, goals]."""
    done = [
      each
      for each in self.known.values()
      if each.reward > remembering.WORST and each.arc in self._costs
    ]
    points = [(-each.reward, *self._costs[each.arc]) for each in done]
    array = np.array(points, float).reshape(-1, 1 + len(COSTS))
    return [each.arc for each in done], array

  def _members(self) -> list[Member]:
    return self._population

  def _fitness(self, member: Member) -> tuple[int, float]:
    return -member.rank, member.crowding

  def recommend(self, n: int) -> np.ndarray:
    """Returns arcs by their fronts, and on one by their rewards.

    Args:
      n: how many at most.

    Returns:
      int32 [m, num_decisions], m <= n.
    """
    arcs, points = self._points()
    order = np.lexsort((points[:, 0], fronts(points)))
    best = self.rows([arcs[i] for i in order[:n]])
    if len(best) < n:
      others = base.Controller.recommend(self, n)
      best = base.distinct(np.concatenate([best, others]))
    return best[:n]

  def state(self) -> dict[str, np.ndarray]:
    unknown = (math.nan,) * len(COSTS)
    costs = [self._costs.get(each.arc, unknown) for each in self.told]
    array = np.array(costs, np.float64).reshape(-1, len(COSTS))
    return {**super().state(), "told/costs": array}

  def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    super().restore(arrays)
    costs = map(tuple, arrays["told/costs"].tolist())
    told = zip(self.told, costs, strict=True)
    self._costs = {
      each.arc: found for each, found in told if not math.isnan(found[0])
    }
    self._select()


def fronts(points: np.ndarray) -> np.ndarray:
  """Returns the front of each point, from 0: those that no other one beats.

  >>> fronts(np.array([[0, 1], [1, 0], [1, 1], [2, 2]])).tolist()
  [0, 0, 1, 2]

  Args:
    points: [n, goals]; less is better.
  """
  as_good = np.all(points[None] <= points[:, None], axis=-1)
  better = np.any(points[None] < points[:, None], axis=-1)
  beaten_by = as_good & better  # [i, j]: whether j beats i.
  found = np.full(len(points), -1)
  front = 0
  while (left := found < 0).any():
    is_on = left & ~np.any(beaten_by[:, left], axis=1)
    found[is_on] = front
    front += 1
  return found


def crowding(points: np.ndarray) -> np.ndarray:
  """Returns how far the neighbours of each point are, summed over the goals.

  Those at an end of a goal are infinitely far from others.

  Args:
    points: of one front, [n, goals].
  """
  found = np.zeros(len(points))
  for values in points.T:
    order = np.argsort(values, kind="stable")
    width = values[order[-1]] - values[order[0]]
    found[order[[0, -1]]] = math.inf
    if width > 0:
      found[order[1:-1]] += (values[order[2:]] - values[order[:-2]]) / width
  return found


def survivors(points: np.ndarray, size: int) -> list[tuple[int, int, float]]:
  """Returns (index, front, crowding) of the best points.

  Args:
    points: [n, goals]; less is better.
    size: how many at most.
  """
  found: list[tuple[int, int, float]] = []
  front_of = fronts(points)
  for front in range(front_of.max(initial=-1) + 1):
    indices = np.flatnonzero(front_of == front)
    distances = crowding(points[indices])
    order = np.argsort(-distances, kind="stable")[: size - len(found)]
    found += [(int(indices[i]), front, float(distances[i])) for i in order]
    if len(found) == size:
      break
  return found
