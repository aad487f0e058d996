import numpy as np
import pytest
import tensorflow as tf

from enas_tf.tasks import image_steps


def test_losses_by_hand():
  logits = tf.constant([[0.0, np.log(3)], [np.log(4), 0.0]], tf.float32)
  labels = tf.constant([1, 1])
  loss = image_steps.cross_entropy(labels, logits)
  assert float(loss) == pytest.approx(-(np.log(3 / 4) + np.log(1 / 5)) / 2)
  assert float(image_steps.accuracy(labels, logits)) == 0.5


def test_losses_of_blended_labels_by_hand():
  logits = tf.constant([[0.0, np.log(3)], [np.log(4), 0.0]], tf.float32)
  labels = tf.constant([[0.25, 0.75], [0.4, 0.6]])
  loss = image_steps.cross_entropy(labels, logits)
  first = 0.25 * np.log(1 / 4) + 0.75 * np.log(3 / 4)
  second = 0.4 * np.log(4 / 5) + 0.6 * np.log(1 / 5)
  assert float(loss) == pytest.approx(-(first + second) / 2)
  assert float(image_steps.accuracy(labels, logits)) == 0.5


class Network:
  """Two heads on the same logits, the second one scaled."""

  def __call__(self, inputs, training):
    logits = inputs["images"]
    if "arc" in inputs:
      logits = logits * tf.cast(inputs["arc"][0], tf.float32)
    return (
      {"logits": logits, "aux_logits": -logits}
      if training
      else {"logits": logits}
    )


IMAGES = np.log(np.array([[1, 3], [4, 1], [1, 7]], np.float32))
LABELS = np.array([1, 1, 0], np.int32)


def batch():
  return tf.constant(IMAGES), tf.constant(LABELS)


def test_the_auxiliary_head_counts_in_the_total_alone():
  taken = image_steps.ImageSteps().train(Network(), batch(), None, ())
  loss = -np.mean(np.log([3 / 4, 1 / 5, 1 / 8]))
  other = -np.mean(np.log([1 / 4, 4 / 5, 7 / 8]))
  assert float(taken.metrics["child/loss"]) == pytest.approx(loss)
  assert float(taken.metrics["child/accuracy"]) == pytest.approx(1 / 3)
  assert float(taken.total) == pytest.approx(loss + 0.4 * other)


def test_measures_hits():
  steps = image_steps.ImageSteps()
  for arc, hits in ((None, 1), (1, 1), (-1, 2)):
    arc = None if arc is None else tf.constant([arc])
    found = steps.measure(Network(), batch(), arc, steps.start(3))
    assert (int(found.total), int(found.count)) == (hits, 3)
  assert steps.score(1.0, 3) == 1 / 3
