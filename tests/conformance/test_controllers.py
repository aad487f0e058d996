"""What every controller must do."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from enas_tf.controllers import (
  generic_policy,
  macro_channels_policy,
  macro_policy,
  micro_policy,
  random_search,
  reinforce,
  rnn_policy,
)
from enas_tf.spaces import macro, macro_channels, micro, rnn
from tests.controllers import making
from tests.spaces import toy

# Spaces, and the policies of their arcs.
POLICIES = {
  micro.MicroSpace(
    1, ("sep_conv_3x3", "identity", "avg_pool_3x3")
  ): micro_policy.MicroPolicy,
  macro.MacroSpace(3): macro_policy.MacroPolicy,
  macro_channels.MacroChannelsSpace(
    2, 4, ("conv_3x3", "max_pool_3x3")
  ): macro_channels_policy.MacroChannelsPolicy,
  rnn.RnnSpace(3): rnn_policy.RnnPolicy,
  toy.ToySpace(): generic_policy.GenericPolicy,
}


def make_random(space, seed):
  return random_search.RandomSearch(space, seed=seed)


def make_reinforce(space, seed, policy=None):
  return reinforce.Reinforce(
    making.make(policy or POLICIES[space], space, lstm_size=8, seed=seed),
    lr=0.01,
    entropy_weight=0.01,
    bl_dec=0.9,
    seed=seed,
    penalty_weight=0.8,
  )


def make_generic(space, seed):
  return make_reinforce(space, seed, generic_policy.GenericPolicy)


@pytest.fixture(params=POLICIES, ids=lambda space: space.name)
def space(request):
  return request.param


@pytest.fixture(params=[make_random, make_reinforce, make_generic])
def make(request, space):
  """A function from a seed to a controller."""
  return functools.partial(request.param, space)


def learn(controller, rounds):
  """Runs some rounds with a reward that an arc determines; returns the arcs."""
  proposals = []
  for _ in range(rounds):
    arcs = controller.propose(4)
    rewards = tf.reduce_mean(tf.cast(arcs, tf.float32), 1)
    metrics = controller.update(arcs, rewards)
    assert all(np.isfinite(value) for value in metrics.values())
    proposals.append(arcs.numpy())
  return np.array(proposals)


def test_proposes_arcs_of_its_space(make, space):
  controller = make(0)
  assert controller.space == space
  for n in (1, 7):
    arcs = controller.propose(n)
    assert arcs.dtype == tf.int32
    assert arcs.shape == (n, space.num_decisions)
    for arc in arcs.numpy():
      space.check(arc)


@pytest.mark.parametrize("sizes", [(3, 4), (1,) * 7, (5, 30, 41)])
def test_how_many_are_asked_for_does_not_matter(make, sizes):
  parts, whole = make(0), make(0)
  found = np.concatenate([parts.propose(n) for n in sizes])
  np.testing.assert_array_equal(found, whole.propose(sum(sizes)))
  np.testing.assert_array_equal(parts.propose(4), whole.propose(4))


def test_nor_does_it_after_learning(make):
  parts, whole = make(0), make(0)
  learn(parts, 2)
  learn(whole, 2)
  found = np.concatenate([parts.propose(n) for n in (9, 2)])
  np.testing.assert_array_equal(found, whole.propose(11))


def test_proposals_differ(make):
  controller = make(0)
  first, second = controller.propose(20).numpy(), controller.propose(20).numpy()
  assert np.any(first != second)
  assert len(np.unique(first, axis=0)) > 1


def test_repeats_under_a_seed(make):
  expected = learn(make(3), 3)
  np.testing.assert_array_equal(learn(make(3), 3), expected)
  assert np.any(make(4).propose(4) != expected[0])


def test_metrics_are_paths(make):
  controller = make(0)
  metrics = controller.update(controller.propose(2), tf.ones([2]))
  assert all(name.startswith("controller/") for name in metrics)
  assert all(type(value) is float for value in metrics.values())


def test_recovers(make):
  """What is learnt and proposed after a restart is as without one."""
  first, second = make(0), make(0)
  learn(first, 3)
  state = first.state()
  assert list(second.state()) == list(state)
  for name, variable in second.state().items():
    variable.assign(state[name])
  np.testing.assert_array_equal(learn(second, 3), learn(first, 3))
  for name, variable in second.state().items():
    np.testing.assert_array_equal(variable, state[name], name)


def test_state_is_made_of_variables(make):
  state = make(0).state()
  assert state
  assert all(isinstance(each, tf.Variable) for each in state.values())
