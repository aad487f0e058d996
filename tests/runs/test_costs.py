import numpy as np
import pytest

from enas_tf import errors, trials
from enas_tf.evaluators import base as evaluators
from enas_tf.evaluators import goals
from enas_tf.runs import assembly, baseline, costs
from tests.evaluators import scripted
from tests.runs import context

SIZES = {
  "data": "digits",
  "child_num_cells": 1,
  "child_num_layers": 1,
  "child_out_filters": 2,
  "final_num_layers": 1,
  "final_out_filters": 2,
}


def make(**given):
  return assembly.Assembly(context.experiment(**SIZES | given))


class OnBatches(scripted.Scripted, evaluators.OnBatches):
  def score_on(self, arcs, batches):
    return [float(sum(arc)) for arc in arcs]


def test_nothing_stands_around_an_evaluator_that_has_no_goals():
  inner = scripted.Scripted(float)
  assert costs.around(make(), inner) is inner
  assert not make().limits


def test_what_ranks_on_batches_still_does():
  found = costs.around(make(max_parameters=1e6), OnBatches(float))
  assert isinstance(found, goals.GoalsOnBatches)
  assert found.score_on(np.array([[1, 2], [3, 4]]), []) == [3.0, 7.0]
  found = costs.around(make(reward="accuracy"), scripted.Scripted(float))
  assert not isinstance(found, evaluators.OnBatches)


@pytest.mark.parametrize("name", ["parameters", "multiply_adds"])
def test_limits_are_of_the_final_child(name):
  built = make()
  arc = built.space.random(np.random.default_rng(0))
  size = getattr(built.parts.child_size(arc), name)
  for most, is_allowed in ((size, True), (size - 1, False)):
    limits = make(**{f"max_{name}": float(most)}).limits
    assert limits.allow(built.space.encode(arc)) is is_allowed


def test_random_arcs_of_the_baseline_are_within_the_limits():
  free = make()
  rng = np.random.default_rng(0)
  arcs = [free.space.random(rng) for _ in range(8)]
  most = float(np.median([free.parts.child_size(a).parameters for a in arcs]))
  built = make(max_parameters=most)
  found = baseline.random_arcs(built, arcs[0], 3)
  assert len(found) == 3
  for arc in found:
    assert free.parts.child_size(arc).parameters <= most


@pytest.mark.parametrize(
  ("given", "message"),
  [
    (dict(reward="accuracy +"), "`reward` is a formula"),
    (dict(reward="perplexity"), "no perplexity here.*accuracy"),
    (dict(reward="latency / 2"), "no latency here"),
    (dict(reward="accuracy", controller="gradient"), "learns from the loss"),
    (dict(max_parameters=0.0), "max_parameters"),
    (dict(max_parameters=9.0), "All of 200 random arcs.*max_parameters=9; the"),
    (dict(max_parameters=9.0, evaluator="table"), "use only with"),
  ],
)
def test_what_is_refused(given, message):
  with pytest.raises(errors.ConfigError, match=message):
    costs.around(make(**given), scripted.Scripted(float))


def test_a_function_may_return_scores_of_any_name():
  built = make(reward="latency", evaluator="function")
  found = costs.around(
    built, scripted.Scripted(lambda each: {"reward": 1.0, "latency": 3.0})
  )
  arc = built.space.encode(built.space.random(np.random.default_rng(0)))
  (trial,) = found.evaluate([trials.Proposal(0, tuple(arc))])
  assert trial.reward == 3.0
