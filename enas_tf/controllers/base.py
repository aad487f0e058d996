"""The interface of whatever proposes architectures."""

import abc
from collections.abc import Mapping
from typing import NamedTuple

import tensorflow as tf

from enas_tf.spaces import base


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
  """Proposes arcs and learns from their rewards.

  Attributes:
    space: the space of the arcs.
  """

  def __init__(self, space: base.Space):
    self.space = space

  @abc.abstractmethod
  def propose(self, n: int) -> tf.Tensor:
    """Returns n arcs, int32 [n, num_decisions].

    As long as nothing is learnt in between, the arcs of several calls are
    those of one call for all of them.
    """

  @abc.abstractmethod
  def take_back(self, n: int) -> None:
    """Takes the last n proposals back: they will come again."""

  @abc.abstractmethod
  def update(self, arcs: tf.Tensor, rewards: tf.Tensor) -> dict[str, float]:
    """Learns from the rewards of arcs that it proposed.

    Args:
      arcs: int32 [n, num_decisions].
      rewards: float32 [n], higher is better.

    Returns:
      What to log, by path.
    """

  @abc.abstractmethod
  def state(self) -> Mapping[str, tf.Variable]:
    """Returns everything that a resumed controller needs, by name."""
