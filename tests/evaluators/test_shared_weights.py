import itertools

import numpy as np
import pytest
import tensorflow as tf

from enas_tf.evaluators import shared_weights

NUM_CLASSES = 3
KERNELS = np.random.default_rng(0).normal(size=(2, 4, NUM_CLASSES))
ARCS = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [1, 1]], np.int32)


class Supernet:
  """A linear classifier: an arc chooses its kernel and whether to flip it."""

  def __init__(self):
    self.training = []  # One entry for each trace.

  def __call__(self, inputs, training):
    self.training.append(training)
    kernel = tf.gather(tf.constant(KERNELS, tf.float32), inputs["arc"][0])
    sign = 1.0 - 2.0 * tf.cast(inputs["arc"][1], tf.float32)
    return {"logits": sign * inputs["images"] @ kernel}


def batch(step, size=8):
  rng = np.random.default_rng(step)
  images = rng.normal(size=(size, 4)).astype(np.float32)
  return images, rng.integers(NUM_CLASSES, size=size).astype(np.int32)


def stream(start):
  for step in itertools.count(start):
    yield tuple(map(tf.constant, batch(step)))


def num_correct(arc, images, labels):
  logits = (1 - 2 * arc[1]) * images @ KERNELS[arc[0]]
  return np.count_nonzero(logits.argmax(1) == labels)


def expected_rewards(arcs, first_step):
  """Returns the accuracy of each arc on the batch that is its turn."""
  return [
    num_correct(arc, *batch(step)) / 8
    for step, arc in enumerate(arcs, start=first_step)
  ]


@pytest.fixture
def evaluator():
  return shared_weights.SharedWeights(Supernet(), stream)


def test_reward_is_the_accuracy_on_the_next_batch(evaluator):
  expected = expected_rewards(ARCS, 0)
  # Another order of the batches would give other rewards.
  assert expected != expected_rewards(ARCS[::-1], 0)[::-1]
  np.testing.assert_allclose(evaluator.evaluate(tf.constant(ARCS)), expected)


def test_batches_go_on_from_call_to_call(evaluator):
  first = evaluator.evaluate(tf.constant(ARCS[:2]))
  second = evaluator.evaluate(tf.constant(ARCS[2:]))
  np.testing.assert_allclose([*first, *second], expected_rewards(ARCS, 0))
  assert int(evaluator.state()["num_batches"]) == 5


def test_resumes_at_its_batch(evaluator):
  evaluator.evaluate(tf.constant(ARCS[:3]))
  other = shared_weights.SharedWeights(Supernet(), stream)
  for name, variable in other.state().items():
    variable.assign(evaluator.state()[name])
  found = other.evaluate(tf.constant(ARCS))
  np.testing.assert_allclose(found, expected_rewards(ARCS, 3))
  assert expected_rewards(ARCS, 3) != expected_rewards(ARCS, 0)
  np.testing.assert_array_equal(evaluator.evaluate(tf.constant(ARCS)), found)


def test_evaluate_on_counts_a_smaller_last_batch_exactly(evaluator):
  batches = [batch(0), batch(1), batch(2, size=3)]
  # The mean of the accuracies of the batches is not the accuracy.
  counts = [[num_correct(arc, *each) for each in batches] for arc in ARCS]
  expected = [sum(count) / 19 for count in counts]
  of_batches = np.array(counts) / [8, 8, 3]
  assert not np.allclose(of_batches.mean(1), expected)
  tensors = [tuple(map(tf.constant, each)) for each in batches]
  found = evaluator.evaluate_on(tf.constant(ARCS), tensors)
  assert found == expected


def test_evaluate_on_leaves_the_rewards_batches_alone(evaluator):
  evaluator.evaluate(tf.constant(ARCS[:1]))
  evaluator.evaluate_on(tf.constant(ARCS), [next(stream(7))])
  found = evaluator.evaluate(tf.constant(ARCS))
  np.testing.assert_allclose(found, expected_rewards(ARCS, 1))


def test_arcs_share_one_trace_and_dropout_is_off():
  supernet = Supernet()
  evaluator = shared_weights.SharedWeights(supernet, stream)
  for _ in range(2):
    evaluator.evaluate(tf.constant(ARCS))
  assert supernet.training == [False]
