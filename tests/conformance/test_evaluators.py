"""What every evaluator must do."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from enas_tf.evaluators import shared_weights
from enas_tf.networks import micro_supernet
from enas_tf.spaces import micro

SPACE = micro.MicroSpace(1, ("sep_conv_3x3", "identity", "avg_pool_3x3"))
IMAGE_SHAPE = (8, 8, 3)


def batches(start):
  """A stream of batches that is a function of the step."""
  for step in itertools.count(start):
    rng = np.random.default_rng(step)
    yield (
      tf.constant(rng.normal(size=(16, *IMAGE_SHAPE)), tf.float32),
      tf.constant(rng.integers(3, size=16), tf.int32),
    )


@pytest.fixture(scope="module")
def supernet():
  return micro_supernet.MicroSupernet(
      SPACE, num_layers=1, out_filters=2, image_shape=IMAGE_SHAPE,
      num_classes=3, use_aux_heads=False, keep_prob=0.5, seed=0,
  )  # fmt: skip


EVALUATORS = {
  "shared_weights": lambda net: shared_weights.SharedWeights(net, batches),
}


@pytest.fixture(params=EVALUATORS)
def make(request, supernet):
  """A function that returns a new evaluator."""
  return lambda: EVALUATORS[request.param](supernet)


def random_arcs(num, seed=0):
  rng = np.random.default_rng(seed)
  return tf.constant([SPACE.encode(SPACE.random(rng)) for _ in range(num)])


def test_rewards_every_arc(make):
  evaluator = make()
  for n in (1, 5):
    rewards = evaluator.evaluate(random_arcs(n))
    assert rewards.dtype == tf.float32
    assert rewards.shape == (n,)
    assert np.isfinite(rewards).all()


def test_rewards_differ(make):
  assert len(set(make().evaluate(random_arcs(8)).numpy())) > 1


def test_repeats(make):
  arcs = random_arcs(4)
  np.testing.assert_array_equal(make().evaluate(arcs), make().evaluate(arcs))


def test_state_is_made_of_variables(make):
  state = make().state()
  assert all(isinstance(each, tf.Variable) for each in state.values())


def test_recovers(make):
  """The rewards after a restart are those without one."""
  first, second = make(), make()
  first.evaluate(random_arcs(3))
  state = first.state()
  assert list(second.state()) == list(state)
  for name, variable in second.state().items():
    variable.assign(state[name])
  arcs = random_arcs(6, seed=1)
  rewards = first.evaluate(arcs)
  np.testing.assert_array_equal(second.evaluate(arcs), rewards)
  for name, variable in second.state().items():
    np.testing.assert_array_equal(variable, state[name], name)
