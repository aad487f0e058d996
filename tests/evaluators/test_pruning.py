import sys

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.evaluators import pruning

EPOCHS = 17
RNG = np.random.default_rng(0)
CURVES = np.cumsum(RNG.random((40, EPOCHS)), axis=1).tolist()


def length(pruner, rewards):
  """Returns after how many epochs a training ends."""
  curve = pruner.begin()
  for epoch, reward in enumerate(rewards, start=1):
    if not curve.observe(epoch, reward):
      break
  assert curve.is_pruned == (epoch < EPOCHS)
  assert curve.rewards == rewards[:epoch]
  return epoch


def expected_by_median(known, rewards):
  for epoch in range(1, EPOCHS if len(known) >= 5 else 0):
    if max(rewards[:epoch]) < np.median([each[epoch - 1] for each in known]):
      return epoch
  return EPOCHS


def expected_by_halving(known, lengths, rewards):
  """A training is in the best quarter of those that came as far, or ends."""
  for epoch in (1, 4, 16):
    reached = [
      each[epoch - 1]
      for each, last in zip(known, lengths, strict=True)
      if last >= epoch
    ]
    values = sorted([*reached, rewards[epoch - 1]], reverse=True)
    if rewards[epoch - 1] < values[max(len(values) // 4, 1) - 1]:
      return epoch
  return EPOCHS


def test_the_median_of_whole_trainings_decides():
  pruner, whole, lengths = pruning.Pruner("median", EPOCHS), [], []
  for rewards in CURVES:
    lengths.append(length(pruner, rewards))
    assert lengths[-1] == expected_by_median(whole, rewards)
    pruner.learn([rewards[: lengths[-1]]])
    if lengths[-1] == EPOCHS:
      whole.append(rewards)
  assert lengths[:5] == [EPOCHS] * 5
  assert 5 < lengths.count(EPOCHS) < 35


def test_a_quarter_goes_on():
  pruner, lengths = pruning.Pruner("halving", EPOCHS), []
  for i, rewards in enumerate(CURVES):
    expected = expected_by_halving(CURVES[:i], lengths, rewards)
    lengths.append(length(pruner, rewards))
    assert lengths[-1] == expected
    pruner.learn([rewards[: lengths[-1]]])
  assert set(lengths) == {1, 4, 16, EPOCHS}
  assert lengths.count(1) > 20


def test_hyperband_has_brackets_that_begin_later_and_later():
  """Each is a halving among its own; there are as many as in the paper."""
  epochs = 16
  pruner = pruning.make("hyperband", epochs)
  brackets, lengths = [], []
  for number in range(25):
    bracket = pruner.of(number)
    assert bracket is pruner.of(number + 25)
    curve = bracket.begin()
    for epoch in range(1, epochs + 1):
      if not curve.observe(epoch, -float(number)):  # Each is the worst.
        break
    bracket.learn([curve.rewards])
    brackets.append(bracket)
    lengths.append(epoch)
  kinds = {
    bracket: [n for b, n in zip(brackets, lengths, strict=True) if b is bracket]
    for bracket in dict.fromkeys(brackets)
  }
  # The first of a bracket has nothing to be worse than.
  found = sorted((min(each), len(each), max(each)) for each in kinds.values())
  assert found == [(1, 16, 16), (4, 6, 16), (16, 3, 16)]


@pytest.mark.parametrize(("epochs", "count"), [(1, 1), (3, 1), (4, 2), (64, 4)])
def test_brackets_of_short_and_long_trainings(epochs, count):
  pruner = pruning.make("hyperband", epochs)
  assert len({pruner.of(number) for number in range(500)}) == count


def test_a_training_that_is_begun_anew_is_judged_alike():
  pruner = pruning.Pruner("median", EPOCHS)
  pruner.learn([[10.0 + i] * EPOCHS for i in range(9)])
  curve = pruner.begin()
  assert curve.observe(1, 100.0)
  assert curve.observe(1, 100.0)
  assert curve.observe(2, 0.0)  # Its best counts.
  assert curve.rewards == [100.0, 0.0]
  curve = pruner.begin()
  assert [curve.observe(1, 0.0) for _ in range(2)] == [False, False]


def test_without_optuna_it_says_what_to_install(monkeypatch):
  monkeypatch.setitem(sys.modules, "optuna", None)
  with pytest.raises(errors.ConfigError, match=r"enas_tf\[automl\]"):
    pruning.Pruner("median", EPOCHS)
