"""The interface of whatever scores architectures."""

import abc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from enas_tf import states, trials


class Evaluator(abc.ABC):
  """Scores arcs; it is not told who proposed them, nor what for."""

  @classmethod
  def from_settings(
    cls, settings: Mapping[str, Any], space: Any
  ) -> "Evaluator":
    """Returns the evaluator of a run, if its word chooses it.

    Args:
      settings: all of the run, by their public names.
      space: of the arcs.
    """
    raise NotImplementedError

  @abc.abstractmethod
  def evaluate(
    self, proposals: Sequence[trials.Proposal]
  ) -> Iterator[trials.Trial]:
    """Yields a trial for each arc, as soon as it is known, in any order.

    What goes wrong with an arc is a failed trial, not an exception.

    Args:
      proposals: the arcs.
    """

  def skip(self, n: int) -> None:
    """Goes on as if arcs had been evaluated, whose trials are known.

    Args:
      n: how many arcs.
    """
    del n

  def state(self) -> Mapping[str, np.ndarray]:
    """Returns everything that a resumed evaluator needs, by name."""
    return {}

  def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    """Takes an earlier state back.

    Args:
      arrays: what `state` returned.
    """
    states.check({}, arrays)


class OnBatches(Evaluator):
  """Scores arcs on batches of data, and so can rank many on the same ones."""

  @abc.abstractmethod
  def score_on(self, arcs: np.ndarray, batches: Iterable[Any]) -> list[float]:
    """Returns the task's metric of each arc on the same batches.

    Args:
      arcs: int32 [n, num_decisions].
      batches: of the task; they are gone through once.
    """
