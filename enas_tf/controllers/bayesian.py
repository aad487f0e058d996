"""Bayesian optimization, by Optuna's samplers."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from enas_tf import errors
from enas_tf.controllers import moves, remembering
from enas_tf.spaces import base as spaces

# Arcs that were asked for and not scored yet count as bad ones, so that those
# of a batch differ; as many as these are looked at together.
_BLOCK = 32


class Bayesian(remembering.Remembering):
  """Fits a model to the trials, and proposes what is likely to be better.

  What was told is all of its state: Optuna's study is made of it, and its
  sampler is a new one for each arc.

  Args:
    space: the space of the arcs.
    seed: of the arcs.
    sampler: "tpe", tree-structured Parzen estimators (Bergstra et al., 2011),
      or "gp", a Gaussian process.

  Raises:
    ConfigError: if Optuna is not installed, or PyTorch, which "gp" needs.
  """

  def __init__(self, space: spaces.Space, *, seed: int, sampler: str) -> None:
    super().__init__(space, seed=seed)
    self._optuna = _import_optuna(sampler)
    self._sampler = sampler
    self._start = 0  # The first number since it has learnt.
    self._begin()

  @classmethod
  def from_settings(
    cls,
    settings: Any,
    space: spaces.Space,
    make_policy: Callable[[], Any],
    seed: int,
  ) -> "Bayesian":
    """Returns the controller of a run.

    Args:
      settings: of the controller: `sampler`.
      space: the space of the arcs.
      make_policy: returns a policy; it needs none.
      seed: of the arcs.
    """
    del make_policy
    return cls(space, seed=seed, sampler=settings.sampler)

  def _begin(self) -> None:
    """Begins a study without trials."""
    logging = self._optuna.logging
    before = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)  # It would announce the study.
    self._study = self._optuna.create_study(direction="maximize")
    logging.set_verbosity(before)
    self._num_added = 0
    self._block: int | None = None
    self._asked: list[moves.Arc] = []
    self._pending: list[Any] = []

  def _make_sampler(self, seed: int) -> Any:
    samplers = self._optuna.samplers
    if self._sampler == "gp":
      return samplers.GPSampler(seed=seed, warn_independent_sampling=False)
    return samplers.TPESampler(seed=seed, constant_liar=True)

  def learn(self, new: Sequence[remembering.Told]) -> None:
    self._start = self.num_arcs
    self._end_block()

  def draw(self, first: int, n: int) -> np.ndarray:
    return self.rows([self._arc(number) for number in range(first, first + n)])

  def _arc(self, number: int) -> moves.Arc:
    place = (number - self._start) % _BLOCK
    if self._block != number - place:
      self._end_block()
      self._block = number - place
      self._catch_up()
    while len(self._asked) <= place:
      self._asked.append(self._ask(self._block + len(self._asked)))
    return self._asked[place]

  def _end_block(self) -> None:
    """Lets the study forget what was asked for; it is asked anew if need be."""
    self._block, self._asked = None, []
    for trial in self._pending:
      self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
    self._pending = []

  def _ask(self, number: int) -> moves.Arc:
    # Of its number alone, whatever was asked for before a restart.
    rng = self.rng(number)
    self._study.sampler = self._make_sampler(int(rng.integers(2**31)))
    arc = self._suggestion()

    def step() -> moves.Arc:
      """Returns the suggestion, then arcs farther and farther from it."""
      nonlocal arc
      before, arc = arc, moves.mutated(self.space, arc, rng)
      return before

    # A model that is sure of an arc suggests it over and over.
    return self.unknown(step, self._asked)

  def _suggestion(self) -> moves.Arc:
    trial = self._study.ask()
    self._pending.append(trial)
    row: list[int] = []
    for decision in self.space.decisions:
      count = self.space.num_options(row)
      if _is_ordered(decision):
        row.append(trial.suggest_int(decision.name, 0, count - 1))
      else:
        row.append(trial.suggest_categorical(decision.name, range(count)))
    return tuple(row)

  def _catch_up(self) -> None:
    """Adds what was told since to the study."""
    for told in self.told[self._num_added :]:
      self._study.add_trial(self._finished(told))
    self._num_added = len(self.told)

  def _finished(self, told: remembering.Told) -> Any:
    """Returns what was told as a trial of Optuna; it may be a bad one."""
    distributions = self._optuna.distributions
    ranges = {}
    for i, decision in enumerate(self.space.decisions):
      count = self.space.num_options(told.arc[:i])
      ranges[decision.name] = (
        distributions.IntDistribution(0, count - 1)
        if _is_ordered(decision)
        else distributions.CategoricalDistribution(range(count))
      )
    states = self._optuna.trial.TrialState
    is_done = told.reward > remembering.WORST
    return self._optuna.trial.create_trial(
      state=states.COMPLETE if is_done else states.PRUNED,
      value=told.reward if is_done else None,
      params=dict(zip(ranges, told.arc, strict=True)),
      distributions=ranges,
    )

  def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    super().restore(arrays)
    self._start = int(arrays["start"])
    self._begin()

  def state(self) -> dict[str, np.ndarray]:
    return {**super().state(), "start": np.array(self._start, np.int64)}


def _is_ordered(decision: spaces.Decision) -> bool:
  """Returns whether near options are alike: how many, and from where on."""
  is_number = decision.kind in ("channel", "number")
  return is_number or decision.shrinks_by is not None


def _import_optuna(sampler: str) -> Any:
  try:
    import optuna
  except ImportError as error:
    raise errors.ConfigError(
      "The bayesian controller needs Optuna, which is not installed: run pip "
      "install 'enas_tf[automl]', or choose another `controller`. Received: "
      f"controller=bayesian ({error})"
    ) from error
  if sampler == "gp" and importlib.util.find_spec("torch") is None:
    raise errors.ConfigError(
      "Optuna's Gaussian process needs PyTorch, which is not installed: run "
      "pip install torch, or take the sampler tpe. Received: "
      "controller_sampler=gp"
    )
  return optuna
