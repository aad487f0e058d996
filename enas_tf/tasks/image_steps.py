"""One step of a network that classifies images."""

from typing import Any

import tensorflow as tf

from enas_tf.layers import heads
from enas_tf.training import steps


class ImageSteps(steps.Steps):
  """Cross-entropy in training; in evaluation, how many labels are hit.

  Networks answer {"logits", ["aux_logits"]} to {"images", "arc"}; a batch is
  (images [batch, height, width, channels], labels [batch]). Without its
  statistics, normalization takes those of the batch; dropout is off in
  evaluation, but in a faithful micro supernet.
  """

  metric = "accuracy"
  is_run_as_traced = True

  def train(
    self,
    network: Any,
    batch: steps.Batch,
    arc: tf.Tensor | None,
    carried: steps.Carried,
  ) -> steps.TrainStep:
    images, labels = batch
    outputs = network(steps.inputs(images=images, arc=arc), training=True)
    total = loss = cross_entropy(labels, outputs["logits"])
    if "aux_logits" in outputs:
      aux_loss = cross_entropy(labels, outputs["aux_logits"])
      total += heads.AUX_WEIGHT * aux_loss
    metrics = {
      "child/loss": loss,
      "child/accuracy": accuracy(labels, outputs["logits"]),
    }
    return steps.TrainStep(total, metrics, carried)

  def measure(
    self,
    network: Any,
    batch: steps.Batch,
    arc: tf.Tensor | None,
    carried: steps.Carried,
    gates: tf.Tensor | None = None,
  ) -> steps.Measured:
    images, labels = batch
    given = steps.inputs(images=images, arc=arc, gates=gates)
    logits = network(given, training=False)["logits"]
    hits = tf.argmax(logits, 1, labels.dtype) == labels
    loss = None if gates is None else cross_entropy(labels, logits)
    return steps.Measured(
      tf.math.count_nonzero(hits), tf.size(labels), carried, loss
    )

  def score(self, total: float, count: int) -> float:
    return total / count


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
  """Returns the mean cross-entropy, in nats, a scalar.

  Args:
    labels: integers [batch], or fractions [batch, num_classes].
    logits: [batch, num_classes].
  """
  if tf.as_dtype(labels.dtype).is_floating:
    return tf.reduce_mean(
      tf.nn.softmax_cross_entropy_with_logits(labels, logits)
    )
  return tf.reduce_mean(
    tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
  )


def accuracy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
  """Returns the fraction of the labels that the logits hit, a scalar.

  Args:
    labels: integers [batch], or fractions [batch, num_classes], of which the
      largest counts.
    logits: [batch, num_classes].
  """
  if tf.as_dtype(labels.dtype).is_floating:
    labels = tf.argmax(labels, 1)
  hits = tf.argmax(logits, 1, labels.dtype) == labels
  return tf.reduce_mean(tf.cast(hits, tf.float32))
