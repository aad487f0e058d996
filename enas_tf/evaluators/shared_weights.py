"""Scores an arc by the shared weights that it selects (ENAS, section 2.2)."""

from collections.abc import Callable, Iterable

import tensorflow as tf

from enas_tf.evaluators import base


class SharedWeights(base.Evaluator):
  """The reward is the accuracy on one validation batch.

  Normalization takes the statistics of the batch. Dropout is off, but in a
  faithful micro supernet.

  Args:
    supernet: answers {"logits"} to {"images", "arc"}.
    batches: a function from a step to the endless validation batches (images,
      labels) that begin there.
  """

  def __init__(self, supernet, batches: Callable[[int], Iterable]):
    self._supernet = supernet
    self._make_batches = batches
    self._batches = None
    self._num_batches = tf.Variable(0, trainable=False, dtype=tf.int64)
    self._correct = tf.function(self._count_correct, autograph=False)

  def evaluate(self, arcs):
    """Returns accuracies, each on the next validation batch, [n]."""
    if self._batches is None:  # Not before a checkpoint was restored.
      self._batches = iter(self._make_batches(int(self._num_batches)))
    rewards = [
      self._accuracy([next(self._batches)], arc) for arc in tf.unstack(arcs)
    ]
    self._num_batches.assign_add(len(rewards))
    return tf.constant(rewards)

  def evaluate_on(self, arcs, batches) -> list[float]:
    """Returns the accuracy of each arc on the same batches, [n]."""
    return [self._accuracy(batches, arc) for arc in tf.unstack(arcs)]

  def _accuracy(self, batches, arc) -> float:
    correct, total = 0, 0
    for images, labels in batches:
      correct += int(self._correct(images, labels, arc))
      total += len(labels)
    return correct / total

  def _count_correct(self, images, labels, arc):
    outputs = self._supernet({"images": images, "arc": arc}, training=False)
    hits = tf.argmax(outputs["logits"], 1, labels.dtype) == labels
    return tf.math.count_nonzero(hits)

  def state(self):
    return {"num_batches": self._num_batches}
