import doctest
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from enas_tf import errors
from enas_tf.evaluators import regressors
from enas_tf.spaces import product, rnn

SPACE = rnn.RnnSpace(5)
WORDS = ("forest", "gaussian_process", "ridge")
SIZES = [each.num_options for each in SPACE.decisions]


def test_examples_in_the_docstrings():
  result = doctest.testmod(regressors)
  assert result.attempted > 0 and result.failed == 0


def arcs(num, seed):
  rng = np.random.default_rng(seed)
  return [SPACE.encode(SPACE.random(rng)) for _ in range(num)]


def table(seed):
  """Returns a function from arcs to rewards: options, and pairs of them."""
  rng = np.random.default_rng(seed)
  ones = [rng.normal(size=n) for n in SIZES]
  pairs = {
    (i, i + 1): 0.5 * rng.normal(size=(SIZES[i], SIZES[i + 1]))
    for i in range(len(SIZES) - 1)
  }

  def rewards(rows):
    return np.array(
      [
        sum(each[value] for each, value in zip(ones, row, strict=True))
        + sum(each[row[i], row[j]] for (i, j), each in pairs.items())
        for row in rows
      ]
    )

  return rewards


@pytest.mark.parametrize("word", WORDS)
def test_predictions_rank_arcs_as_they_are(word):
  """And it is surer of those that it knows."""
  rewards = table(0)
  known, new = arcs(80, seed=1), arcs(200, seed=2)
  model = regressors.Regressor(word, SPACE, seed=0)
  model.fit(known, rewards(known))
  mean, std = model.predict(new)
  assert mean.shape == std.shape == (200,)
  assert stats.kendalltau(mean, rewards(new)).statistic > 0.5
  assert 0 < model.predict(known).std.mean() < std.mean()


@pytest.mark.parametrize("word", WORDS)
def test_repeats_and_forgets(word):
  known, rewards = arcs(30, seed=1), table(0)
  first, second = (regressors.Regressor(word, SPACE, seed=4) for _ in range(2))
  second.fit(arcs(20, seed=3), np.arange(20.0))
  for model in (first, second):
    model.fit(known, rewards(known))
  new = arcs(9, seed=2)
  for a, b in zip(first.predict(new), second.predict(new), strict=True):
    np.testing.assert_array_equal(a, b)
  for num in (1, 2, 5):  # An arc's are the same in any company.
    few = first.predict(new[:num])
    for a, b in zip(few, second.predict(new), strict=True):
      np.testing.assert_array_equal(a, b[:num])


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("rewards", [[0.5] * 6, [1e-9] * 5 + [2e-9]])
def test_rewards_that_hardly_differ(word, rewards):
  model = regressors.Regressor(word, SPACE, seed=0)
  model.fit(arcs(6, seed=1), rewards)
  mean, std = model.predict(arcs(5, seed=2))
  np.testing.assert_allclose(mean, rewards[0], rtol=0.1, atol=1e-8)
  assert np.isfinite(std).all()


def test_unknown_words_are_refused():
  with pytest.raises(errors.ConfigError, match="evaluator_surrogate=tree$"):
    regressors.Regressor("tree", SPACE, seed=0)


def test_without_scikit_learn():
  code = """
import sys
sys.modules["sklearn"] = None
from enas_tf import errors
from enas_tf.evaluators import regressors
from enas_tf.spaces import product, rnn
try:
  regressors.Regressor("forest", rnn.RnnSpace(2), 0)
except errors.ConfigError as error:
  print(error)
"""
  done = subprocess.run(
    [sys.executable, "-c", code], capture_output=True, text=True, check=True
  )
  assert "pip install 'enas_tf[automl]'" in done.stdout
  assert "Received: evaluator_surrogate=forest" in done.stdout


@pytest.mark.parametrize("word", ["gaussian_process", "ridge"])
def test_numbers_that_were_not_seen_lie_between_those_that_were(word):
  rates = tuple(range(1, 1001))
  choice = product.Choice("final_lr_max", rates, tuple(map(str, rates)), True)
  space = product.ProductSpace(SPACE, (choice,))
  rng = np.random.default_rng(0)
  rows = [space.encode(space.random(rng)) for _ in range(40)]
  model = regressors.Regressor(word, space, seed=0)
  model.fit(rows, [row[-1] / 1000 for row in rows])
  new = [space.encode(space.random(rng)) for _ in range(100)]
  truth = [row[-1] / 1000 for row in new]
  assert stats.kendalltau(model.predict(new).mean, truth).statistic > 0.8
