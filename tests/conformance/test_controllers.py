"""What every controller must do."""

import dataclasses
import functools

import numpy as np
import pytest

from enas_tf import states, trials
from enas_tf.controllers import (
  generic_policy,
  macro_channels_policy,
  macro_policy,
  micro_policy,
  registry,
  rnn_policy,
)
from enas_tf.settings import controller as controllers
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


# Settings with which a few trials suffice.
SETTINGS = controllers.Learning(
  lr=0.01,
  entropy_weight=0.01,
  gradient_lr=0.1,
  temperature_steps=5,
  population_size=6,
  tournament_size=3,
  crossover=0.5,
)
# Those whose distribution of arcs is what they learn.
LEARNERS = ("gradient", "reinforce")
# With these, some updates of it suffice.
EAGER = {"lr": 0.1, "entropy_weight": 0.0}
# Those that learn nothing, and beat no one.
BLIND = ("random", "fixed")


def make_controller(kind, space, seed, **settings):
  """Returns a controller as a run makes it; "generic" is of its policy."""
  policy = POLICIES.get(space, rnn_policy.RnnPolicy)
  if kind == "generic":
    kind, policy = "reinforce", generic_policy.GenericPolicy
  rng = np.random.default_rng(7)
  arc = str(space.random(rng))
  settings = dataclasses.replace(SETTINGS, kind=kind, arc=arc, **settings)
  return registry.CONTROLLERS[kind].from_settings(
    settings,
    space,
    lambda: making.make(policy, space, lstm_size=8, seed=seed),
    seed,
  )


def cases():
  """Yields every kind of controller in every space."""
  for kind in [*registry.CONTROLLERS, "generic"]:
    for space in POLICIES:
      # Graphs take seconds to trace; tests/test_main.py searches these, too.
      is_slow = kind == "reinforce" and space.name.startswith("macro")
      yield pytest.param(
        (kind, space),
        id=f"{kind}-{space.name}",
        marks=[pytest.mark.slow] * is_slow,
      )


@pytest.fixture(params=cases())
def case(request):
  return request.param


@pytest.fixture
def kind(case):
  return case[0]


@pytest.fixture
def space(case):
  return case[1]


@pytest.fixture
def make(kind, space):
  """A function from a seed to a controller."""
  # The toy space's own policy is the generic one; its kinds of decisions, and
  # those of the others, are all in macro_channels.
  if kind == "generic" and space.name != "macro_channels":
    pytest.skip("The generic policy is tested in two spaces.")
  return functools.partial(make_controller, kind, space)


@pytest.fixture
def make_searching(kind, make):
  """The same, of those that propose more than one arc."""
  if kind == "fixed":
    pytest.skip("It proposes one arc.")
  return make


def learn(controller, rounds):
  """Runs some rounds with a reward that an arc determines; returns the arcs."""
  proposals = []
  for _ in range(rounds):
    arcs = controller.propose(4)
    first = controller.num_arcs - 4
    metrics = controller.update(answers.told(arcs, arcs.mean(1), first=first))
    assert all(np.isfinite(value) for value in metrics.values())
    proposals.append(arcs)
  return np.array(proposals)


def test_keeps_within_limits(kind, make_searching, space):
  """And survives what is outside, of which nobody tells the score."""
  controller = make_searching(0)
  rng = np.random.default_rng(0)
  sums = [space.encode(space.random(rng)).sum() for _ in range(99)]
  most = np.median(sums)
  controller.is_allowed = lambda arc: np.sum(arc) <= most
  for _ in range(6):
    arcs = controller.propose(4)
    is_inside = arcs.sum(1) <= most
    if kind != "gradient":  # Of which the evaluator takes care.
      assert is_inside.all()
    first = controller.num_arcs - 4
    told = answers.told(arcs, arcs.mean(1), first=first)
    controller.update(
      [
        each
        if inside and each.number % 4
        else trials.outside(trials.Proposal(each.number, each.arc), "too large")
        for each, inside in zip(told, is_inside, strict=True)
      ]
    )
  controller.update(
    [trials.outside(each, "too large") for each in answers.proposals(arcs)]
  )
  for arc in controller.propose(2):
    space.check(arc)


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


def test_proposals_differ(make_searching):
  controller = make_searching(0)
  first, second = controller.propose(20), controller.propose(20)
  assert np.any(first != second)
  assert len(np.unique(first, axis=0)) > 1


def test_repeats_under_a_seed(make_searching):
  expected = learn(make_searching(3), 3)
  np.testing.assert_array_equal(learn(make_searching(3), 3), expected)
  assert np.any(make_searching(4).propose(4) != expected[0])


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


def test_recovers_within_a_batch(make):
  """It is asked again for what was asked for when it was killed."""
  first, second = make(0), make(0)
  learn(first, 2)
  first.sample(3)
  second.restore(first.state())
  proposals = first.propose(6)
  np.testing.assert_array_equal(second.propose(6), proposals)
  first.take_back(6)
  second.restore(first.state())
  np.testing.assert_array_equal(first.propose(6), proposals)
  np.testing.assert_array_equal(second.propose(6), proposals)


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


def test_recommends_different_arcs(make_searching, space):
  controller, other = make_searching(0), make_searching(0)
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


def told_at_random(controller, n, rng):
  """Proposes n arcs; returns trials, of which some failed or were pruned.

  The others have one of two rewards.
  """
  arcs = controller.propose(n)
  done = answers.told(arcs, rng.integers(2, size=n), first=controller.num_arcs)
  statuses = rng.choice([trials.DONE, trials.FAILED, trials.PRUNED], n)
  return [
    dataclasses.replace(
      trial,
      status=str(status),
      scores=trial.scores if status != trials.FAILED else {},
      gradients=trial.gradients if status == trials.DONE else None,
    )
    for trial, status in zip(done, statuses, strict=True)
  ]


@pytest.mark.parametrize("n", [1, 5])
def test_survives_failed_and_pruned_trials_and_ties(make, space, n):
  controller = make(0)
  rng = np.random.default_rng(0)
  for _ in range(12):
    metrics = controller.update(told_at_random(controller, n, rng))
    assert all(np.isfinite(value) for value in metrics.values())
    for arc in controller.propose(3):
      space.check(arc)
    controller.take_back(3)


def test_survives_when_all_trials_fail(make, space):
  controller = make(0)
  for _ in range(6):
    arcs = controller.propose(4)
    asked = answers.proposals(arcs, controller.num_arcs - 4)
    told = [trials.failure(each, "no memory", 1.0) for each in asked]
    metrics = controller.update(told)
    assert all(np.isfinite(value) for value in metrics.values())
  for arc in [*controller.propose(4), *controller.recommend(4)]:
    space.check(arc)
  learn(controller, 2)  # It was but a bad day.


class Toy:
  """A reward that an arc's decisions add to, each on its own.

  Args:
    space: of the arcs.
    seed: of what the options are worth.

  Attributes:
    mean: of the rewards of random arcs.
    deviation: of the same.
  """

  def __init__(self, space, seed):
    rng = np.random.default_rng([seed, 1])
    most = max(each.num_options for each in space.decisions)
    self._worth = rng.normal(size=(space.num_decisions, most))
    arcs = [space.encode(space.random(rng)) for _ in range(1000)]
    rewards = [self(arc).sum() for arc in arcs]
    self.mean, self.deviation = np.mean(rewards), np.std(rewards)

  def __call__(self, arc):
    """Returns what each decision adds: the gradient of its gate, too."""
    return self._worth[np.arange(len(arc)), arc]

  def search(self, controller, updates, n=5):
    """Returns the rewards of all proposals, as deviations above the mean."""
    found = []
    for _ in range(updates):
      arcs = controller.propose(n)
      worth = np.array([self(arc) for arc in arcs])
      rewards = (worth.sum(1) - self.mean) / self.deviation
      first = controller.num_arcs - n
      controller.update(answers.told(arcs, rewards, worth, first))
      found += rewards.tolist()
    return np.array(found)


@pytest.mark.parametrize("kind", LEARNERS)
def test_what_is_learnt_beats_random(kind):
  """The last 25 of 150 arcs are on average better than random ones.

  By .8 deviations; random arcs would be with a probability of 3e-5.
  """
  space = rnn.RnnSpace(3)
  controller = make_controller(kind, space, 0, **EAGER)
  rewards = Toy(space, 0).search(controller, updates=30)
  assert np.mean(rewards[-25:]) > 0.8


@pytest.mark.parametrize(
  "kind", sorted({*registry.CONTROLLERS} - {*BLIND, *LEARNERS})
)
def test_what_is_found_beats_random(kind):
  """The best of 100 arcs, on average of three searches.

  That of random search is 2.4 deviations above the mean of all arcs, +- .21; it
  would pass with a probability of .003. With other seeds, evolution would fail
  with one of .01, the others more seldom.
  """
  space = rnn.RnnSpace(6)
  best = [
    Toy(space, seed)
    .search(make_controller(kind, space, seed), updates=20)
    .max()
    for seed in range(3)
  ]
  assert np.mean(best) > 3
