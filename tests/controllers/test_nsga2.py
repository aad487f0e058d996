import itertools
import math

import numpy as np
import pytest

from enas_tf import trials
from enas_tf.controllers import evolution, nsga2
from enas_tf.settings import controller as controllers
from enas_tf.spaces import micro

SPACE = micro.MicroSpace(2, ("identity", "conv_1x1"))


def new(seed=0, size=8, **settings):
  made = dict(population_size=size, tournament_size=2, crossover=0.5)
  return nsga2.Nsga2(SPACE, seed=seed, **{**made, **settings})


def goals(arc):
  """More ones are better and dearer; where they are is of no matter."""
  ones = float(sum(arc))
  return {"reward": ones, "parameters": ones**2, "multiply_adds": 1.0}


def told(controller, arcs, score=goals):
  first = controller.num_arcs - len(arcs)
  return [
    trials.Trial(number, tuple(arc), scores=score(arc))
    for number, arc in enumerate(arcs.tolist(), start=first)
  ]


def learn(controller, updates, score=goals):
  for _ in range(updates):
    controller.update(told(controller, controller.propose(4), score))


def test_chosen_by_a_setting():
  for selection, kind in (
    ("reward", evolution.Evolution),
    ("pareto", nsga2.Nsga2),
  ):
    settings = controllers.Learning(kind="evolution", selection=selection)
    made = evolution.Evolution.from_settings(settings, SPACE, None, 0)
    assert type(made) is kind


def test_fronts_against_a_comparison_of_pairs():
  points = np.random.default_rng(0).integers(4, size=(60, 3))
  found = nsga2.fronts(points)

  def beats(one, other):
    return all(one <= other) and any(one < other)

  left, front = set(range(60)), 0
  while left:
    first = {
      i for i in left if not any(beats(points[j], points[i]) for j in left)
    }
    assert set(np.flatnonzero(found == front)) == first
    left, front = left - first, front + 1
  assert front == found.max() + 1 > 3


def test_crowding_by_hand():
  points = np.array([[0.0, 10.0], [1.0, 4.0], [4.0, 2.0], [10.0, 0.0]])
  expected = [math.inf, 4 / 10 + 8 / 10, 9 / 10 + 4 / 10, math.inf]
  np.testing.assert_allclose(nsga2.crowding(points), expected)
  same = nsga2.crowding(np.zeros((3, 2)))
  assert sorted(same) == [0.0, math.inf, math.inf]


def test_survivors_are_of_the_first_fronts_and_have_room():
  points = np.array([[0, 10], [1, 4], [1.5, 3], [4, 2], [10, 0], [11, 11]])
  found = nsga2.survivors(points, 3)
  assert {index for index, _, _ in found} == {0, 4, 3}
  assert {front for _, front, _ in found} == {0}
  found = nsga2.survivors(points, 9)
  assert [front for _, front, _ in found] == [0, 0, 0, 0, 0, 1]
  assert nsga2.survivors(np.zeros((0, 2)), 3) == []


def test_it_keeps_a_front_and_not_the_best_reward_alone():
  """No score is worth more than another, as long as it costs less."""
  made = dict(population_size=8, tournament_size=2, crossover=0.5)
  plain = evolution.Evolution(SPACE, seed=0, **made)
  ones = []
  for controller in (new(), plain):
    learn(controller, 40)
    ones.append(controller.propose(40).sum(1))
  front, best = ones
  assert front.std() > 2 * best.std()
  assert front.min() < SPACE.num_decisions / 4 < best.min()


def test_it_finds_more_of_a_front_than_random_search_does():
  """The area under its front, where arcs are good by their first half."""

  def score(arc):
    half = SPACE.num_decisions // 2
    good, dear = sum(arc[:half]), sum(arc[half:])
    return {"reward": good, "parameters": 1.0 + dear, "multiply_adds": 1.0}

  def area(controller):
    learn(controller, 30, score)
    found = [score(arc) for arc in controller.known]
    return max(each["reward"] - each["parameters"] for each in found)

  ours = [area(new(seed)) for seed in range(5)]
  random = [area(new(seed, size=1000)) for seed in range(5)]  # Never filled.
  assert np.mean(ours) > np.mean(random) + 1


def test_another_process_goes_on():
  controller = new()
  learn(controller, 5)
  other = new()
  other.restore(controller.state())
  for _ in range(2):
    arcs = controller.propose(3)
    np.testing.assert_array_equal(other.propose(3), arcs)
    for each in (controller, other):
      each.update(told(each, arcs))


def test_predictions_have_no_costs_and_are_no_members():
  controller = new(size=2)
  arcs = controller.propose(4)
  good, guessed = told(controller, arcs[:2]), told(controller, arcs[2:])
  guessed = [
    trials.Trial(x.number, x.arc, scores={"reward": 99.0}, is_predicted=True)
    for x in guessed
  ]
  controller.update([*good, *guessed])
  other = new(size=2)
  other.restore(controller.state())
  for each in (controller, other):
    found = {tuple(arc) for arc in each.recommend(2).tolist()}
    assert found == {x.arc for x in good}


@pytest.mark.parametrize("status", ["failed", "pruned", "outside"])
def test_what_is_not_done_is_not_in_the_population(status):
  controller = new(size=2)
  arcs = controller.propose(4)
  good, bad = told(controller, arcs[:2]), told(controller, arcs[2:])
  bad = [trials.Trial(each.number, each.arc, status) for each in bad]
  controller.update([*good, *bad])
  for child, parent in itertools.product(controller.propose(3), arcs[2:]):
    assert not np.array_equal(child, parent)
  found = {tuple(arc) for arc in controller.recommend(2).tolist()}
  assert found == {each.arc for each in good}
