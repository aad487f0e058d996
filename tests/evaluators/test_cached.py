import dataclasses

import pytest

from enas_tf import trials
from enas_tf.evaluators import cached
from enas_tf.spaces import micro
from enas_tf.trials import Proposal
from tests.evaluators import scripted

SPACE = micro.MicroSpace(1)
ARC = (0, 2, 1, 4, 1, 0, 0, 3)
SAME = (1, 4, 0, 2, 1, 0, 0, 3)  # The reads of a node in another order.
OTHER = (0, 4, 1, 2, 1, 0, 0, 3)


def numbered(*arcs, first=0):
  return [Proposal(number, arc) for number, arc in enumerate(arcs, first)]


def new(function=lambda proposal: proposal.number + 0.5):
  inner = scripted.Scripted(function)
  return cached.Cached(inner, SPACE), inner


def numbers(proposals):
  return sorted(each.number for each in proposals)


def test_an_arc_that_computes_the_same_has_the_score():
  evaluator, inner = new()
  first = scripted.by_number(evaluator, numbered(ARC, OTHER))
  second = scripted.by_number(evaluator, numbered(SAME, OTHER, ARC, first=2))
  assert numbers(inner.asked) == [0, 1]
  assert [trial.reward for trial in first] == [0.5, 1.5]
  assert [trial.reward for trial in second] == [0.5, 1.5, 0.5]
  assert [trial.arc for trial in second] == [SAME, OTHER, ARC]
  assert [trial.number for trial in second] == [2, 3, 4]
  assert {trial.seconds for trial in second} == {0.0}


def test_it_is_asked_once_in_a_batch():
  evaluator, inner = new()
  found = scripted.by_number(evaluator, numbered(ARC, OTHER, SAME, ARC))
  assert numbers(inner.asked) == [0, 1]
  assert [trial.reward for trial in found] == [0.5, 1.5, 0.5, 0.5]


def test_what_failed_is_tried_again():
  """Also in the same batch, until it succeeds."""
  evaluator, inner = new(lambda each: "no luck" if each.number < 2 else 0.5)
  (first,) = scripted.by_number(evaluator, numbered(ARC))
  rest = scripted.by_number(evaluator, numbered(ARC, SAME, ARC, first=1))
  assert first.reason == "no luck"
  assert numbers(inner.asked) == [0, 1, 2]
  assert [trial.status for trial in rest] == ["failed", "done", "done"]


def test_what_was_given_up_is_given_up_again():
  def give_up(proposal):
    return trials.Trial(*proposal[:2], "pruned", {"reward": 0.25})

  evaluator, inner = new(give_up)
  found = scripted.by_number(evaluator, numbered(ARC, SAME))
  assert len(inner.asked) == 1
  assert [trial.status for trial in found] == ["pruned", "pruned"]


def test_gradients_are_those_of_the_very_arc():
  def score(proposal):
    return trials.Trial(
      *proposal[:2], scores={"reward": 1.0}, gradients=tuple(map(float, ARC))
    )

  evaluator, _ = new(score)
  found = scripted.by_number(evaluator, numbered(ARC, SAME, ARC))
  assert [trial.gradients is None for trial in found] == [False, True, False]


def test_nothing_is_asked_when_it_stops():
  evaluator, inner = new()
  scripted.by_number(evaluator, numbered(ARC))
  found = scripted.by_number(
    evaluator, numbered(SAME, OTHER, OTHER, first=1), stop=lambda: True
  )
  assert [trial.number for trial in found] == [1]
  assert numbers(inner.asked) == [0]


def test_goes_on():
  """What it remembers is not asked; the inner one learns what was its own."""
  first, inner = new(lambda each: "no" if each.number == 1 else each.number)
  proposals = numbered(ARC, OTHER, SAME, OTHER)
  known = scripted.by_number(first, proposals)
  own = [trial for trial in known if trial.number != 2]
  assert numbers(inner.asked) == numbers(own)

  second, inner = new()
  second.remember(known)
  assert inner.remembered == own
  found = scripted.by_number(second, numbered(SAME, OTHER, first=4))
  assert inner.asked == []
  assert [trial.reward for trial in found] == [0, 3]


@pytest.mark.parametrize("remembers", [False, True])
def test_goes_on_within_a_batch(remembers):
  """The checkpoint was before the batch, and the log has half of it."""
  whole, inner = new()
  proposals = numbered(ARC, OTHER, SAME, OTHER, first=5)
  expected = scripted.by_number(whole, proposals)
  assert numbers(inner.asked) == [5, 6]

  half, inner = new()
  logged = [expected[0], expected[2]]
  if remembers:
    half.remember(logged)
  half.skip(logged)
  assert inner.skipped == [expected[0]]
  found = scripted.by_number(half, [proposals[1], proposals[3]])
  assert numbers(inner.asked) == [6]
  zero = [dataclasses.replace(each, seconds=0.0) for each in found]
  assert zero == [
    dataclasses.replace(each, seconds=0.0)
    for each in (expected[1], expected[3])
  ]


def test_it_stands_around_an_average():
  """Within one it would give all seeds the score of the first."""
  evaluator, _ = new()
  with pytest.raises(AssertionError):
    scripted.by_number(evaluator, [Proposal(0, ARC, repeat=1)])
