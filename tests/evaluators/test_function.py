import math

import pytest

from enas_tf.evaluators import function
from enas_tf.spaces import rnn
from tests import answers

SPACE = rnn.RnnSpace(2)
ARC = SPACE.parse("0 2 1 1")


def evaluate(value, num=1):
  rows = [SPACE.encode(ARC)] * num
  evaluator = function.FunctionEvaluator(SPACE, value)
  return list(evaluator.evaluate(answers.proposals(rows)))


def test_asks_with_an_arc():
  asked = []
  (trial,) = evaluate(lambda arc: asked.append(arc) or 0.5)
  assert asked == [ARC]
  assert trial.scores == {"reward": 0.5}


def test_scores_by_name():
  (trial,) = evaluate(lambda arc: {"reward": 3, "size": 7})
  assert trial.scores == {"reward": 3.0, "size": 7.0}
  assert trial.reward == 3.0


@pytest.mark.parametrize(
  ("value", "reason"),
  [
    (lambda arc: 1 / 0, "ZeroDivisionError: division by zero"),
    (lambda arc: None, "TypeError"),
    (lambda arc: "many", "ValueError"),
    (lambda arc: {"loss": 1.0}, 'must have a "reward"'),
    (lambda arc: math.nan, "reward=nan is not finite"),
    (lambda arc: {"reward": 1.0, "loss": math.inf}, "loss=inf is not finite"),
  ],
)
def test_what_goes_wrong_is_a_failed_trial(value, reason):
  first, second = evaluate(value, num=2)
  assert first.status == second.status == "failed"
  assert reason in first.reason
  assert not first.is_done


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_who_ends_the_run_ends_it(error):
  def value(arc):
    raise error

  with pytest.raises(error):
    evaluate(value)
