import collections

import numpy as np
import pytest

from enas_tf.controllers import child_arcs, random_search
from enas_tf.spaces import macro_channels, micro

SPACE = micro.MicroSpace(2, ("identity", "max_pool_3x3", "sep_conv_3x3"))


def test_every_option_comes_equally_often():
  """In twelve arcs, the least common multiple of all numbers of options."""
  sizes = {each.num_options for each in SPACE.decisions}
  assert sizes == {2, 3}
  rows = child_arcs.Fair(SPACE, seed=3).sample(12)
  for position, decision in enumerate(SPACE.decisions):
    counts = collections.Counter(rows[:, position].tolist())
    expected = dict.fromkeys(
      range(decision.num_options), 12 // decision.num_options
    )
    assert counts == expected


def test_decisions_do_not_go_together():
  rows = child_arcs.Fair(SPACE, seed=0).sample(600)
  correlations = np.corrcoef(rows.T) - np.eye(SPACE.num_decisions)
  assert np.abs(correlations).max() < 0.2


def test_numbers_not_calls_decide():
  whole = child_arcs.Fair(SPACE, seed=1).sample(10)
  cut = child_arcs.Fair(SPACE, seed=1)
  parts = [cut.sample(3)]
  cut.sample(4)
  cut.take_back(4)
  parts.append(cut.sample(7))
  np.testing.assert_array_equal(np.concatenate(parts), whole)
  other = child_arcs.Fair(SPACE, seed=2).sample(10)
  assert (other != whole).any()


def test_options_that_shrink_are_valid():
  space = macro_channels.MacroChannelsSpace(3, 4, ("conv_3x3", "max_pool_3x3"))
  for row in child_arcs.Fair(space, seed=0).sample(50):
    space.check(row)


class Counting(random_search.RandomSearch):
  """The controller of a search."""


@pytest.fixture
def controller():
  return Counting(SPACE, seed=7)


def test_policy_asks_the_controller(controller):
  arcs = child_arcs.ChildArcs(controller)
  assert arcs.of(0) is controller
  assert arcs.of(100) is controller


@pytest.mark.parametrize(
  ("sampling", "expected"),
  [("uniform", random_search.RandomSearch), ("fair", child_arcs.Fair)],
)
def test_the_controller_is_left_alone(controller, sampling, expected):
  arcs = child_arcs.ChildArcs(controller, sampling, seed=1)
  assert type(arcs.of(0)) is expected
  arcs.of(0).sample(5)
  assert controller.num_arcs == 0


def test_warmup_is_uniform(controller):
  arcs = child_arcs.ChildArcs(controller, "policy", warmup_epochs=2, seed=1)
  assert type(arcs.of(1)) is random_search.RandomSearch
  assert arcs.of(2) is controller


@pytest.mark.parametrize("sampling", ["policy", "uniform", "fair"])
def test_recovers(controller, sampling):
  def make():
    return child_arcs.ChildArcs(controller, sampling, 1, seed=5)

  first, second = make(), make()
  for epoch in range(2):
    first.of(epoch).sample(3)
  second.restore(first.state())
  for epoch in range(2):
    if second.of(epoch) is not controller:
      np.testing.assert_array_equal(
        second.of(epoch).sample(4), first.of(epoch).sample(4)
      )
