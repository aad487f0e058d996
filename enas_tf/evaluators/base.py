"""The interface of whatever scores architectures."""

import abc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from enas_tf import states, trials


def never() -> bool:
  """Returns that nobody asks to stop."""
  return False


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
    self,
    proposals: Sequence[trials.Proposal],
    stop: Callable[[], bool] = never,
  ) -> Iterator[trials.Trial]:
    """Yields a trial for each arc, as soon as it is known, in any order.

    What goes wrong with an arc is a failed trial, not an exception.

    Args:
      proposals: the arcs; none if all trials of an update are known, see
        `skip`.
      stop: whether to give up soon what would take long; arcs without a trial
        will be proposed again. One that answers at once need not ask.
    """

  def skip(self, known: Sequence[trials.Trial]) -> None:
    """Goes on as if arcs had been evaluated, whose trials are known.

    The others of the same update, if there are any, are evaluated next.

    Args:
      known: their trials.
    """
    del known

  def remember(self, known: Sequence[trials.Trial]) -> None:
    """Takes in what was scored before, as a search that goes on begins.

    Args:
      known: all trials that count, by number.
    """
    del known

  def metrics(self) -> dict[str, float]:
    """Returns what to log of the last arcs, by path."""
    return {}

  def close(self) -> None:
    """Ends what works in the background, until it is needed again."""
    return

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
