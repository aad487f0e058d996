import numpy as np
import pytest

from enas_tf.controllers import base, random_search
from enas_tf.spaces import micro

SPACE = micro.MicroSpace(1, ("identity", "conv_1x1"))
A, B, C, D = ([i, i + 1] for i in range(4))


class Draw:
  """Gives out the arcs of a list, in order, over and over."""

  def __init__(self, arcs):
    self.num_calls = 0
    self._arcs = np.array(arcs, np.int32)
    self._next = 0

  def __call__(self, n):
    self.num_calls += 1
    indices = (self._next + np.arange(n)) % len(self._arcs)
    self._next += n
    return self._arcs[indices]


@pytest.mark.parametrize(
  ("proposals", "count", "expected", "num_calls"),
  [
    ([A, B, C, D], 2, [A, B], 1),
    ([D, B, A], 3, [D, B, A], 1),
    ([C, C, A, C, A, B], 3, [C, A, B], 2),
    ([B, A, B, D, C, C], 2, [B, A], 1),
    # One try brings more than are missing.
    ([A, A, A, D, C, B], 3, [A, D, C], 2),
    # There are no more.
    ([D, A], 5, [D, A], 10),
    ([B], 1, [B], 1),
  ],
)
def test_samples_are_distinct(proposals, count, expected, num_calls):
  draw = Draw(proposals)
  arcs = base.different(draw, count)
  assert arcs.dtype == np.int32
  assert arcs.tolist() == expected
  assert draw.num_calls == num_calls


def test_samples_as_many_as_it_is_asked_for():
  controller = random_search.RandomSearch(SPACE, seed=0)
  arcs = controller.recommend(100)
  assert len(np.unique(arcs, axis=0)) == len(arcs) == 100
  for arc in arcs:
    SPACE.check(arc)
