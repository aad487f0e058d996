import statistics

from enas_tf import trials
from enas_tf.evaluators import averaged
from enas_tf.trials import Proposal
from tests.evaluators import scripted

PROPOSALS = [Proposal(7, (0, 1)), Proposal(8, (1, 1))]


def averages(function, num_seeds=3, proposals=PROPOSALS, **kwargs):
  """Returns trials by number, and what was asked of the inner one."""
  inner = scripted.Scripted(function)
  evaluator = averaged.Averaged(inner, num_seeds)
  return scripted.by_number(evaluator, proposals, **kwargs), inner.asked


def test_means_of_as_many_seeds():
  values = [0.1, 0.4, 0.7]

  def score(proposal):
    reward = values[proposal.repeat] + proposal.number
    return {"reward": reward, "loss": 2.0 * proposal.repeat}

  found, asked = averages(score)
  assert sorted(asked) == [
    Proposal(each.number, each.arc, seed)
    for each in PROPOSALS
    for seed in range(3)
  ]
  for trial, proposal in zip(found, PROPOSALS, strict=True):
    assert (trial.number, trial.arc) == proposal[:2]
    rewards = [value + trial.number for value in values]
    assert trial.scores == {
      "reward": statistics.fmean(rewards),
      "reward_std": statistics.stdev(rewards),
      "loss": 2.0,
    }
    assert trial.seconds == 6.0


def test_seeds_that_failed_do_not_count():
  found, _ = averages(lambda each: "no memory" if each.repeat else 0.5)
  assert [trial.status for trial in found] == ["done", "done"]
  assert found[0].scores == {"reward": 0.5}  # One number has no spread.
  assert found[0].seconds == 2.0 + 1.0 + 1.0


def test_all_failed():
  found, _ = averages(lambda each: f"no {each.repeat // 2}")
  assert [trial.status for trial in found] == ["failed", "failed"]
  assert sorted(found[0].reason.split("; ")) == ["no 0", "no 1"]


def test_one_pruned_seed_is_a_pruned_trial():
  """Else the mean were that of the lucky seeds alone."""

  def score(proposal):
    if proposal.repeat != 1:
      return 0.75
    return trials.Trial(*proposal[:2], "pruned", {"loss": 2.0, "reward": 0.5})

  found, _ = averages(score, num_seeds=4)
  assert [trial.status for trial in found] == ["pruned", "pruned"]
  assert found[0].scores == {"reward": 0.6875}


def test_gradients_are_averaged():
  def score(proposal):
    return trials.Trial(
      *proposal[:2],
      scores={"reward": 1.0},
      gradients=(float(proposal.repeat), -1.0),
    )

  found, _ = averages(score)
  assert found[0].gradients == (1.0, -1.0)


def test_what_was_stopped_is_asked_again():
  """The last arc has all its seeds, the first has one of three."""
  num_asked = []

  def score(proposal):
    num_asked.append(proposal)
    return 0.5

  found, _ = averages(score, stop=lambda: len(num_asked) == 4)
  assert [trial.number for trial in found] == [8]


def test_what_the_log_answers_counts_for_all_seeds():
  inner = scripted.Scripted(float)
  known = trials.Trial(3, (0, 1), scores={"reward": 1.0})
  averaged.Averaged(inner, 3).skip([known])
  assert inner.skipped == [known] * 3
