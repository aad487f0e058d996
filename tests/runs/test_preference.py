import types

import numpy as np
import pytest

from enas_tf.controllers import random_search
from enas_tf.evaluators import base as evaluators
from enas_tf.runs import preference
from enas_tf.tasks import base as tasks
from tests.runs import context
from tests.spaces import toy

SPACE = toy.ToySpace()


class Likes(random_search.RandomSearch):
  """Likes one first operation."""

  def draw(self, first, n):
    arcs = super().draw(first, n)
    arcs[:, 0] = 2
    return arcs


class Scores(evaluators.OnBatches):
  """The first operation is the score."""

  def evaluate(self, proposals, stop=evaluators.never):
    raise AssertionError("Nothing is proposed.")

  def score_on(self, arcs, batches):
    assert batches == ["one"]
    return arcs[:, 0] / 10


def ranking_batches(training, seed):
  assert (training, seed) == ("of rewards", 3)
  return iter(["one"])


def built(controller, evaluator, is_higher_better=True):
  return types.SimpleNamespace(
    space=SPACE,
    experiment=context.experiment(),
    reward_settings="of rewards",
    search=types.SimpleNamespace(controller=controller, evaluator=evaluator),
    seed=lambda name: 3,
    task=types.SimpleNamespace(
      metric=tasks.Metric("mark", is_higher_better, "mark", ".3f"),
      part="batch",
      ranking_batches=ranking_batches,
    ),
  )


class Learning:
  """Proposes what `Likes` does, and is no random search."""

  def __init__(self):
    self._inner = Likes(SPACE, seed=1)

  def sample(self, n):
    return self._inner.sample(n)

  def take_back(self, n):
    self._inner.take_back(n)


def said(tmp_path, *args):
  command, screen = context.make(tmp_path)
  preference.say(built(*args), command)
  return screen.getvalue()


@pytest.mark.parametrize("is_higher_better", [True, False])
def test_it_says_how_own_arcs_fare(tmp_path, is_higher_better):
  parts = built(Learning(), Scores(), is_higher_better)
  uniform = preference.uniform_arcs(parts, preference.NUM_ARCS)[:, 0].mean()
  text = said(tmp_path, Learning(), Scores(), is_higher_better)
  assert "24 arcs of the controller have a mean mark of 0.200" in text
  assert f"24 uniform ones {uniform / 10:.3f} (p = " in text
  p = float(text.split("p = ")[1].split(")")[0])
  assert p < 0.001 if is_higher_better else p > 0.99
  assert "self_fulfilment" in text


def test_it_says_nothing_where_there_is_nothing_to_say(tmp_path):
  random = random_search.RandomSearch(SPACE, seed=0)
  assert said(tmp_path, random, Scores()) == ""
  assert said(tmp_path, Learning(), object()) == ""


def test_own_arcs_come_again():
  parts = built(Learning(), Scores())
  found = preference.own_arcs(parts, 5)
  np.testing.assert_array_equal(found, preference.own_arcs(parts, 5))
  uniform = preference.uniform_arcs(parts, 5)
  assert not np.array_equal(found, uniform)
