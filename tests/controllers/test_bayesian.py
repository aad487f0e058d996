import importlib.util
import sys

import numpy as np
import pytest

from enas_tf import errors, trials
from enas_tf.controllers import bayesian
from enas_tf.spaces import macro_channels, rnn
from tests import answers
from tests.spaces import toy

SPACE = rnn.RnnSpace(3)


def build(space=SPACE, sampler="tpe", seed=0):
  return bayesian.Bayesian(space, seed=seed, sampler=sampler)


def told_at_random(space, n, reward):
  """Returns trials of n random arcs."""
  rng = np.random.default_rng(0)
  arcs = [space.encode(space.random(rng)) for _ in range(n)]
  return answers.told(arcs, [reward(arc) for arc in arcs])


def test_proposes_what_was_good_with_others():
  """The last function of each node was: a quarter of random arcs have it."""
  controller = build()
  controller.update(
    told_at_random(SPACE, 40, lambda arc: np.sum(arc[1::2] == 3))
  )
  assert np.mean(controller.propose(10)[:, 1::2] == 3) > 0.5


@pytest.mark.parametrize("status", [trials.FAILED, trials.PRUNED])
def test_what_is_not_done_counts_as_bad(status):
  """Else the last function of the first node would be by far the best."""
  controllers = build(), build()
  told = told_at_random(SPACE, 40, lambda arc: 5.0 * (arc[1] == 3))
  controllers[0].update(told)
  controllers[1].update(
    [
      trials.Trial(each.number, each.arc, status) if each.reward else each
      for each in told
    ]
  )
  best, bad = (np.mean(each.propose(10)[:, 1] == 3) for each in controllers)
  assert best >= 0.5
  assert bad <= 0.2


def test_no_arc_comes_twice():
  controller = build()
  told = told_at_random(SPACE, 40, lambda arc: -np.sum(arc))
  controller.update(told)
  arcs = {tuple(arc) for arc in controller.propose(20).tolist()}
  assert len(arcs) == 20
  assert not arcs & {each.arc for each in told}


def test_what_was_drawn_in_between_leaves_no_trace():
  """The same study in another process has only what was told."""
  plain, restless = build(), build()
  told = told_at_random(SPACE, 30, sum)
  for first in range(0, 30, 10):
    for controller in (plain, restless):
      controller.propose(10)
      controller.update(told[first : first + 10])
    restless.draw(100, 3)
    restless.draw(65, 2)
    restless.recommend(4)
  np.testing.assert_array_equal(restless.draw(30, 5), plain.draw(30, 5))


@pytest.mark.parametrize(
  "space", [toy.ToySpace(), macro_channels.MacroChannelsSpace(2, 4, ("a",))]
)
def test_ranges_may_depend_on_earlier_decisions(space):
  controller = build(space)
  controller.update(told_at_random(space, 30, sum))
  for arc in controller.propose(20):
    space.check(arc)


def test_says_nothing(capfd):
  controller = build()
  controller.update(told_at_random(SPACE, 12, sum))
  controller.propose(2)
  assert capfd.readouterr() == ("", "")


def test_says_what_to_install(monkeypatch):
  monkeypatch.setitem(sys.modules, "optuna", None)
  with pytest.raises(
    errors.ConfigError, match=r"pip install 'enas_tf\[automl\]'.*=bayesian"
  ):
    build()


def test_says_what_a_gaussian_process_needs(monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  with pytest.raises(errors.ConfigError, match="pip install torch"):
    build(sampler="gp")


@pytest.mark.skipif(
  importlib.util.find_spec("torch") is None, reason="It needs PyTorch."
)
def test_a_gaussian_process_proposes_arcs_of_its_space():
  controller = build(sampler="gp")
  controller.update(told_at_random(SPACE, 15, sum))
  for arc in controller.propose(3):
    SPACE.check(arc)
