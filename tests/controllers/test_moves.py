import collections
import itertools

import numpy as np
import pytest

from enas_tf.controllers import moves
from enas_tf.spaces import macro_channels, rnn
from tests.spaces import toy

SPACE = toy.ToySpace()


def all_arcs(space):
  """Returns all arcs, found by trying all integers."""
  options = [range(each.num_options) for each in space.decisions]
  return [
    row
    for row in itertools.product(*options)
    if all(x < space.num_options(row[:i]) for i, x in enumerate(row))
  ]


def distance(arc, other):
  return sum(x != y for x, y in zip(arc, other, strict=True))


def test_mends_what_an_earlier_decision_took_away():
  """The second decision of a pause has as many options less as the first."""
  assert moves.mended(SPACE, (0, 1, 3, 2)) == (0, 1, 2, 2)
  assert moves.mended(SPACE, (0, 3, 3, 2)) == (0, 3, 0, 2)
  for arc in all_arcs(SPACE):
    assert moves.mended(SPACE, arc) == arc


@pytest.mark.parametrize("arc", [(0, 0, 3, 1), (2, 1, 0, 0), (1, 3, 0, 2)])
def test_neighbours_differ_in_one_decision(arc):
  """Or in two, where the second is as high as the first one lets it."""
  expected = {each for each in all_arcs(SPACE) if distance(arc, each) == 1}
  for start in range(4):
    if start + arc[2] > 3:
      expected.add((arc[0], start, 3 - start, arc[3]))
  found = moves.neighbours(SPACE, arc)
  assert len(set(found)) == len(found)
  assert set(found) == expected


def test_an_arc_without_alternatives_has_no_neighbours():
  space = rnn.RnnSpace(1, ("tanh",))
  arc = (0,) * space.num_decisions
  assert moves.neighbours(space, arc) == []
  assert moves.mutated(space, arc, np.random.default_rng(0)) == arc


def test_mutations_are_neighbours_chosen_evenly():
  space = rnn.RnnSpace(3)
  arc = (0, 1, 1, 2, 0, 3)
  rng = np.random.default_rng(0)
  n = 5000
  counts = collections.Counter(moves.mutated(space, arc, rng) for _ in range(n))
  assert set(counts) == set(moves.neighbours(space, arc))
  # The first node has but one to read: five decisions have alternatives.
  for other, count in counts.items():
    place = next(i for i in range(6) if other[i] != arc[i])
    alternatives = space.num_options(arc[:place]) - 1
    expected = n / 5 / alternatives
    assert abs(count - expected) < 5 * expected**0.5


def test_crossed_arcs_have_each_decision_from_one_of_two():
  space = macro_channels.MacroChannelsSpace(2, 4, ("conv_3x3",))
  rng = np.random.default_rng(0)
  arc, other = moves.random(space, rng), moves.random(space, rng)
  seen = set()
  for _ in range(200):
    child = moves.crossed(space, arc, other, rng)
    space.check(child)
    for i, value in enumerate(child):
      # A count of channels may have been lowered.
      assert value in (arc[i], other[i], space.num_options(child[:i]) - 1)
    seen.add(child)
  assert {arc, other} <= seen


def test_random_arcs_are_those_of_the_space():
  found = {moves.random(SPACE, np.random.default_rng(i)) for i in range(2000)}
  assert found == set(all_arcs(SPACE))
  rng = np.random.default_rng(3)
  expected = SPACE.encode(SPACE.random(np.random.default_rng(3)))
  assert moves.random(SPACE, rng) == tuple(expected)
