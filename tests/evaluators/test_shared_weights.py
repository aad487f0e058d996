import itertools

import numpy as np
import pytest
import tensorflow as tf

from enas_tf import errors, trials
from enas_tf.evaluators import shared_weights
from enas_tf.tasks import image_steps
from tests import answers

NUM_CLASSES = 3
KERNELS = np.random.default_rng(0).normal(size=(2, 4, NUM_CLASSES))
ARCS = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [1, 1]], np.int32)


class Supernet:
  """A linear classifier: an arc chooses its kernel and whether to flip it."""

  def __init__(self):
    self.training = []  # One entry for each trace.
    self.input = {"images": None, "arc": None, "gates": None}

  def __call__(self, inputs, training):
    self.training.append(training)
    kernel = tf.gather(tf.constant(KERNELS, tf.float32), inputs["arc"][0])
    sign = 1.0 - 2.0 * tf.cast(inputs["arc"][1], tf.float32)
    logits = sign * inputs["images"] @ kernel
    if "gates" in inputs:
      logits *= inputs["gates"][0] * inputs["gates"][1] ** 2
    return {"logits": logits}


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
  return build()


def build(supernet=None, **settings):
  return shared_weights.SharedWeights(
    supernet or Supernet(), image_steps.ImageSteps(), stream, **settings
  )


def test_reward_is_the_accuracy_on_the_next_batch(evaluator):
  expected = expected_rewards(ARCS, 0)
  # Another order of the batches would give other rewards.
  assert expected != expected_rewards(ARCS[::-1], 0)[::-1]
  np.testing.assert_allclose(answers.rewards(evaluator, ARCS), expected)


def test_batches_go_on_from_call_to_call(evaluator):
  first = answers.rewards(evaluator, ARCS[:2])
  second = answers.rewards(evaluator, ARCS[2:])
  np.testing.assert_allclose([*first, *second], expected_rewards(ARCS, 0))
  assert int(evaluator.state()["num_batches"]) == 5


def test_resumes_at_its_batch(evaluator):
  answers.rewards(evaluator, ARCS[:3])
  other = build()
  other.restore(evaluator.state())
  found = answers.rewards(other, ARCS)
  np.testing.assert_allclose(found, expected_rewards(ARCS, 3))
  assert expected_rewards(ARCS, 3) != expected_rewards(ARCS, 0)
  np.testing.assert_array_equal(answers.rewards(evaluator, ARCS), found)


def test_score_on_counts_a_smaller_last_batch_exactly(evaluator):
  batches = [batch(0), batch(1), batch(2, size=3)]
  # The mean of the accuracies of the batches is not the accuracy.
  counts = [[num_correct(arc, *each) for each in batches] for arc in ARCS]
  expected = [sum(count) / 19 for count in counts]
  of_batches = np.array(counts) / [8, 8, 3]
  assert not np.allclose(of_batches.mean(1), expected)
  tensors = [tuple(map(tf.constant, each)) for each in batches]
  found = evaluator.score_on(ARCS, tensors)
  assert found == expected


def test_score_on_leaves_the_rewards_batches_alone(evaluator):
  answers.rewards(evaluator, ARCS[:1])
  evaluator.score_on(ARCS, [next(stream(7))])
  found = answers.rewards(evaluator, ARCS)
  np.testing.assert_allclose(found, expected_rewards(ARCS, 1))


def test_arcs_share_one_trace_and_dropout_is_off():
  supernet = Supernet()
  evaluator = build(supernet)
  for _ in range(2):
    answers.rewards(evaluator, ARCS)
  assert supernet.training == [False]


def test_what_is_skipped_has_had_its_batch(evaluator):
  other = build()
  answers.rewards(evaluator, ARCS[:1])
  answers.rewards(other, ARCS[:3])
  evaluator.skip([trials.Trial(i, (0,), trials.FAILED) for i in (1, 2)])
  np.testing.assert_array_equal(
    answers.rewards(evaluator, ARCS), answers.rewards(other, ARCS)
  )
  assert evaluator.state() == other.state() == {"num_batches": 8}


def test_trials_hold_the_metric_and_the_reward():
  evaluator = build(reward=lambda accuracy: 10 - accuracy)
  found = list(evaluator.evaluate(answers.proposals(ARCS, first=7)))
  expected = expected_rewards(ARCS, 0)
  assert [each.scores["accuracy"] for each in found] == expected
  assert [each.reward for each in found] == [10 - x for x in expected]
  assert [each.number for each in found] == [7, 8, 9, 10, 11]
  assert [each.arc for each in found] == list(map(tuple, ARCS.tolist()))
  assert all(each.seconds > 0 for each in found)


def test_trials_come_one_by_one(evaluator):
  """A search that is killed between two has paid for no more."""
  coming = evaluator.evaluate(answers.proposals(ARCS))
  next(coming)
  assert evaluator.state() == {"num_batches": 1}


def expected_gradients(arc, images, labels):
  """Returns those of the negative cross-entropy, by NumPy."""
  logits = (1 - 2 * arc[1]) * images @ KERNELS[arc[0]]
  p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
  by_logits = np.eye(NUM_CLASSES)[labels] - p
  by_factor = (by_logits * logits).sum(1).mean()
  return [by_factor, 2 * by_factor]


def test_gradients_are_those_of_the_next_batch(evaluator):
  supernet = Supernet()
  other = build(supernet, with_gradients=True)
  found = list(other.evaluate(answers.proposals(ARCS)))
  for step, (arc, trial) in enumerate(zip(ARCS, found, strict=True)):
    expected = expected_gradients(arc, *batch(step))
    np.testing.assert_allclose(trial.gradients, expected, 1e-4)
  assert supernet.training == [False]
  # The rewards are what they would be without.
  plain = list(evaluator.evaluate(answers.proposals(ARCS)))
  assert [each.scores for each in found] == [each.scores for each in plain]
  assert all(each.gradients is None for each in plain)


def test_gradients_that_are_not_finite_are_a_failure(monkeypatch):
  evaluator = build(with_gradients=True)
  monkeypatch.setitem(globals(), "KERNELS", KERNELS * np.inf)
  (trial,) = evaluator.evaluate(answers.proposals(ARCS[:1]))
  assert trial.status == trials.FAILED
  assert trial.reason == "a gradient is not finite"


def test_a_supernet_without_gates_has_no_gradients():
  supernet = Supernet()
  del supernet.input["gates"]
  with pytest.raises(errors.ConfigError, match="set another `controller`"):
    build(supernet, with_gradients=True)


def test_a_common_batch_is_that_of_all_that_are_evaluated_together():
  evaluator = build(has_common_batch=True)
  for i in range(3):
    batch = [next(stream(i))]
    expected = build().score_on(ARCS, batch)
    np.testing.assert_allclose(answers.rewards(evaluator, ARCS), expected)
  assert evaluator.state() == {"num_batches": 3}


@pytest.mark.parametrize("num_known", [0, 2, len(ARCS)])
def test_a_common_batch_after_a_resume(num_known):
  """Those that are not known yet have the batch of the others."""
  whole, resumed = (build(has_common_batch=True) for _ in range(2))
  answers.rewards(whole, ARCS)
  answers.rewards(resumed, ARCS)
  found = list(whole.evaluate(answers.proposals(ARCS)))
  resumed.skip(found[:num_known])
  rest = list(resumed.evaluate(answers.proposals(ARCS)[num_known:]))
  assert [x.reward for x in rest] == [x.reward for x in found[num_known:]]
  assert whole.state() == resumed.state()
