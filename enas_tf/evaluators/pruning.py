"""When a training is given up: Optuna's pruners, asked about one at a time.

What they know are trainings of earlier updates, never those beside the one that
is asked about: so nothing depends on which of several workers is faster.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from enas_tf import errors

# By the words of `evaluator_pruner`: the class and its arguments.
_PRUNERS: dict[str, tuple[str, dict[str, Any]]] = {
  # Worse than the median of those that were trained to the end.
  "median": ("MedianPruner", {"n_startup_trials": 5}),
  # Asynchronous successive halving (Li et al. 2018, arXiv:1810.05934): a
  # quarter goes on after epochs 1, 4, 16, ...
  "halving": (
    "SuccessiveHalvingPruner",
    {"min_resource": 1, "reduction_factor": 4},
  ),
}


class Pruner:
  """Compares the rewards after the first epochs of trainings.

  Args:
    word: "median" or "halving".
    epochs: of a whole training.

  Raises:
    ConfigError: if Optuna is not installed.
  """

  def __init__(self, word: str, epochs: int) -> None:
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
    self._pruner = getattr(optuna.pruners, name)(**arguments)
    self._epochs = epochs
    self._history: list[Any] = []

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
