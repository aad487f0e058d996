import dataclasses

import numpy as np
import pytest

from enas_tf import states, trials
from enas_tf.controllers import moves, remembering
from enas_tf.spaces import rnn
from tests import answers

SPACE = rnn.RnnSpace(2)
A, B, C, D = (0, 0, 0, 0), (0, 1, 0, 1), (0, 2, 1, 2), (0, 3, 1, 3)


class Recording(remembering.Remembering):
  """Draws random arcs, and keeps what it was to learn."""

  def __init__(self):
    super().__init__(SPACE, seed=0)
    self.learnt = []

  def draw(self, first, n):
    return self.rows(
      [moves.random(SPACE, self.rng(first + i)) for i in range(n)]
    )

  def learn(self, new):
    self.learnt.append(list(new))


def pruned(number, arc):
  return trials.Trial(number, arc, "pruned", {"reward": 9.0})


def failed(number, arc):
  return trials.failure(trials.Proposal(number, arc), "no memory", 1.0)


def test_recommends_the_best_first_and_no_pruned_one():
  controller = Recording()
  told = answers.told([A, B], [1.0, 3.0])
  assert controller.update(told) == {"controller/best_reward": 3.0}
  told = [*answers.told([C], [2.0], first=2), pruned(3, D)]
  assert controller.update(told) == {"controller/best_reward": 3.0}
  np.testing.assert_array_equal(controller.recommend(2), [B, C])
  arcs = controller.recommend(6)
  np.testing.assert_array_equal(arcs[:3], [B, C, A])
  assert len(np.unique(arcs, axis=0)) == len(arcs) == 6


def test_what_came_last_of_an_arc_counts():
  """The weights that were shared for the first time are no longer."""
  controller = Recording()
  controller.update(answers.told([A, B], [5.0, 3.0]))
  controller.update(answers.told([A], [1.0], first=2))
  np.testing.assert_array_equal(controller.recommend(2), [B, A])


def test_nothing_is_the_best_where_nothing_is_done():
  controller = Recording()
  assert controller.update([failed(0, A), pruned(1, B)]) == {}
  assert [each.reward for each in controller.learnt[0]] == [-np.inf, -np.inf]


def test_an_arc_that_is_known_is_avoided():
  controller = Recording()
  controller.update([*answers.told([A], [1.0]), failed(1, B)])
  arcs = iter([A, B, C, D])
  assert controller.unknown(lambda: next(arcs), pending=[C]) == D
  assert controller.unknown(lambda: A) == A  # There are no others.


def test_restores_any_number_of_trials():
  controller = Recording()
  empty = controller.state()
  controller.update([*answers.told([A, B], [1.0, 3.0]), failed(2, C)])
  state = controller.state()
  assert state["told/arc"].tolist() == [[*A], [*B], [*C]]
  assert state["told/number"].tolist() == [0, 1, 2]
  other = Recording()
  other.restore(state)
  assert (other.told, other.known) == (controller.told, controller.known)
  other.restore(empty)
  assert (other.told, other.known) == ([], {})


@pytest.mark.parametrize(
  "change",
  [
    {"told/reward": np.zeros(3)},
    {"told/arc": np.zeros((2, 5), np.int32)},
    {"told/number": np.zeros(1, np.int64)},
  ],
)
def test_arrays_that_do_not_fit_each_other_are_refused(change):
  controller = Recording()
  controller.update(answers.told([A, B], [1.0, 3.0]))
  with pytest.raises(states.Mismatch):
    Recording().restore({**controller.state(), **change})


def test_streams_of_an_arc_are_its_own():
  controller = Recording()
  streams = [
    controller.rng(*numbers).integers(2**60) for numbers in [(0,), (1,), (0, 1)]
  ]
  assert len({*streams}) == 3
  assert controller.rng(1).integers(2**60) == streams[1]


def test_a_prediction_is_remembered_like_a_measurement():
  controller = Recording()
  (trial,) = answers.told([A], [1.0])
  controller.update([dataclasses.replace(trial, is_predicted=True)])
  assert controller.known[A].reward == 1.0
