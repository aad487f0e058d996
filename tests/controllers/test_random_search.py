import numpy as np

from enas_tf.controllers import random_search
from enas_tf.spaces import macro_channels, micro
from tests import answers

SPACE = micro.MicroSpace(num_cells=2)


def test_every_option_is_as_likely():
  arcs = random_search.RandomSearch(SPACE, seed=0).propose(5000)
  for column, decision in zip(arcs.T, SPACE.decisions, strict=True):
    counts = np.bincount(column, minlength=decision.num_options)
    expected = len(arcs) / decision.num_options
    assert len(counts) == decision.num_options, decision.name
    # Five standard deviations of a binomial count.
    assert np.abs(counts - expected).max() < 5 * expected**0.5, decision.name


def test_decisions_are_independent():
  arcs = random_search.RandomSearch(SPACE, seed=0).propose(5000)
  correlations = np.corrcoef(arcs.T) - np.eye(SPACE.num_decisions)
  assert np.abs(correlations).max() < 5 / 5000**0.5


def test_proposals_do_not_depend_on_rewards():
  first, second = (random_search.RandomSearch(SPACE, seed=1) for _ in range(2))
  arcs = first.propose(3)
  assert first.update(answers.told(arcs, np.ones(3))) == {}
  second.propose(3)
  np.testing.assert_array_equal(first.propose(3), second.propose(3))


def test_proposals_by_hand():
  """An arc is a function of the seed and its number, after a restart too."""
  controller = random_search.RandomSearch(SPACE, seed=5)
  for number in (0, 1, 7):
    controller.restore({"num_proposals": np.array(number, np.int32)})
    rngs = [np.random.default_rng([5, number + i]) for i in range(3)]
    expected = [SPACE.encode(SPACE.random(rng)) for rng in rngs]
    np.testing.assert_array_equal(controller.propose(3), expected)
    assert controller.num_arcs == number + 3


def test_options_may_depend_on_earlier_decisions():
  space = macro_channels.MacroChannelsSpace(2, 4, ("conv_3x3",))
  arcs = random_search.RandomSearch(space, seed=0).propose(2000)
  for arc in arcs:
    space.check(arc)
  for start in range(4):
    counts = np.bincount(arcs[arcs[:, 0] == start, 1])
    expected = counts.sum() / (4 - start)
    assert len(counts) == 4 - start
    assert np.abs(counts - expected).max() < 5 * expected**0.5
