"""What every evaluator must do."""

import functools
import itertools
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from enas_tf.data import text_windows
from enas_tf.evaluators import base, perplexity, shared_weights
from enas_tf.networks import micro_supernet, rnn_supernet
from enas_tf.spaces import base as spaces
from enas_tf.spaces import micro, rnn

IMAGE_SHAPE = (8, 8, 3)
TEXT = np.random.default_rng(0).integers(9, size=(4, 20), dtype=np.int32)


class Case(NamedTuple):
  """A function that returns a new evaluator, and the space of its arcs."""

  make: functools.partial
  space: spaces.Space


def batches(start):
  """A stream of batches that is a function of the step."""
  for step in itertools.count(start):
    rng = np.random.default_rng(step)
    yield (
      tf.constant(rng.normal(size=(16, *IMAGE_SHAPE)), tf.float32),
      tf.constant(rng.integers(3, size=16), tf.int32),
    )


def of_images():
  space = micro.MicroSpace(1, ("sep_conv_3x3", "identity", "avg_pool_3x3"))
  supernet = micro_supernet.MicroSupernet(
    space,
    num_layers=1,
    out_filters=2,
    image_shape=IMAGE_SHAPE,
    num_classes=3,
    use_aux_heads=False,
    keep_prob=0.5,
    seed=0,
  )
  make = functools.partial(shared_weights.SharedWeights, supernet, batches)
  return Case(make, space)


def of_text():
  space = rnn.RnnSpace(2)
  supernet = rnn_supernet.RnnSupernet(
    space, vocab_size=9, hidden_size=8, drop_x=0.5, seed=0
  )
  windows = functools.partial(text_windows.windows, TEXT, 5)
  make = functools.partial(perplexity.Perplexity, supernet, windows)
  return Case(make, space)


CASES = {"shared_weights": of_images, "perplexity": of_text}


@pytest.fixture(scope="module", params=CASES)
def case(request):
  return CASES[request.param]()


def random_arcs(case, num, seed=0):
  rng = np.random.default_rng(seed)
  space = case.space
  return tf.constant([space.encode(space.random(rng)) for _ in range(num)])


def test_is_an_evaluator(case):
  assert isinstance(case.make(), base.Evaluator)


def test_rewards_every_arc(case):
  evaluator = case.make()
  for n in (1, 5):
    rewards = evaluator.evaluate(random_arcs(case, n))
    assert rewards.dtype == tf.float32
    assert rewards.shape == (n,)
    assert np.isfinite(rewards).all()


def test_rewards_differ(case):
  rewards = case.make().evaluate(random_arcs(case, 8))
  assert len(set(rewards.numpy())) > 1


def test_repeats(case):
  arcs = random_arcs(case, 4)
  np.testing.assert_array_equal(
    case.make().evaluate(arcs), case.make().evaluate(arcs)
  )


def test_state_is_made_of_variables(case):
  state = case.make().state()
  assert all(isinstance(each, tf.Variable) for each in state.values())


def test_recovers(case):
  """The rewards after a restart are those without one."""
  first, second = case.make(), case.make()
  first.evaluate(random_arcs(case, 3))
  state = first.state()
  assert list(second.state()) == list(state)
  for name, variable in second.state().items():
    variable.assign(state[name])
  arcs = random_arcs(case, 6, seed=1)
  rewards = first.evaluate(arcs)
  np.testing.assert_array_equal(second.evaluate(arcs), rewards)
  for name, variable in second.state().items():
    np.testing.assert_array_equal(variable, state[name], name)
