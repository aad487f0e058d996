import pytest

from enas_tf import errors, trials
from enas_tf.evaluators import expression, goals
from enas_tf.trials import Proposal
from tests.evaluators import scripted

SMALL, LARGE = (0, 1), (3, 9)


def costs(arc):
  return {"parameters": 10 * sum(arc), "multiply_adds": 100 * sum(arc)}


def new(function=lambda proposal: 0.5, reward=None, **most):
  inner = scripted.Scripted(function)
  limits = goals.Limits(costs, most)
  formula = None if reward is None else expression.Expression(reward)
  return goals.Goals(inner, limits, formula), inner


@pytest.mark.parametrize(
  ("most", "excess"),
  [
    ({}, None),
    ({"parameters": 120.0}, None),
    ({"parameters": 119.5}, "parameters=120 is beyond max_parameters=119.5"),
    (
      {"parameters": 120.0, "multiply_adds": 1e3},
      "multiply_adds=1,200 is beyond max_multiply_adds=1,000",
    ),
  ],
)
def test_limits(most, excess):
  limits = goals.Limits(costs, most)
  assert limits.excess(LARGE) == excess
  assert limits.allow(LARGE) == (excess is None)
  assert bool(limits) == bool(most)


def test_what_is_beyond_a_limit_is_not_trained():
  evaluator, inner = new(parameters=50)
  arcs = [Proposal(0, LARGE), Proposal(1, SMALL), Proposal(2, LARGE)]
  found = scripted.by_number(evaluator, arcs)
  assert [each.arc for each in inner.asked] == [SMALL]
  assert [each.status for each in found] == ["outside", "done", "outside"]
  assert found[0].reason.startswith("parameters=120 is beyond")
  assert found[1].scores == {
    "reward": 0.5,
    "parameters": 10,
    "multiply_adds": 100,
  }


def test_a_search_that_goes_on_skips_what_was_trained():
  evaluator, inner = new(parameters=50)
  known = [
    trials.outside(Proposal(0, LARGE), "too large"),
    trials.Trial(1, SMALL, scores={"reward": 0.5}),
  ]
  evaluator.skip(known)
  evaluator.remember(known)
  assert inner.skipped == inner.remembered == known[1:]


def test_rewards_of_a_formula():
  evaluator, _ = new(
    lambda each: {"reward": 2.0, "accuracy": 0.8},
    "accuracy - macs / 1000 + 0 * multiply_adds + reward",
  )
  (trial,) = evaluator.evaluate([Proposal(0, SMALL)])
  assert trial.reward == pytest.approx(0.8 - 0.1 + 2)
  assert trial.scores["accuracy"] == 0.8 and trial.scores["parameters"] == 10


def test_what_failed_or_was_pruned_is_left_as_it_is():
  answers = {
    0: "no luck",
    1: trials.Trial(1, SMALL, "pruned", {"reward": 0.1}, curve=(0.1,)),
  }
  evaluator, _ = new(lambda each: answers[each.number], "1")
  found = scripted.by_number(evaluator, [Proposal(i, SMALL) for i in (0, 1)])
  assert [each.status for each in found] == ["failed", "pruned"]
  assert found[1].scores == {"reward": 0.1}


def test_the_curve_of_a_training_is_kept():
  trial = trials.Trial(0, SMALL, scores={"reward": 0.5}, curve=(0.1, 0.2))
  evaluator, _ = new(lambda each: trial, "reward * 2")
  (found,) = evaluator.evaluate([Proposal(0, SMALL)])
  assert found.reward == 1.0 and found.curve == (0.1, 0.2)


def test_a_formula_without_a_value_is_a_failed_trial():
  evaluator, _ = new(reward="log(reward - 0.5)")
  (trial,) = evaluator.evaluate([Proposal(0, SMALL)])
  assert trial.status == "failed" and "reward=nan" in trial.reason


def test_a_name_that_nobody_knows_is_one_clear_error():
  evaluator, _ = new(reward="latency")
  with pytest.raises(errors.ConfigError, match="no latency in `reward`.*macs"):
    list(evaluator.evaluate([Proposal(0, SMALL)]))
