"""Regressors that tell how far they trust themselves, of scikit-learn."""

import contextlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from enas_tf import errors
from enas_tf.spaces import base


class Prediction(NamedTuple):
  """What is predicted of n arcs, each float64 [n].

  Attributes:
    mean: the rewards.
    std: their uncertainty, a standard deviation.
  """

  mean: np.ndarray
  std: np.ndarray


class Regressor:
  """Predicts rewards of arcs from those that were measured.

  Args:
    word: "forest", "gaussian_process" or "ridge".
    space: of the arcs.
    seed: of the random numbers of a forest.

  Raises:
    ConfigError: if scikit-learn is not installed, or has no such regressor.
  """

  def __init__(self, word: str, space: base.Space, seed: int) -> None:
    if word not in _REGRESSORS:
      raise errors.ConfigError(
        f"No surrogate is called {word!r}: correct `evaluator_surrogate`. "
        f"Known are {', '.join(_REGRESSORS)}. Received: "
        f"evaluator_surrogate={word}"
      )
    try:
      import sklearn  # noqa: F401 It is told here, not at the first arc.
    except ImportError as error:
      raise errors.ConfigError(
        "A surrogate is a regressor of scikit-learn, which is not installed: "
        "run pip install 'enas_tf[automl]', or leave `evaluator_surrogate` "
        f"out. Received: evaluator_surrogate={word} ({error})"
      ) from error
    self._new, self._spread = _REGRESSORS[word]
    self._sizes = np.array([each.num_options for each in space.decisions])
    self._is_number = np.array(
      [each.kind == "number" for each in space.decisions]
    )
    self._seed = seed
    self._model: Any = None

  def fit(
    self, arcs: Sequence[Sequence[int]], rewards: Sequence[float]
  ) -> None:
    """Learns; what it had learnt before is forgotten.

    Args:
      arcs: int [n, num_decisions], n at least 2.
      rewards: float [n].
    """
    self._model = self._new(self._seed)
    with _one_thread(), warnings.catch_warnings():
      warnings.simplefilter("ignore")  # Of optimizers that end at a bound.
      self._model.fit(self._features(arcs), np.asarray(rewards))

  def predict(self, arcs: Sequence[Sequence[int]]) -> Prediction:
    """Returns what it expects of arcs.

    Args:
      arcs: int [n, num_decisions], n at least 1.
    """
    x = self._features(arcs)
    with _one_thread():
      return Prediction(*self._spread(self._model, x))

  def _features(self, arcs: Sequence[Sequence[int]]) -> np.ndarray:
    """Returns options as zeros and ones, and numbers as they are, in [0, 1]."""
    rows = np.asarray(arcs, np.int64).reshape([-1, len(self._sizes)])
    is_number = self._is_number
    words = one_hot(rows[:, ~is_number], self._sizes[~is_number])
    numbers = rows[:, is_number] / np.maximum(self._sizes[is_number] - 1, 1)
    return np.concatenate([words, numbers], axis=1)


def _one_thread() -> contextlib.AbstractContextManager:
  """Returns within what matrices, which are small, wait for no other thread."""
  import threadpoolctl  # Comes with scikit-learn.

  return threadpoolctl.threadpool_limits(limits=1)


def one_hot(
  arcs: Sequence[Sequence[int]] | np.ndarray, sizes: Sequence[int] | np.ndarray
) -> np.ndarray:
  """Returns arcs as zeros and ones, float64 [n, sum(sizes)].

  >>> one_hot([[1, 0]], [2, 3]).tolist()
  [[0.0, 1.0, 1.0, 0.0, 0.0]]

  Args:
    arcs: int [n, num_decisions].
    sizes: the number of options of each decision.
  """
  rows = np.asarray(arcs, np.int64).reshape([-1, len(sizes)])
  starts = np.cumsum([0, *sizes[:-1]])
  x = np.zeros([len(rows), sum(sizes)])
  np.put_along_axis(x, rows + starts, 1.0, axis=1)
  return x


def _forest(seed: int) -> Any:
  from sklearn import ensemble

  return ensemble.RandomForestRegressor(max_features=1 / 3, random_state=seed)


def _gaussian_process(seed: int) -> Any:
  from sklearn import gaussian_process
  from sklearn.gaussian_process import kernels

  kernel = kernels.ConstantKernel() * kernels.RBF(2.0) + kernels.WhiteKernel()
  return gaussian_process.GaussianProcessRegressor(
    kernel, normalize_y=True, random_state=seed
  )


def _ridge(seed: int) -> Any:
  from sklearn import linear_model

  del seed
  return linear_model.BayesianRidge()


# Both say of an arc the same, to the last digit, whichever others are asked for
# beside it: a search that goes on asks for fewer.
def _of_trees(model: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns mean and deviation of the trees of a forest."""
  each = np.stack([tree.predict(x) for tree in model.estimators_], axis=1)
  return each.mean(1), each.std(1)


def _of_posterior(model: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns mean and deviation that the model tells itself."""
  each = [model.predict(row[None], return_std=True) for row in x]
  mean, std = np.concatenate(each, axis=1)
  return mean, std


_REGRESSORS: dict[str, tuple[Callable, Callable]] = {
  "forest": (_forest, _of_trees),
  "gaussian_process": (_gaussian_process, _of_posterior),
  "ridge": (_ridge, _of_posterior),
}
