"""The arcs that shared weights are trained on."""

from collections.abc import Mapping

import numpy as np

from enas_tf import states
from enas_tf.controllers import base, random_search


class Fair(random_search.RandomSearch):
  """Proposes arcs in which every option of a decision comes equally often.

  A decision of n options goes through all of them, in a new random order, with
  every n arcs (FairNAS: Chu et al. 2019, strict fairness; there, the n arcs
  make one gradient step, here each makes its own).

  Args:
    space: the space of the arcs.
    seed: of the arcs.
  """

  def draw(self, first: int, n: int) -> np.ndarray:
    rows = [self._row(number) for number in range(first, first + n)]
    return np.array(rows, np.int32).reshape(n, self.space.num_decisions)

  def _row(self, number: int) -> list[int]:
    row: list[int] = []
    for position, decision in enumerate(self.space.decisions):
      block, place = divmod(number, decision.num_options)
      rng = np.random.default_rng([self._seed, position, block])
      index = int(rng.permutation(decision.num_options)[place])
      if index >= self.space.num_options(row):  # It is not there in this arc.
        rng = np.random.default_rng([self._seed, position, block, place])
        index = int(rng.integers(self.space.num_options(row)))
      row.append(index)
    return row


class ChildArcs:
  """Says whom to ask for the arcs that shared weights are trained on.

  Args:
    controller: of the search.
    sampling: "policy", for arcs of the controller (ENAS, section 2.2),
      "uniform" or "fair".
    warmup_epochs: first epochs in which they are uniform in any case.
    seed: of the arcs that are not the controller's.
  """

  def __init__(
    self,
    controller: base.Controller,
    sampling: str = "policy",
    warmup_epochs: int = 0,
    seed: int = 0,
  ) -> None:
    space = controller.space
    uniform = random_search.RandomSearch(space, seed=seed)
    uniform.is_allowed = controller.is_allowed
    self._warmup_epochs = warmup_epochs
    self._first = uniform
    self._then: base.Controller = {
      "policy": controller,
      "uniform": uniform,
      "fair": Fair(space, seed=seed),
    }[sampling]
    self._own: dict[str, base.Controller] = {"uniform": uniform}
    if sampling == "fair":
      self._own["fair"] = self._then

  def of(self, epoch: int) -> base.Controller:
    """Returns whom to ask in an epoch.

    Args:
      epoch: from 0.
    """
    return self._first if epoch < self._warmup_epochs else self._then

  def state(self) -> dict[str, np.ndarray]:
    """Returns everything that a resumed search needs, by name."""
    return {
      f"{name}/{key}": value
      for name, each in self._own.items()
      for key, value in each.state().items()
    }

  def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    """Takes an earlier state back.

    Args:
      arrays: what `state` returned.
    """
    states.check(self.state(), arrays)
    for name, each in self._own.items():
      each.restore({key: arrays[f"{name}/{key}"] for key in each.state()})
