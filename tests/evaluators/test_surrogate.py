import itertools

import numpy as np
import pytest

from enas_tf import trials
from enas_tf.evaluators import surrogate
from enas_tf.spaces import rnn
from tests.evaluators import scripted

SPACE = rnn.RnnSpace(5)
SIZES = [each.num_options for each in SPACE.decisions]


def arcs(num, seed=0):
  rng = np.random.default_rng(seed)
  return [tuple(SPACE.encode(SPACE.random(rng)).tolist()) for _ in range(num)]


def numbered(rows, first=0):
  return [
    trials.Proposal(number, arc) for number, arc in enumerate(rows, first)
  ]


def reward(arc):
  return 0.1 * sum(value * i for i, value in enumerate(arc))


def new(function=lambda proposal: reward(proposal.arc), **changed):
  inner = scripted.Scripted(function)
  settings = dict(word="ridge", start=6, every=3) | changed
  return surrogate.Surrogate(inner, SPACE, **settings), inner


def ask(evaluator, rows, size=5, first=0):
  """Returns the trials of arcs, asked for in batches."""
  found = []
  for i in range(0, len(rows), size):
    evaluator.skip([])
    proposals = numbered(rows[i : i + size], first + i)
    found += scripted.by_number(evaluator, proposals)
  return found


@pytest.mark.parametrize("size", [1, 4, 5, 30])
@pytest.mark.parametrize(("start", "every"), [(6, 3), (2, 1), (10, 7)])
def test_measures_the_first_and_one_of_so_many(size, start, every):
  evaluator, inner = new(start=start, every=every)
  found = ask(evaluator, arcs(30), size)
  assert [trial.number for trial in found] == list(range(30))
  num_measured = [trial.is_predicted for trial in found].count(False)
  # Of the very first batch there is nothing to predict by.
  expected = 30 if size == 30 else start + (30 - start) // every
  assert len(inner.asked) == num_measured == expected
  assert not any(trial.is_predicted for trial in found[: start // size * size])
  for trial in found:
    if not trial.is_predicted:
      assert trial.reward == reward(trial.arc)
    assert trial.is_done


def test_predictions_come_near_and_tell_how_near():
  evaluator, _ = new(start=40)
  found = ask(evaluator, arcs(100))
  # The reward is linear in what the regressor sees.
  for trial in [each for each in found if each.is_predicted]:
    assert abs(trial.reward - reward(trial.arc)) < 0.05
    assert trial.scores["reward_std"] > 0
    assert trial.seconds == 0
  metrics = evaluator.metrics()
  assert metrics["surrogate/kendall_tau"] > 0.8
  assert 0 < metrics["surrogate/mae"] < 0.5
  num_measured = [each.seconds > 0 for each in found].count(True)
  assert metrics["scripted/asked"] == num_measured


def tau(pairs):
  """Returns Kendall's, of pairs without ties."""
  signs = [
    np.sign((a - c) * (b - d))
    for (a, b), (c, d) in itertools.combinations(pairs, 2)
  ]
  return np.mean(signs)


def test_metrics_are_of_what_was_expected_before():
  evaluator, inner = new(start=30)
  found = ask(evaluator, arcs(15))
  assert evaluator.metrics()["surrogate/kendall_tau"] > 0
  inner.function = lambda proposal: -reward(proposal.arc)  # All is turned.
  found += ask(evaluator, arcs(80, seed=1), first=15)
  pairs = [
    (trial.scores["predicted_reward"], trial.reward)
    for trial in found[5:]  # Of the first five nothing could be expected.
    if not trial.is_predicted and trial.seconds > 0
  ]
  assert not any("predicted_reward" in trial.scores for trial in found[:5])
  metrics = evaluator.metrics()
  errors = [abs(a - b) for a, b in pairs]
  assert metrics["surrogate/mae"] == pytest.approx(np.mean(errors))
  assert metrics["surrogate/kendall_tau"] == pytest.approx(tau(pairs), abs=0.01)


def test_the_best_by_what_is_known_is_measured():
  evaluator, inner = new(start=40, every=5)
  ask(evaluator, arcs(45))
  batch = sorted(set(arcs(30, seed=4)) - {p.arc for p in inner.asked})
  batch.sort(key=reward)
  asked = len(inner.asked)
  list(evaluator.evaluate(numbered([*batch[:2], batch[-1], *batch[2:4]], 45)))
  assert [each.arc for each in inner.asked[asked:]] == [batch[-1]]


def test_what_is_uncertain_is_measured():
  """Among arcs like the known ones there is one of options never seen."""
  rng = np.random.default_rng(0)

  def without_sigmoid():
    return tuple(
      int(rng.integers(2) if i % 2 else rng.integers(n))
      for i, n in enumerate(SIZES)
    )

  evaluator, inner = new(start=20, every=5)
  ask(evaluator, [without_sigmoid() for _ in range(40)])
  arcs_of_two = [without_sigmoid() for _ in range(4)]
  asked = len(inner.asked)
  strange = (0, 2, 1, 3, 2, 2, 3, 3, 4, 2)
  batch = [*arcs_of_two[:2], strange, *arcs_of_two[2:]]
  list(evaluator.evaluate(numbered(batch, 40)))
  assert [each.arc for each in inner.asked[asked:]] == [strange]


def test_what_was_measured_keeps_its_score():
  evaluator, inner = new()
  first = ask(evaluator, arcs(10))
  known = [each for each in first if not each.is_predicted]
  again = ask(evaluator, [each.arc for each in known], first=10)
  assert len(inner.asked) == len(known)
  assert [each.reward for each in again] == [each.reward for each in known]
  assert not any(each.is_predicted for each in again)
  assert {each.seconds for each in again} == {0.0}


def test_one_arc_has_one_answer_in_a_batch():
  evaluator, inner = new()
  ask(evaluator, arcs(6))
  row = arcs(3, seed=7)
  found = ask(evaluator, [*row, *row], size=6, first=6)
  assert len(inner.asked) == 6 + 1
  for one, other in zip(found[:3], found[3:], strict=True):
    assert one.scores == other.scores
    assert one.is_predicted == other.is_predicted


def test_measures_all_as_long_as_it_knows_nothing():
  evaluator, inner = new(lambda proposal: "out of memory")
  found = ask(evaluator, arcs(20))
  assert len(inner.asked) == 20
  assert {trial.status for trial in found} == {"failed"}
  assert not any(trial.is_predicted for trial in found)


def test_what_failed_or_was_given_up_counts_as_the_worst():
  """Arcs that begin with a sigmoid fail, those with an identity are pruned."""

  def score(proposal):
    if proposal.arc[1] == 2:
      return "too deep"
    if proposal.arc[1] == 3:
      return trials.Trial(*proposal[:2], "pruned", {"reward": 9.0})
    return 1.0 + 0.1 * proposal.arc[3]

  evaluator, _ = new(score, start=60)
  ask(evaluator, arcs(60))
  found = ask(evaluator, arcs(30, seed=5), first=60)
  predicted = {
    is_bad: np.mean(
      [
        each.reward
        for each in found
        if each.is_predicted and (each.arc[1] > 1) == is_bad
      ]
    )
    for is_bad in (False, True)
  }
  assert predicted[True] < predicted[False]
  assert predicted[True] == pytest.approx(1.0, abs=0.05)


def test_predicts_nothing_when_it_was_stopped():
  evaluator, inner = new(every=2)
  ask(evaluator, arcs(6))
  rows = arcs(6, seed=3)
  assert list(evaluator.evaluate(numbered(rows, 6), lambda: True)) == []
  found = ask(evaluator, rows, size=6, first=6)
  assert [each.is_predicted for each in found].count(False) == 3
  assert len(inner.asked) == 9


@pytest.mark.parametrize(
  ("word", "order", "nums"),
  [
    ("ridge", "by number", range(6)),
    ("ridge", "backwards", range(6)),
    ("forest", "by number", [3]),
  ],
)
def test_goes_on_as_if_it_had_never_stopped(word, order, nums):
  """It was killed with some of a batch in the log, before a checkpoint."""
  rows = arcs(22)
  rows[18] = rows[16]
  settings = dict(word=word, every=2)
  whole, inner = new(**settings)
  expected = ask(whole, rows)
  logged = list(expected[:15])
  batch = expected[15:20]
  batch.sort(
    key={
      "by number": lambda trial: trial.number,
      # As it is with several workers.
      "backwards": lambda trial: (trial.seconds == 0, -trial.number),
    }[order]
  )
  for num in nums:
    other, again = new(**settings)
    other.remember(sorted(logged + batch[:num], key=lambda each: each.number))
    assert not any(each.is_predicted for each in again.remembered)
    known = sorted(batch[:num], key=lambda trial: trial.number)
    other.skip(known)
    assert again.skipped == [each for each in known if each.seconds > 0]
    left = {each.number for each in expected[15:20]}
    left -= {each.number for each in known}
    found = known + scripted.by_number(
      other, [p for p in numbered(rows) if p.number in left]
    )
    found += ask(other, rows[20:], first=20)
    assert sorted(found, key=lambda each: each.number) == expected[15:]
    assert len(again.asked) <= len(inner.asked)


def test_trials_of_a_way_not_taken_are_of_no_account():
  """The log has forgotten them; their numbers are given out anew."""
  first, _ = new()
  expected = ask(first, arcs(15))
  other, _ = new()
  other.remember(
    [
      *expected[:10],
      trials.Trial(10, arcs(1, seed=8)[0], scores={"reward": 77.0}),
      trials.Trial(11, arcs(1, seed=9)[0], scores={"reward": -77.0}),
    ]
  )
  found = ask(other, arcs(15)[10:], first=10)
  assert found == expected[10:]


def best_of_60(seed, word):
  """Returns the best reward that local search finds by 60 measurements."""
  rng = np.random.default_rng(seed)
  effects = [rng.normal(size=n) for n in SIZES]
  pairs = [rng.normal(size=(a, b)) for a, b in itertools.pairwise(SIZES)]

  def truth(proposal):
    arc = proposal.arc
    values = [each[value] for each, value in zip(effects, arc, strict=True)]
    values += [0.5 * each[arc[i], arc[i + 1]] for i, each in enumerate(pairs)]
    return float(np.sum(values))

  inner = scripted.Scripted(truth)
  evaluator = inner
  if word is not None:
    evaluator = surrogate.Surrogate(inner, SPACE, word, start=20, every=4)
  known = []
  number = 0
  while len(inner.asked) < 60:
    rows = []
    for _ in range(5):
      if len(known) < 20:
        arc = SPACE.encode(SPACE.random(rng)).tolist()
      else:
        recent = [known[-i] for i in rng.integers(1, 21, size=5)]
        arc = list(max(recent, key=lambda trial: trial.reward).arc)
        i = 1 + int(rng.integers(len(arc) - 1))  # Of the first there is one.
        arc[i] = (arc[i] + 1 + int(rng.integers(SIZES[i] - 1))) % SIZES[i]
      rows.append(tuple(arc))
    evaluator.skip([])
    known += scripted.by_number(evaluator, numbered(rows, number))
    number += 5
  return max(truth(each) for each in inner.asked[:60])


def test_it_pays():
  """Evolution finds better arcs by as many measurements.

  Over 60 other seeds the gain was 2.07 +- 1.55, and above 0 in 57: the mean of
  eight is not above 0 with a chance of 1e-4.
  """
  gains = [
    best_of_60(seed, "ridge") - best_of_60(seed, None) for seed in range(8)
  ]
  assert np.mean(gains) > 0
