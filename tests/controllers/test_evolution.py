import numpy as np
import pytest

from enas_tf import errors, trials
from enas_tf.controllers import evolution, moves
from enas_tf.settings import controller as settings
from enas_tf.spaces import rnn
from tests import answers

SPACE = rnn.RnnSpace(4)


def build(population=5, tournament=5, crossover=0.0, seed=0):
  return evolution.Evolution(
    SPACE,
    seed=seed,
    population_size=population,
    tournament_size=tournament,
    crossover=crossover,
  )


def arcs_far_apart(n):
  """Returns n arcs that differ in each decision that has alternatives."""
  return [(0, i, i % 2, i, i % 3, i, i % 4, i) for i in range(n)]


def tell(controller, arcs, rewards):
  controller.update(answers.told(arcs, rewards))


def are_neighbours(arcs, arc):
  around = moves.neighbours(SPACE, arc)
  return all(tuple(each) in around for each in arcs.tolist())


def test_the_best_member_of_a_tournament_has_the_children():
  controller = build(4, 4)
  arcs = arcs_far_apart(4)
  tell(controller, arcs, [1, 2, 9, 3])
  assert are_neighbours(controller.propose(30), arcs[2])


def test_small_tournaments_leave_chances_to_all():
  """In one of a single member, each is the parent equally often."""
  controller = build(4, 1)
  arcs = arcs_far_apart(4)
  tell(controller, arcs, [1, 2, 9, 3])
  children = controller.propose(400)
  counts = [
    sum(are_neighbours(child[None], arc) for child in children) for arc in arcs
  ]
  assert sum(counts) == 400
  assert np.abs(np.array(counts) - 100).max() < 5 * 100**0.5


def test_members_die_of_age():
  controller = build(3, 3)
  arcs = arcs_far_apart(4)
  tell(controller, arcs, [9, 1, 2, 3])
  assert are_neighbours(controller.propose(30), arcs[3])
  # But they are not forgotten.
  np.testing.assert_array_equal(controller.recommend(1), arcs[:1])


def test_failed_and_pruned_trials_are_no_members():
  controller = build(3, 3)
  arcs = arcs_far_apart(4)
  told = answers.told(arcs[:3], [1, 5, 2])
  told.append(trials.Trial(3, arcs[3], "pruned", {"reward": 9.0}))
  controller.update(told)
  assert are_neighbours(controller.propose(30), arcs[1])


def test_a_population_is_made_of_random_arcs():
  controller, other = build(6, 2), build(6, 6)
  np.testing.assert_array_equal(controller.propose(5), other.propose(5))
  tell(controller, arcs_far_apart(4), [1] * 4)
  tell(other, arcs_far_apart(4), [1] * 4)
  np.testing.assert_array_equal(controller.propose(5), other.propose(5))


def test_no_arc_comes_twice():
  controller = build(4, 4)
  (arc, *others) = arcs_far_apart(4)
  around = moves.neighbours(SPACE, arc)
  tell(controller, [*around[:-1], *others, arc], [0] * (len(around) + 2) + [9])
  # Few searches for the only new neighbour fail.
  found = controller.propose(40).tolist()
  share = np.mean([tuple(each) == around[-1] for each in found])
  assert share > 2 / len(around)


def test_children_of_two_parents_are_of_both():
  controller = build(2, 1, crossover=1.0)
  arcs = arcs_far_apart(2)
  tell(controller, arcs, [1, 2])
  children = controller.propose(50)
  # One mutation apart from a mixture; most are no neighbours of a parent.
  strange = (children != arcs[0]) & (children != arcs[1])
  assert strange.sum(1).max() <= 1
  mixed = [
    each
    for each in children
    if not any(are_neighbours(each[None], arc) for arc in arcs)
  ]
  assert len(mixed) > 10


def test_a_tournament_is_not_larger_than_the_population():
  with pytest.raises(
    errors.ConfigError,
    match="`controller_tournament_size` at most `controller_population_size`",
  ):
    settings.Learning(population_size=4)
