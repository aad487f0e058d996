import pytest

from enas_tf import trials
from enas_tf.evaluators import from_scratch, pruning
from tests import engines

EPOCHS = 5


def proposals(*arcs, first=0):
  return [
    trials.Proposal(number, (arc,)) for number, arc in enumerate(arcs, first)
  ]


def train(payload, report):
  """After each epoch e, a child of arc (a,) has the loss 1 / (a + e)."""
  (arc,) = payload
  if arc < 0:
    raise ValueError("no such child")
  for epoch in range(1, EPOCHS + 1):
    loss = 1 / (arc + epoch)
    if not report((epoch, loss)):
      break
  return {"loss": loss}


def make(word=None, is_reversed=False):
  pruner = word and pruning.make(word, EPOCHS)
  return from_scratch.FromScratch(
    engines.Engine(train, is_reversed),
    lambda proposal: proposal.arc,
    "loss",
    lambda loss: 1 / loss,
    pruner,
  )


def evaluate(evaluator, *arcs, first=0, **arguments):
  found = evaluator.evaluate(proposals(*arcs, first=first), **arguments)
  return sorted(found, key=lambda trial: trial.number)


def test_the_reward_is_of_the_metric():
  (trial,) = evaluate(make(), 3)
  assert trial == trials.Trial(
    0, (3,), scores={"loss": 1 / 8, "reward": 8.0}, seconds=1.5
  )


def test_a_failure_has_its_reason():
  good, bad = evaluate(make(), 1, -1)
  assert good.is_done
  assert (bad.status, bad.reason) == (trials.FAILED, "no such child")


def test_what_is_stopped_gives_no_answer():
  asked = iter([False, True])
  found = evaluate(make(), 1, 2, 3, stop=lambda: next(asked))
  assert [trial.number for trial in found] == [0]


def test_closing_ends_the_engine():
  evaluator = make()
  evaluator.close()
  assert evaluator._engine.closed == 1


def test_what_is_given_up_is_a_pruned_trial_with_its_curve():
  evaluator = make("median")
  first = evaluate(evaluator, 10, 11, 12, 13, 14)
  assert all(trial.is_done for trial in first)
  assert first[0].curve == pytest.approx([11, 12, 13, 14, 15])
  bad, good = evaluate(evaluator, 1, 30, first=5)
  assert bad.status == trials.PRUNED
  assert bad.curve == pytest.approx([2])
  assert bad.scores == pytest.approx({"loss": 1 / 2, "reward": 2})
  assert good.is_done
  assert len(good.curve) == EPOCHS


@pytest.mark.parametrize("word", ["median", "halving", "hyperband"])
def test_it_does_not_matter_who_is_faster(word):
  arcs = [3, 9, 1, 7, 5, 8, 2, 6, 4, 0]
  found = []
  for is_reversed in (False, True):
    evaluator = make(word, is_reversed)
    found.append(
      [
        trial
        for first in range(0, 10, 5)
        for trial in evaluate(evaluator, *arcs[first : first + 5], first=first)
      ]
    )
  assert found[0] == found[1]


@pytest.mark.parametrize("word", ["median", "halving", "hyperband"])
def test_a_search_that_goes_on_prunes_as_if_it_had_not_stopped(word):
  """Its log holds two whole updates, and a part of the third."""
  arcs = [3, 9, 1, 7, 5, 8, 2, 6, 4, 0, 12, 1, 2, 11, 3, 4, 3, 2, 1, 20]
  whole, found = make(word), []
  for first in range(0, 20, 5):
    whole.skip([])
    found += evaluate(whole, *arcs[first : first + 5], first=first)
  assert {trials.DONE, trials.PRUNED} == {trial.status for trial in found}
  later = make(word)
  later.remember(found[:5])
  later.skip(found[5:10])
  later.skip([found[10], found[13]])
  rest = proposals(*arcs[10:15], first=10)
  third = [*later.evaluate([rest[1], rest[2], rest[4]])]
  later.skip([])
  fourth = evaluate(later, *arcs[15:], first=15)
  expected = [found[11], found[12], found[14], *found[15:]]
  assert third + fourth == expected
