"""The interface of whatever scores architectures."""

import abc
from collections.abc import Mapping

import tensorflow as tf


class Evaluator(abc.ABC):
  """Scores arcs; it is not told who proposed them, nor what for."""

  @abc.abstractmethod
  def evaluate(self, arcs: tf.Tensor) -> tf.Tensor:
    """Returns the rewards of arcs int32 [n, num_decisions], float32 [n]."""

  @abc.abstractmethod
  def state(self) -> Mapping[str, tf.Variable]:
    """Returns everything that a resumed evaluator needs, by name."""
