"""The interface of whatever proposes architectures."""

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, NamedTuple

import numpy as np
import tensorflow as tf

from enas_tf import states, trials
from enas_tf.spaces import base

_TRIES = 10  # Batches of samples in which different arcs are looked for.


class Score(NamedTuple):
  """What a policy says of n arcs, each float32 [n].

  Attributes:
    log_prob: log-probability, at most 0.
    entropy: of the decisions as they were made, summed, in nats.
    penalty: how far the policy is from what its space asks for, at best 0.
  """

  log_prob: tf.Tensor
  entropy: tf.Tensor
  penalty: tf.Tensor


class Controller(abc.ABC):
  """Proposes arcs and learns from their trials.

  Every arc that it gives out has a number; the random numbers of an arc belong
  to its number, so that it matters not how many are asked for at once.

  Args:
    space: the space of the arcs.

  Attributes:
    space: the space of the arcs.
    num_arcs: how many it has given out: the number of the next one.
    needs_gradients: whether it learns from the gradients of trials.
    is_allowed: whether an arc is within the limits of a run, which may be set.
      A controller does well to propose such arcs alone; others are not trained,
      and their trials are "outside".
  """

  needs_gradients: ClassVar[bool] = False

  def __init__(self, space: base.Space) -> None:
    self.space = space
    self.num_arcs = 0
    self.is_allowed: Callable[[Sequence[int] | np.ndarray], bool] = _any

  @abc.abstractmethod
  def draw(self, first: int, n: int) -> np.ndarray:
    """Returns arcs by their numbers, int32 [n, num_decisions].

    As long as nothing is learnt in between, the same number has the same arc.

    Args:
      first: number of the first.
      n: how many.
    """

  @abc.abstractmethod
  def update(self, trials: Sequence[trials.Trial]) -> dict[str, float]:
    """Learns from what came of arcs that it proposed.

    Args:
      trials: by number; failed and pruned ones are among them.

    Returns:
      What to log, by path.
    """

  def sample(self, n: int) -> np.ndarray:
    """Returns n arcs to train shared weights on; no trial will follow.

    Args:
      n: how many.

    Returns:
      int32 [n, num_decisions].
    """
    arcs = self.draw(self.num_arcs, n)
    self.num_arcs += n
    return arcs

  def propose(self, n: int) -> np.ndarray:
    """Returns n arcs whose trials `update` will be told.

    Nothing changes but `num_arcs`: after `take_back` it returns them again.

    Args:
      n: how many.

    Returns:
      int32 [n, num_decisions]; the last has the number `num_arcs - 1`.
    """
    return self.sample(n)

  def take_back(self, n: int) -> None:
    """Takes the last n samples back: they will come again.

    Args:
      n: how many were not used.
    """
    self.num_arcs -= n

  def imitate(self, arcs: np.ndarray) -> None:
    """Begins to prefer arcs like these; a controller that cannot does nothing.

    Args:
      arcs: that were good elsewhere, int32 [n, num_decisions].
    """
    del arcs

  def recommend(self, n: int) -> np.ndarray:
    """Returns the arcs that it thinks best of, all different, best first.

    It leaves the samples that are to come as they are.

    Args:
      n: how many at most.

    Returns:
      int32 [m, num_decisions], m <= n.
    """
    before = self.num_arcs
    arcs = different(self.sample, n)
    self.num_arcs = before
    return arcs

  def diagnostics(self) -> dict[str, float]:
    """Returns how it is doing, by path, to be logged once an epoch."""
    return {}

  def state(self) -> Mapping[str, np.ndarray]:
    """Returns everything that a resumed controller needs, by name."""
    return {"num_proposals": np.array(self.num_arcs, np.int32)}

  def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    """Takes an earlier state back.

    A controller whose state changes its shape has a method of its own.

    Args:
      arrays: what `state` returned.
    """
    states.check(self.state(), arrays)
    self.num_arcs = int(arrays["num_proposals"])


def _any(arc: Sequence[int] | np.ndarray) -> bool:
  """Returns that every arc is allowed."""
  del arc
  return True


def different(draw: Callable[[int], np.ndarray], n: int) -> np.ndarray:
  """Returns up to n different arcs, in the order in which they were drawn.

  Args:
    draw: returns so many arcs, int32 [n, num_decisions]; asked ten times at
      most.
    n: how many arcs.
  """
  arcs = distinct(draw(n))
  for _ in range(_TRIES - 1):
    if len(arcs) >= n:
      break
    arcs = distinct(np.concatenate([arcs, draw(n)]))
  return arcs[:n]


def distinct(arcs: np.ndarray) -> np.ndarray:
  """Returns arcs without those that were there before.

  Args:
    arcs: int32 [n, num_decisions].
  """
  _, first = np.unique(arcs, axis=0, return_index=True)
  return arcs[np.sort(first)]
