"""Regularized evolution (Real et al., 2019, algorithm 1)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from enas_tf.controllers import moves, remembering
from enas_tf.spaces import base as spaces


class Evolution(remembering.Remembering):
  """Changes one decision of the best of a few members of a population.

  The population are the last arcs whose trials are done: members die of age,
  not of a low reward, so that luck is not kept.

  Args:
    space: the space of the arcs.
    seed: of the arcs.
    population_size: members; as many random arcs come first.
    tournament_size: members of which the best becomes a parent.
    crossover: probability of a second parent.
  """

  def __init__(
    self,
    space: spaces.Space,
    *,
    seed: int,
    population_size: int,
    tournament_size: int,
    crossover: float,
  ) -> None:
    super().__init__(space, seed=seed)
    self._population_size = population_size
    self._tournament_size = tournament_size
    self._crossover = crossover

  @classmethod
  def from_settings(
    cls,
    settings: Any,
    space: spaces.Space,
    make_policy: Callable[[], Any],
    seed: int,
  ) -> "Evolution":
    """Returns the controller of a run.

    Args:
      settings: of the controller: `population_size`, `tournament_size`,
        `crossover` and `selection`.
      space: the space of the arcs.
      make_policy: returns a policy; it needs none.
      seed: of the arcs.
    """
    del make_policy
    if settings.selection == "pareto":
      from enas_tf.controllers import nsga2  # It is made of this class.

      cls = nsga2.Nsga2
    return cls(
      space,
      seed=seed,
      population_size=settings.population_size,
      tournament_size=settings.tournament_size,
      crossover=settings.crossover,
    )

  def draw(self, first: int, n: int) -> np.ndarray:
    population = self._members()

    def arc(number: int) -> moves.Arc:
      rng = self.rng(number)
      # Differs from the paper: no arc is scored twice.
      return self.unknown(lambda: self._child(population, rng))

    return self.rows([arc(first + i) for i in range(n)])

  def _members(self) -> Sequence[Any]:
    """Returns the population; each member has an `arc`."""
    done = [each for each in self.told if each.reward > remembering.WORST]
    return done[-self._population_size :]

  def _child(
    self, population: Sequence[Any], rng: np.random.Generator
  ) -> moves.Arc:
    if len(population) < self._population_size:
      return moves.random(self.space, rng)
    arc = self._parent(population, rng)
    if rng.random() < self._crossover:
      arc = moves.crossed(self.space, arc, self._parent(population, rng), rng)
    return moves.mutated(self.space, arc, rng)

  def _parent(
    self, population: Sequence[Any], rng: np.random.Generator
  ) -> moves.Arc:
    chosen = rng.choice(len(population), self._tournament_size, replace=False)
    return max((population[i] for i in chosen), key=self._fitness).arc

  def _fitness(self, member: Any) -> Any:
    """Returns what the winner of a tournament has most of."""
    return member.reward
