import itertools

import numpy as np
import pytest
import tensorflow as tf

from enas_tf.data import text_windows
from enas_tf.evaluators import shared_weights
from enas_tf.tasks import language_steps
from enas_tf.training import measuring
from tests import answers

VOCAB, UNITS, ROWS = 5, 2, 3
RNG = np.random.default_rng(0)
# Logits are a function of the last word, the arc and the state.
OF_WORD = RNG.normal(size=(VOCAB, VOCAB)).astype(np.float32)
OF_STATE = RNG.normal(size=(UNITS, VOCAB)).astype(np.float32)
OF_ARC = RNG.normal(size=(2, VOCAB)).astype(np.float32)
ARCS = np.array([[0], [1], [1], [0], [1]], np.int32)
TEXT = RNG.integers(VOCAB, size=(ROWS, 12), dtype=np.int32)


class Network:
  """A language model whose state is a count of words: even, and all."""

  def __init__(self):
    self.training = []  # One entry for each trace.

  def __call__(self, inputs, training):
    self.training.append(training)
    logits = tf.gather(OF_WORD, inputs["tokens"])
    logits += (inputs["state"] @ OF_STATE)[:, None]
    if "arc" in inputs:
      of_arc = tf.gather(OF_ARC, inputs["arc"][0])
      if "gates" in inputs:
        of_arc *= inputs["gates"][0]
      logits += of_arc
    counts = tf.reduce_mean(counted(inputs["tokens"]), 1)
    return {"logits": logits, "state": inputs["state"] + counts}


def counted(tokens):
  even = tf.cast(tokens % 2 == 0, tf.float32)
  return tf.stack([even, tf.ones_like(even)], -1)


def negative_logs(windows, arc=None, gate=1.0):
  """Returns what each word of successive windows costs, in NumPy."""
  state, costs = np.zeros((ROWS, UNITS)), []
  for tokens, targets, _ in windows:
    logits = OF_WORD[tokens] + (state @ OF_STATE)[:, None]
    if arc is not None:
      logits = logits + gate * OF_ARC[arc[0]]
    sums = np.log(np.exp(logits).sum(-1))
    chosen = np.take_along_axis(logits, targets[..., None], -1)[..., 0]
    costs.append((sums - chosen).ravel())
    even = np.mean(tokens % 2 == 0, 1)
    state = state + np.stack([even, np.ones(ROWS)], 1)
  return costs


def expected(windows, arc=None):
  return np.exp(np.concatenate(negative_logs(windows, arc)).mean())


def stream(start):
  return text_windows.windows(TEXT, 3, start)


def window(step):
  return next(stream(step))


STEPS = language_steps.LanguageSteps(UNITS, bptt_steps=3)


def perplexity(windows, arc=None, network=None):
  measurement = measuring.Measurement(network or Network(), STEPS)
  return measurement.score(windows, arc)


def reward(perplexity):
  return 80 / perplexity


def build(network=None, stream=stream):
  return shared_weights.SharedWeights(
    network or Network(), STEPS, stream, reward
  )


@pytest.mark.parametrize("arc", [None, [0], [1]])
def test_of_one_window_by_hand(arc):
  given = None if arc is None else tf.constant(arc)
  found = perplexity([window(0)], given)
  assert found == pytest.approx(expected([window(0)], arc), rel=1e-5)


@pytest.mark.parametrize("num_steps", [3, 4, 11])
def test_of_a_text_by_hand(num_steps):
  """The last window is shorter, or there is only one."""
  windows = list(text_windows.eval_windows(TEXT, num_steps))
  lengths = [each.inputs.shape[1] for each in windows]
  assert lengths == {3: [3, 3, 3, 2], 4: [4, 4, 3], 11: [11]}[num_steps]
  found = perplexity(windows)
  assert found == pytest.approx(expected(windows), rel=1e-5)
  if num_steps < 11:
    # Neither the mean of the windows' costs nor new states would do.
    means = [costs.mean() for costs in negative_logs(windows)]
    assert abs(found - np.exp(np.mean(means))) > 1e-3
    alone = [negative_logs([each])[0] for each in windows]
    assert abs(found - np.exp(np.concatenate(alone).mean())) > 1e-3


@pytest.mark.parametrize("arc", [[0], [1]])
def test_gradients_by_hand(arc):
  measurement = measuring.Measurement(Network(), STEPS)
  found, gradients = measurement.score_with_gradients(
    window(1), tf.constant(arc)
  )
  assert found == pytest.approx(expected([window(1)], arc), rel=1e-5)
  up, down = (
    np.mean(negative_logs([window(1)], arc, gate)) for gate in (1.01, 0.99)
  )
  np.testing.assert_allclose(gradients, [(down - up) / 0.02], 1e-3)


def test_of_a_guess_is_the_number_of_words():
  class Guess(Network):
    def __call__(self, inputs, training):
      outputs = super().__call__(inputs, training)
      return outputs | {"logits": 0 * outputs["logits"]}

  assert perplexity([window(0)], None, Guess()) == pytest.approx(VOCAB)


def expected_rewards(arcs, first_step):
  """Returns the reward of each arc on the window that is its turn."""
  return [
    80 / expected([window(step)], arc)
    for step, arc in enumerate(arcs, start=first_step)
  ]


def test_every_arc_has_the_next_window_and_a_state_of_zeros():
  # Another order of the windows would give other rewards.
  rewards = expected_rewards(ARCS, 0)
  assert not np.allclose(rewards, expected_rewards(ARCS[::-1], 0)[::-1])
  evaluator = build()
  first = answers.rewards(evaluator, ARCS[:2])
  second = answers.rewards(evaluator, ARCS[2:])
  np.testing.assert_allclose([*first, *second], rewards, 1e-5)
  assert evaluator.state() == {"num_windows": 5}


def test_resumes_at_its_window():
  evaluator, other = build(), build()
  answers.rewards(evaluator, ARCS[:2])
  other.restore(evaluator.state())
  found = answers.rewards(other, ARCS)
  np.testing.assert_allclose(found, expected_rewards(ARCS, 2), 1e-5)
  np.testing.assert_array_equal(answers.rewards(evaluator, ARCS), found)


def test_score_on_leaves_the_rewards_windows_alone():
  evaluator = build()
  answers.rewards(evaluator, ARCS[:1])
  windows = list(text_windows.eval_windows(TEXT, 4))
  found = evaluator.score_on(ARCS, windows)
  np.testing.assert_allclose(
    found, [expected(windows, arc) for arc in ARCS], 1e-5
  )
  found = answers.rewards(evaluator, ARCS)
  np.testing.assert_allclose(found, expected_rewards(ARCS, 1), 1e-5)


def test_a_hopeless_arc_has_a_finite_perplexity():
  class Hopeless(Network):
    def __call__(self, inputs, training):
      outputs = super().__call__(inputs, training)
      return outputs | {"logits": 1e6 * outputs["logits"]}

  evaluator = build(Hopeless())
  (reward,) = answers.rewards(evaluator, ARCS[:1])
  assert 0 <= reward < 1e-6


def test_arcs_share_one_trace_and_dropout_is_off():
  network = Network()
  evaluator = build(network)
  for _ in range(2):
    answers.rewards(evaluator, ARCS)
  assert network.training == [False]


def test_windows_are_not_asked_for_before_a_restart_is_known():
  steps = []

  def recorded(step):
    steps.append(step)
    return itertools.islice(stream(step), 9)

  evaluator = build(stream=recorded)
  evaluator.restore({"num_windows": np.array(4, np.int64)})
  for _ in range(2):
    answers.rewards(evaluator, ARCS[:2])
  assert steps == [4]
