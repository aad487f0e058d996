"""How good a network is at its task, as it is."""

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from enas_tf.training import steps


class Measurement:
  """Measures a network on batches; one graph serves all arcs.

  Args:
    network: of the task.
    steps: what one step of the task is.
  """

  def __init__(self, network: Any, steps: steps.Steps) -> None:
    self._network = network
    self._steps = steps
    self._measure = tf.function(self._measure_batch, autograph=False)

  def score(self, batches: Iterable, arc: tf.Tensor | None = None) -> float:
    """Returns the task's metric over successive batches, all counted alike.

    Args:
      batches: as a stream of the task yields them; the last may be smaller.
      arc: int32 [num_decisions], or None of a network of one arc.
    """
    total, count, carried = 0.0, 0, None
    for each in batches:
      batch = tuple(map(tf.convert_to_tensor, each))
      if carried is None:
        carried = self._steps.start(len(batch[0]))
      found = self._measure(batch, arc, carried)
      total += float(found.total)
      count += int(found.count)
      carried = found.carried
    return self._steps.score(total, count)

  def _measure_batch(
    self, batch: steps.Batch, arc: tf.Tensor | None, carried: steps.Carried
  ) -> steps.Measured:
    return self._steps.measure(self._network, batch, arc, carried)
