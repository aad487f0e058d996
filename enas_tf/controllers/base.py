"""The interface of whatever proposes architectures."""

import abc
from collections.abc import Mapping

import tensorflow as tf

from enas_tf.spaces import base


class Controller(abc.ABC):
  """Proposes arcs and learns from their rewards.

  Attributes:
    space: the space of the arcs.
  """

  def __init__(self, space: base.Space):
    self.space = space

  @abc.abstractmethod
  def propose(self, n: int) -> tf.Tensor:
    """Returns n arcs, int32 [n, num_decisions]."""

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
