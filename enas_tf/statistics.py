"""Whether a difference is more than luck.

But for Student's, the tests assume no distribution. All are one-sided, and ask
whether the first is higher. Random numbers are of a fixed seed, so that the
same numbers always have the same p.
"""

import itertools
from collections.abc import Callable, Sequence

import numpy as np

_MOST_EXACT = 14  # Differences whose signs are flipped in every way.
_TINY = 1e-12  # Sums of the same numbers in another order differ by less.


def sign_flip(
  differences: Sequence[float] | np.ndarray, *, samples: int = 100_000
) -> float:
  """Returns how likely a mean as high is if the signs were by chance.

  Each difference is of a pair, such as two networks of one seed. The lowest
  value of n pairs is 2**-n.

  >>> sign_flip([0.1, 0.3, 0.2, 0.1, 0.4])
  0.03125

  Args:
    differences: at least one.
    samples: drawn where there are too many signs to try all.
  """
  found = np.asarray(differences, float)
  if len(found) <= _MOST_EXACT:
    signs = np.array(list(itertools.product((1, -1), repeat=len(found))))
    return float(np.mean(signs @ found >= found.sum() - _TINY))
  signs = np.random.default_rng(0).choice((1, -1), (samples, len(found)))
  return _share(signs @ found, found.sum())


def t_test(differences: Sequence[float] | np.ndarray) -> float | None:
  """Returns the p of Student's test; None if it cannot tell.

  >>> round(t_test([0.1, 0.3, 0.2, 0.1, 0.4]), 3)
  0.01

  Args:
    differences: each of a pair.
  """
  if len(differences) < 2 or np.ptp(differences) < _TINY:
    return None
  from scipy import stats  # Of an extra; who needs it says so.

  return float(stats.ttest_1samp(differences, 0, alternative="greater").pvalue)


def permutation(
  ours: Sequence[np.ndarray],
  theirs: Sequence[np.ndarray],
  *,
  samples: int = 10_000,
) -> float:
  """Returns how likely means as far above are if who is whose were by chance.

  Values are exchanged within their group alone, such as a seed.

  >>> permutation([np.array([3.0, 4.0])], [np.array([1.0, 2.0])]) < 0.2
  True

  Args:
    ours: the values of each group, [n] each.
    theirs: the values of each group, [m] each.
    samples: permutations that are drawn.
  """
  rng = np.random.default_rng(0)
  observed, drawn = 0.0, np.zeros(samples)
  for mine, other in zip(ours, theirs, strict=True):
    values = np.concatenate([mine, other]).astype(float)
    # The mean of ours minus the mean of theirs, as weights of the values.
    weights = np.repeat(
      (1 / len(mine), -1 / len(other)), (len(mine), len(other))
    )
    observed += weights @ values
    drawn += rng.permuted(np.tile(values, (samples, 1)), axis=1) @ weights
  return _share(drawn, observed)


def bootstrap(
  function: Callable[[np.ndarray], float],
  rows: np.ndarray,
  *,
  samples: int = 1_000,
  level: float = 0.95,
) -> tuple[float, float]:
  """Returns the interval of a number by resampling (Efron's percentiles).

  >>> low, high = bootstrap(np.mean, np.arange(10.0))
  >>> low < 4.5 < high
  True

  Args:
    function: returns the number of some rows; what is not finite is left out.
    rows: [n, ...], that are drawn with replacement.
    samples: how often.
    level: the share of the numbers that lie within, in (0, 1).
  """
  rng = np.random.default_rng(0)
  found = np.array(
    [
      function(rows[rng.integers(len(rows), size=len(rows))])
      for _ in range(samples)
    ]
  )
  found = found[np.isfinite(found)]
  if not len(found):
    return float("nan"), float("nan")
  low, high = np.quantile(found, ((1 - level) / 2, (1 + level) / 2))
  return float(low), float(high)


def _share(drawn: np.ndarray, observed: float) -> float:
  """Returns the share of the draws as high; the observed one is among them."""
  high = np.count_nonzero(drawn >= observed - _TINY)
  return float((1 + high) / (1 + len(drawn)))
