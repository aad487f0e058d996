"""How good a network is at its task, as it is."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from enas_tf.training import steps


class Measurement:
  """Measures a network on batches; one graph serves all arcs.

  One more graph, made when it is needed, takes gradients too.

  Args:
    network: of the task.
    steps: what one step of the task is.
  """

  def __init__(self, network: Any, steps: steps.Steps) -> None:
    self._network = network
    self._steps = steps
    self._measure = tf.function(self._measure_batch, autograph=False)
    self._differentiate = tf.function(
      self._differentiate_batch, autograph=False
    )

  def score(self, batches: Iterable, arc: tf.Tensor | None = None) -> float:
    """Returns the task's metric over successive batches, all counted alike.

    Args:
      batches: as a stream of the task yields them; the last may be smaller.
      arc: int32 [num_decisions], or None of a network of one arc.
    """
    return self.scores(batches, [arc])[0]

  def scores(
    self, batches: Iterable, arcs: Sequence[tf.Tensor | None]
  ) -> list[float]:
    """Returns the metric of several arcs; every batch is read once.

    Args:
      batches: see `score`.
      arcs: see `score`.
    """
    sums = [_Sums() for _ in arcs]
    for each in batches:
      batch = tuple(map(tf.convert_to_tensor, each))
      for arc, so_far in zip(arcs, sums, strict=True):
        if so_far.carried is None:
          so_far.carried = self._steps.start(len(batch[0]))
        found = self._measure(batch, arc, so_far.carried)
        so_far.total += float(found.total)
        so_far.count += int(found.count)
        so_far.carried = found.carried
    return [self._steps.score(each.total, each.count) for each in sums]

  def score_with_gradients(
    self, batch: steps.Batch, arc: tf.Tensor
  ) -> tuple[float, np.ndarray]:
    """Returns the task's metric on one batch, and what would better it.

    Args:
      batch: of a stream of the task.
      arc: int32 [num_decisions].

    Returns:
      The metric, and the gradients of the negative loss with respect to gates
      of value 1 on what each decision of the arc chose, float32
      [num_decisions]: positive where more of the choice is better.
    """
    batch = tuple(map(tf.convert_to_tensor, batch))
    carried = self._steps.start(len(batch[0]))
    found, gradients = self._differentiate(batch, arc, carried)
    metric = self._steps.score(float(found.total), int(found.count))
    return metric, gradients.numpy()

  def _differentiate_batch(
    self, batch: steps.Batch, arc: tf.Tensor, carried: steps.Carried
  ) -> tuple[steps.Measured, tf.Tensor]:
    gates = tf.ones(tf.shape(arc))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(gates)
      measure = self._steps.measure
      found = measure(self._network, batch, arc, carried, gates)
    return found, -tape.gradient(found.loss, gates)

  def _measure_batch(
    self, batch: steps.Batch, arc: tf.Tensor | None, carried: steps.Carried
  ) -> steps.Measured:
    return self._steps.measure(self._network, batch, arc, carried)


@dataclasses.dataclass
class _Sums:
  """What was measured so far of one arc."""

  total: float = 0.0
  count: int = 0
  carried: steps.Carried | None = None
