"""What every controller must do."""

import functools

import numpy as np
import pytest

from enas_tf import states, trials
from enas_tf.controllers import (
  generic_policy,
  gradient,
  macro_channels_policy,
  macro_policy,
  micro_policy,
  random_search,
  reinforce,
  rnn_policy,
)
from enas_tf.spaces import macro, macro_channels, micro, rnn
from tests import answers
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


def make_gradient(space, seed):
  return gradient.Gradient(
    space, lr=0.1, temperatures=(10.0, 0.1), num_annealed=5, seed=seed
  )


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


@pytest.fixture(
  params=[make_random, make_reinforce, make_generic, make_gradient]
)
def make(request, space):
  """A function from a seed to a controller."""
  # The toy space's own policy is the generic one; its kinds of decisions, and
  # those of the others, are all in macro_channels.
  if request.param is make_generic and space.name != "macro_channels":
    pytest.skip("The generic policy is tested in two spaces.")
  return functools.partial(request.param, space)


def learn(controller, rounds):
  """Runs some rounds with a reward that an arc determines; returns the arcs."""
  proposals = []
  for _ in range(rounds):
    arcs = controller.propose(4)
    metrics = controller.update(answers.told(arcs, arcs.mean(1)))
    assert all(np.isfinite(value) for value in metrics.values())
    proposals.append(arcs)
  return np.array(proposals)


def test_proposes_arcs_of_its_space(make, space):
  controller = make(0)
  assert controller.space == space
  for n in (1, 7):
    arcs = controller.propose(n)
    assert isinstance(arcs, np.ndarray) and arcs.dtype == np.int32
    assert arcs.shape == (n, space.num_decisions)
    for arc in arcs:
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
  first, second = controller.propose(20), controller.propose(20)
  assert np.any(first != second)
  assert len(np.unique(first, axis=0)) > 1


def test_repeats_under_a_seed(make):
  expected = learn(make(3), 3)
  np.testing.assert_array_equal(learn(make(3), 3), expected)
  assert np.any(make(4).propose(4) != expected[0])


def test_metrics_are_paths(make):
  controller = make(0)
  metrics = controller.update(answers.told(controller.propose(2), [1, 1]))
  assert all(name.startswith("controller/") for name in metrics)
  assert all(type(value) is float for value in metrics.values())


def test_recovers(make):
  """What is learnt and proposed after a restart is as without one."""
  first, second = make(0), make(0)
  learn(first, 3)
  state = first.state()
  assert list(second.state()) == list(state)
  second.restore(state)
  np.testing.assert_array_equal(learn(second, 3), learn(first, 3))
  for name, array in second.state().items():
    np.testing.assert_array_equal(array, first.state()[name], name)


def test_state_is_made_of_arrays(make):
  state = make(0).state()
  assert state
  assert all(isinstance(each, np.ndarray) for each in state.values())


def test_state_is_a_copy(make):
  """What was saved does not change when the search goes on."""
  controller = make(0)
  learn(controller, 1)
  before = controller.state()
  kept = {name: array.copy() for name, array in before.items()}
  learn(controller, 1)
  for name, array in before.items():
    np.testing.assert_array_equal(array, kept[name], name)


def test_arrays_of_another_controller_are_refused(make):
  controller = make(0)
  state = dict(controller.state())
  with pytest.raises(states.Mismatch, match="no_such_array"):
    controller.restore(state | {"no_such_array": np.zeros(3)})
  state.pop("num_proposals")
  with pytest.raises(states.Mismatch, match="num_proposals"):
    controller.restore(state)


def test_samples_and_proposals_are_numbered_together(make):
  parts, whole = make(0), make(0)
  found = np.concatenate([parts.sample(3), parts.propose(2), parts.sample(4)])
  np.testing.assert_array_equal(found, whole.sample(9))
  assert parts.num_arcs == whole.num_arcs == 9


def test_what_is_taken_back_comes_again(make):
  controller, other = make(0), make(0)
  controller.sample(9)
  controller.take_back(4)
  other.sample(5)
  np.testing.assert_array_equal(controller.propose(6), other.propose(6))


def test_recommends_different_arcs(make, space):
  controller, other = make(0), make(0)
  learn(controller, 1)
  learn(other, 1)
  arcs = controller.recommend(7)
  assert arcs.dtype == np.int32
  assert arcs.shape == (7, space.num_decisions)
  assert len(np.unique(arcs, axis=0)) == 7
  for arc in arcs:
    space.check(arc)
  # The search goes on as if nobody had asked.
  np.testing.assert_array_equal(controller.propose(3), other.propose(3))


def test_failed_trials_are_no_exception(make):
  controller = make(0)
  arcs = controller.propose(4)
  failed = [
    trials.failure(each, "no memory", 1.0) for each in answers.proposals(arcs)
  ]
  pruned = trials.Trial(9, tuple(arcs[0].tolist()), "pruned", {"loss": 2.0})
  done = answers.told(arcs, arcs.mean(1))
  for told in (failed, [pruned], [failed[0], *done[1:3], pruned]):
    metrics = controller.update(told)
    assert all(np.isfinite(value) for value in metrics.values())
