import numpy as np
import pytest

from enas_tf import states
from enas_tf.controllers import (
  base,
  evolution,
  micro_policy,
  random_search,
  reinforce,
  warm_start,
)
from enas_tf.spaces import micro
from tests import answers
from tests.controllers import making

SPACE = micro.MicroSpace(1, ("identity", "conv_1x1"))
GOOD = np.array([[1, 1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0, 0]], np.int32)


def new(most=5, arcs=GOOD, **limits):
  inner = random_search.RandomSearch(SPACE, seed=0)
  for name, value in limits.items():
    setattr(inner, name, value)
  controller = warm_start.WarmStart(inner, most)
  taken = controller.begin(arcs)
  return controller, taken


def test_earlier_arcs_come_first():
  controller, taken = new()
  assert taken == 2
  plain = random_search.RandomSearch(SPACE, seed=0).propose(6)
  first = controller.propose(1)
  np.testing.assert_array_equal(first, GOOD[:1])
  controller.update(answers.told(first, [0.5]))
  second = controller.propose(3)
  np.testing.assert_array_equal(second, [GOOD[1], *plain[2:4]])
  controller.update(answers.told(second, np.ones(3)))
  np.testing.assert_array_equal(controller.propose(2), plain[4:6])


def test_arcs_that_are_taken_back_come_again():
  controller, _ = new()
  arcs = controller.propose(3)
  controller.take_back(3)
  assert controller.num_arcs == 0
  np.testing.assert_array_equal(controller.propose(3), arcs)


def test_shared_weights_are_trained_on_the_other_ones_arcs():
  controller, _ = new()
  plain = random_search.RandomSearch(SPACE, seed=0).sample(4)
  np.testing.assert_array_equal(controller.sample(4), plain)


def test_at_most_so_many_different_ones_within_the_limits():
  assert new(most=1)[1] == 1
  assert new(arcs=np.concatenate([GOOD, GOOD]))[1] == 2
  assert new(is_allowed=lambda arc: sum(arc) == 0)[1] == 1
  assert new(is_allowed=lambda arc: False)[1] == 0


def test_another_process_goes_on():
  controller, _ = new()
  controller.update(answers.told(controller.propose(1), [0.5]))
  state = controller.state()
  other = warm_start.WarmStart(random_search.RandomSearch(SPACE, seed=0), 5)
  other.restore(state)
  assert other.num_arcs == 1
  np.testing.assert_array_equal(other.propose(4), controller.propose(4))
  with pytest.raises(states.Mismatch):
    other.restore({k: v for k, v in state.items() if "num_told" not in k})


def test_a_population_learns_from_them():
  """Children of the earlier arcs follow."""
  inner = evolution.Evolution(
    SPACE, seed=0, population_size=2, tournament_size=2, crossover=0.0
  )
  controller = warm_start.WarmStart(inner, 5)
  controller.begin(GOOD)
  controller.update(answers.told(controller.propose(2), [1.0, 0.0]))
  for arc in controller.propose(4):
    assert (arc != GOOD[0]).sum() == 1


def test_a_policy_imitates_them():
  policy = making.make(micro_policy.MicroPolicy, SPACE, lstm_size=16, seed=0)
  inner = reinforce.Reinforce(
    policy, lr=0.01, entropy_weight=0.1, bl_dec=0.9, seed=0
  )
  before = policy.score(GOOD)
  warm_start.WarmStart(inner, 5).begin(GOOD[:1])
  after = policy.score(GOOD)
  assert after.log_prob[0] > before.log_prob[0] + 1
  assert after.log_prob[1] < before.log_prob[1]
  assert after.entropy[0] > 0.2 * before.entropy[0]  # It is not sure of it.


def test_what_it_does_not_do_itself_is_the_other_ones():
  controller, _ = new()
  inner = controller.inner
  assert controller.space == SPACE and not controller.needs_gradients
  assert controller.diagnostics() == inner.diagnostics()
  np.testing.assert_array_equal(controller.recommend(3), inner.recommend(3))
  np.testing.assert_array_equal(controller.draw(5, 2), inner.draw(5, 2))
  assert isinstance(controller, base.Controller)
