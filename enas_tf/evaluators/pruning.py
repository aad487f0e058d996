"""When a training is given up: Optuna's pruners, asked about one at a time.

What they know are trainings of earlier updates, never those beside the one that
is asked about: so nothing depends on which of several workers is faster.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from enas_tf import errors

_REDUCTION = 4  # One of so many goes on at a rung of a halving.
# By the words of `evaluator_pruner`: the class and its arguments.
_PRUNERS: dict[str, tuple[str, dict[str, Any]]] = {
  # Worse than the median of those that were trained to the end.
  "median": ("MedianPruner", {"n_startup_trials": 5}),
  # Asynchronous successive halving (Li et al. 2018, arXiv:1810.05934): a
  # quarter goes on after epochs 1, 4, 16, ...
  "halving": (
    "SuccessiveHalvingPruner",
    {"min_resource": 1, "reduction_factor": _REDUCTION},
  ),
}


class Pruner:
  """Compares the rewards after the first epochs of trainings.

  Args:
    word: "median" or "halving".
    epochs: of a whole training.
    **changed: other arguments of Optuna's pruner.

  Raises:
    ConfigError: if Optuna is not installed.
  """

  def __init__(self, word: str, epochs: int, **changed: Any) -> None:
    try:
      import optuna
    except ImportError as error:
      raise errors.ConfigError(
        "Trainings are given up early by Optuna: install it, by `pip install "
        "'enas_tf[automl]'`, or take `evaluator_pruner` away. Received: "
        f"evaluator_pruner={word} ({error})"
      ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    name, arguments = _PRUNERS[word]
    self._optuna = optuna
    self._pruner = getattr(optuna.pruners, name)(**arguments | changed)
    self._epochs = epochs
    self._history: list[Any] = []

  def of(self, number: int) -> "Pruner":
    """Returns what compares the training of an arc.

    Args:
      number: of the arc.
    """
    del number
    return self

  def begin(self) -> "Curve":
    """Returns the curve of a new training, beside all that was learned."""
    return Curve(self._study(self._history), self._epochs)

  def learn(self, curves: Iterable[Sequence[float]]) -> None:
    """Compares later trainings with these, too.

    Args:
      curves: the rewards after the epochs of each.
    """
    for rewards in curves:
      if rewards:
        # What a pruner notes of a training depends on no other one.
        study = self._study([])
        curve = Curve(study, self._epochs)
        for epoch, reward in enumerate(rewards, start=1):
          curve.observe(epoch, reward)
        states = self._optuna.trial.TrialState
        is_whole = len(rewards) == self._epochs
        ended = study.tell(
          0,
          rewards[-1] if is_whole else None,
          states.COMPLETE if is_whole else states.PRUNED,
        )
        self._history.append(ended)

  def _study(self, history: Sequence[Any]) -> Any:
    study = self._optuna.create_study(direction="maximize", pruner=self._pruner)
    study.add_trials(history)
    return study


class Hyperband:
  """Successive halvings that begin early, and ones that begin late.

  Which scores after few epochs tell much is not known, so that some trainings
  are compared from the first epoch on and others later (Li et al. 2018,
  arXiv:1603.06560). A bracket is a `Pruner` that knows its own trainings, and
  has as many as in the paper. Optuna's own class chooses brackets by the name
  of a study: here an arc's number does, so that a search that goes on has the
  same ones.

  Args:
    epochs: of a whole training.

  Raises:
    ConfigError: if Optuna is not installed.
  """

  def __init__(self, epochs: int) -> None:
    # Bracket i first compares after _REDUCTION**i epochs.
    count = 1 + math.floor(math.log(epochs, _REDUCTION) + 1e-9)
    self._brackets = [
      Pruner("halving", epochs, min_early_stopping_rate=i) for i in range(count)
    ]
    shares = [
      math.ceil(count * _REDUCTION ** (count - 1 - i) / (count - i))
      for i in range(count)
    ]
    order = np.repeat(np.arange(count), shares)
    self._order = np.random.default_rng(0).permutation(order).tolist()

  def of(self, number: int) -> Pruner:
    """Returns the bracket of an arc.

    Args:
      number: of the arc.
    """
    return self._brackets[self._order[number % len(self._order)]]


def make(word: str, epochs: int) -> Pruner | Hyperband:
  """Returns the pruner of a word of `evaluator_pruner`.

  Args:
    word: "median", "halving" or "hyperband".
    epochs: of a whole training.

  Raises:
    ConfigError: if Optuna is not installed.
  """
  return Hyperband(epochs) if word == "hyperband" else Pruner(word, epochs)


class Curve:
  """The rewards of one training after its first epochs.

  Args:
    study: of Optuna, with what it is compared with.
    epochs: of a whole training.

  Attributes:
    rewards: after each epoch so far.
    is_pruned: whether it was given up before its end.
  """

  def __init__(self, study: Any, epochs: int) -> None:
    self._study = study
    self._epochs = epochs
    self._trial = study.ask()
    self.rewards: list[float] = []
    self.is_pruned = False

  def observe(self, epoch: int, reward: float) -> bool:
    """Takes a reward in; returns whether the training goes on.

    Args:
      epoch: that has ended, from 1. A training that was begun anew tells
        epochs again.
      reward: after it.
    """
    if epoch > len(self.rewards):
      self.rewards.append(reward)
      self._trial.report(reward, epoch)
      if epoch < self._epochs:
        self.is_pruned = self._trial.should_prune()
    return not (self.is_pruned and epoch == len(self.rewards))
