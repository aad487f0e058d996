import doctest
import itertools

import numpy as np
import pytest
import scipy.stats

from enas_tf import statistics


def test_examples():
  found = doctest.testmod(statistics)
  assert found.attempted and not found.failed


@pytest.mark.parametrize(
  "differences", [(1.0,), (0.5, -0.2, 0.3), (-1.0, -2.0), (0.0, 0.0, 1.0)]
)
def test_sign_flips_by_hand(differences):
  sums = [
    sum(sign * each for sign, each in zip(signs, differences, strict=True))
    for signs in itertools.product((1, -1), repeat=len(differences))
  ]
  high = sum(each >= sum(differences) - 1e-12 for each in sums)
  assert statistics.sign_flip(differences) == high / len(sums)


def test_many_sign_flips_agree_with_a_normal_distribution():
  found = np.random.default_rng(3).normal(0.3, 1, 60)
  expected = scipy.stats.ttest_1samp(found, 0, alternative="greater").pvalue
  assert statistics.sign_flip(found) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("differences", [[0.3], [0.1, 0.1, 0.1]])
def test_without_a_spread_students_test_cannot_tell(differences):
  assert statistics.t_test(differences) is None


def test_permutations_agree_with_scipy():
  rng = np.random.default_rng(1)
  ours, theirs = rng.normal(0.5, 1, 6), rng.normal(0, 1, 5)
  exact = scipy.stats.permutation_test(
    (ours, theirs),
    lambda a, b: a.mean() - b.mean(),
    alternative="greater",
    n_resamples=np.inf,
  )
  found = statistics.permutation([ours], [theirs])
  assert found == pytest.approx(exact.pvalue, abs=0.02)


def test_groups_are_not_mixed():
  """Far apart, but alike within each: mixed, they would hide any difference."""
  theirs = [np.arange(8.0), np.arange(8.0) + 1000]
  ours = [each + 8 for each in theirs]
  assert statistics.permutation(ours, theirs) < 0.001
  assert statistics.permutation(theirs, ours) > 0.99
  assert statistics.permutation(theirs, theirs) > 0.4


def test_bootstrap_agrees_with_scipy():
  rows = np.random.default_rng(2).normal(size=(40, 2))
  rows[:, 1] += rows[:, 0]

  def correlation(x):
    return np.corrcoef(x.T)[0, 1]

  low, high = statistics.bootstrap(correlation, rows)
  expected = scipy.stats.bootstrap(
    (rows[:, 0], rows[:, 1]),
    lambda x, y: np.corrcoef(x, y)[0, 1],
    paired=True,
    vectorized=False,
    n_resamples=1000,
    method="percentile",
    rng=np.random.default_rng(0),
  ).confidence_interval
  assert low == pytest.approx(expected.low, abs=0.04)
  assert high == pytest.approx(expected.high, abs=0.04)


def test_a_bootstrap_of_nothing_finite_says_so():
  low, high = statistics.bootstrap(lambda x: float("nan"), np.zeros(3))
  assert np.isnan(low) and np.isnan(high)
