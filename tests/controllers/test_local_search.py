import numpy as np
import pytest

from enas_tf import trials
from enas_tf.controllers import local_search, moves
from enas_tf.spaces import rnn
from tests import answers

SPACE = rnn.RnnSpace(4)


def build(first=True, patience=None, seed=0):
  return local_search.LocalSearch(
    SPACE, seed=seed, first=first, patience=patience
  )


def reward_of(arc):
  """Returns a reward with one summit, the highest of each integer: 18.5."""
  return sum(option * (1 + i / 180) for i, option in enumerate(arc))


def flat(arc):
  return 1.0


def turn(controller, n=1, reward=reward_of):
  """Proposes n arcs, tells what came of them and returns them."""
  arcs = [tuple(each) for each in controller.propose(n).tolist()]
  first = controller.num_arcs - n
  rewards = [reward(arc) for arc in arcs]
  controller.update(answers.told(arcs, rewards, first=first))
  return arcs


def distance(arc, other):
  return sum(x != y for x, y in zip(arc, other, strict=True))


def test_tries_all_neighbours_of_a_summit_and_none_twice():
  controller = build()
  (start,) = turn(controller, reward=flat)
  around = moves.neighbours(SPACE, start)
  tried = [turn(controller, reward=flat)[0] for _ in around]
  assert set(tried) == set(around)
  assert tried != around  # In a random order.


def test_batches_try_the_same_and_then_farther_arcs():
  controller = build()
  (start,) = turn(controller, reward=flat)
  around = moves.neighbours(SPACE, start)
  assert len(around) == 18
  tried = [arc for _ in range(4) for arc in turn(controller, 5, flat)]
  assert set(tried[: len(around)]) == set(around)
  assert all(distance(start, arc) > 1 for arc in tried[len(around) :])


def test_goes_on_from_the_first_better_neighbour():
  controller = build()
  (centre,) = turn(controller)
  for _ in range(18):
    (arc,) = turn(controller)
    assert arc in moves.neighbours(SPACE, centre)
    if reward_of(arc) > reward_of(centre):
      centre = arc
  assert reward_of(centre) > 12


def test_goes_on_from_the_best_when_all_are_known():
  controller = build(first=False)
  (start,) = turn(controller)
  around = moves.neighbours(SPACE, start)
  tried = [turn(controller)[0] for _ in around]
  assert set(tried) == set(around)
  best = max(around, key=reward_of)
  (arc,) = turn(controller)
  assert arc in moves.neighbours(SPACE, best)
  assert arc not in around


def test_starts_anew_near_the_best_arc():
  controller = build(patience=3)
  (start,) = turn(controller, reward=flat)
  for _ in range(3):
    (arc,) = turn(controller, reward=flat)
    assert distance(start, arc) == 1
  # Some steps from the summit, seldom more than three.
  far = controller.propose(60)
  distances = [distance(start, arc) for arc in far]
  assert 2 <= np.median(distances) <= 3
  assert len({tuple(arc) for arc in far.tolist()}) > 20


def test_climbs_what_it_knows_without_asking_again():
  controller = build()
  start = (0, 0, 0, 0, 0, 0, 0, 0)
  better, best = (0, 1, *start[2:]), (0, 1, 0, 1, *start[4:])
  arcs = [best, better, start]
  controller.update(answers.told(arcs, [3, 2, 1]))
  (arc,) = turn(controller)
  assert arc in moves.neighbours(SPACE, best)


def test_reaches_the_summit():
  controller = build()
  for _ in range(30):
    turn(controller, 5)
  np.testing.assert_array_equal(
    controller.recommend(1), [[0, 3, 1, 3, 2, 3, 3, 3]]
  )


@pytest.mark.parametrize("status", [trials.FAILED, trials.PRUNED])
def test_does_not_climb_to_what_is_not_done(status):
  controller = build()
  (start,) = turn(controller)
  (arc,) = controller.propose(1).tolist()
  trial = trials.Trial(1, tuple(arc), status)
  controller.update([trial])
  (after,) = turn(controller)
  assert after in moves.neighbours(SPACE, start)
  assert after != tuple(arc)


def test_ties_do_not_make_it_wander():
  controller = build()
  (start,) = turn(controller, reward=flat)
  for _ in range(3):
    tried = turn(controller, 5, flat)
    assert set(tried) <= set(moves.neighbours(SPACE, start))
