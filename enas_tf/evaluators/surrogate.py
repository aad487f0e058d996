"""Predicts the scores of most arcs, and has the others measured."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from enas_tf import trials
from enas_tf.evaluators import averaged, base, cached, regressors, wrapper
from enas_tf.spaces import base as spaces

# What was expected of an arc that was then measured, among its scores.
PREDICTED = "predicted_reward"
_RECENT = 50  # Measured arcs that tell how good the predictions are now.

_Key = tuple[int, ...]


class _Known(NamedTuple):
  """What the arcs before a batch have told.

  Attributes:
    measured: trials of different arcs, by `Space.canonical`.
    num_new: arcs that had to be measured or predicted.
  """

  measured: dict[_Key, trials.Trial]
  num_new: int

  def score(self, key: _Key) -> trials.Trial | None:
    """Returns the trial that an arc's score can be taken from.

    Args:
      key: of the arc.
    """
    trial = self.measured.get(key)
    return None if trial is None or trial.status == trials.FAILED else trial


class Surrogate(wrapper.Wrapper):
  """A regressor stands in for an evaluator that is dear, and learns from it.

  The first arcs are measured, and later one of so many: of those that are asked
  for at once, the ones that may be best, by what is expected of them and how
  uncertain that is (an upper confidence bound: in the tests the best arc that
  is found so is better than if uncertainty alone decides). An arc that was
  measured keeps that score. The others' are predicted when these are known; a
  prediction says so (`Trial.is_predicted`) and has its uncertainty beside it.

  What it does depends on the trials before alone, so that a search that goes on
  does what it would have done.

  Args:
    inner: measures arcs.
    space: of the arcs.
    word: the regressor, see `regressors.Regressor`.
    start: arcs that are measured first, at least 2.
    every: one of so many is measured then, at least 1.
    seed: of the regressor.

  Raises:
    ConfigError: if scikit-learn is not installed.
  """

  def __init__(
    self,
    inner: base.Evaluator,
    space: spaces.Space,
    word: str = "forest",
    *,
    start: int = 20,
    every: int = 4,
    seed: int = 0,
  ) -> None:
    super().__init__(inner)
    self._key = functools.cache(space.canonical)
    self._regressor = regressors.Regressor(word, space, seed)
    self._start, self._every = start, every
    self._trials: dict[int, trials.Trial] = {}
    self._skipped: list[trials.Trial] = []  # Of the batch that comes next.
    self._fitted: list[int] = []  # The trials that the regressor knows.

  def evaluate(
    self,
    proposals: Sequence[trials.Proposal],
    stop: Callable[[], bool] = base.never,
  ) -> Iterator[trials.Trial]:
    assert not any(each.repeat for each in proposals)
    if not proposals:
      return
    skipped, self._skipped = self._skipped, []
    asked: list[trials.Proposal | trials.Trial]
    asked = sorted([*skipped, *proposals], key=_number)
    self._forget(asked[0].number, skipped)
    known = self._before(asked[0].number)
    new: dict[_Key, tuple[int, ...]] = {}
    for each in asked:
      if known.score(self._key(each.arc)) is None:
        new.setdefault(self._key(each.arc), each.arc)
    due, expected = self._choose(known, new)
    answers = {k: trial for k, trial in known.measured.items() if k not in new}
    answers |= {self._key(trial.arc): trial for trial in skipped}
    measured = self._first_of(proposals, due - set(answers))
    for trial in self.inner.evaluate(list(measured.values()), stop):
      key = self._key(trial.arc)
      answers[key] = self._keep(_with_prediction(trial, expected.get(key)))
      yield answers[key]
    if not due <= set(answers):
      return  # It was stopped; what is predicted waits for what is measured.
    unknown = self._first_of(proposals, set(new) - set(answers))
    answers |= self._predict(unknown)
    for proposal in proposals:
      key = self._key(proposal.arc)
      if measured.get(key) != proposal:
        yield self._keep(cached.again(answers[key], proposal))

  def skip(self, known: Sequence[trials.Trial]) -> None:
    self._skipped = sorted(known, key=_number)
    self._trials |= {each.number: each for each in known}
    self.inner.skip(self._measured(self._skipped))

  def remember(self, known: Sequence[trials.Trial]) -> None:
    self._trials |= {each.number: each for each in known}
    self.inner.remember(self._measured(sorted(known, key=_number)))

  def metrics(self) -> dict[str, float]:
    """Returns how good predictions were of arcs that were then measured."""
    pairs = [
      (each.scores[PREDICTED], each.reward)
      for each in self._before().measured.values()
      if each.is_done and PREDICTED in each.scores
    ][-_RECENT:]
    found = dict(self.inner.metrics())
    if not pairs:
      return found
    from scipy import stats  # Comes with scikit-learn.

    predicted, truth = np.transpose(pairs)
    found["surrogate/mae"] = float(np.abs(predicted - truth).mean())
    tau = float(stats.kendalltau(predicted, truth).statistic)
    # There is none of one pair, or if all rewards are the same.
    return found if np.isnan(tau) else found | {"surrogate/kendall_tau": tau}

  def _forget(self, first: int, but: Sequence[trials.Trial]) -> None:
    """Forgets what came later; if it still counts, it will be told again."""
    kept = {n: trial for n, trial in self._trials.items() if n < first}
    self._trials = kept | {trial.number: trial for trial in but}

  def _keep(self, trial: trials.Trial) -> trials.Trial:
    self._trials[trial.number] = trial
    return trial

  def _measured(self, known: Sequence[trials.Trial]) -> list[trials.Trial]:
    """Returns those of trials, by number, that were measured themselves."""
    if not known:
      return []
    before = self._before(known[0].number)
    now = self._before(known[-1].number + 1)
    own = {
      each.number
      for key, each in now.measured.items()
      if each is not before.measured.get(key)
    }
    return [each for each in known if each.number in own]

  def _before(self, end: int | None = None) -> _Known:
    """Returns what is known of arcs with numbers below `end`, or of all."""
    known = _Known({}, 0)
    for number in sorted(self._trials):
      if end is not None and number >= end:
        break
      trial = self._trials[number]
      key = self._key(trial.arc)
      if known.score(key) is not None:
        continue  # It had that score again.
      known = known._replace(num_new=known.num_new + 1)
      if not trial.is_predicted:
        known.measured[key] = trial
    return known

  def _choose(
    self, known: _Known, new: Mapping[_Key, _Key]
  ) -> tuple[set[_Key], dict[_Key, float]]:
    """Returns which new arcs are due, and what is expected of all.

    Args:
      known: of the arcs before.
      new: arcs, by their keys.
    """
    if not new or not self._fit(known):
      return set(new), {}
    first, last = known.num_new, known.num_new + len(new)
    num_due = self._num_due(last) - self._num_due(first)
    prediction = self._regressor.predict(list(new.values()))
    order = np.argsort(-(prediction.mean + prediction.std), kind="stable")
    keys = list(new)
    expected = dict(zip(keys, prediction.mean.tolist(), strict=True))
    return {keys[i] for i in order[:num_due]}, expected

  def _num_due(self, num_new: int) -> int:
    """Returns how many of the first arcs are to be measured."""
    first = min(num_new, self._start)
    return first + (num_new - first) // self._every

  def _fit(self, known: _Known) -> bool:
    """Learns what is known; returns whether that is enough to predict."""
    rewards = [each.reward for each in known.measured.values() if each.is_done]
    if len(rewards) < 2:
      return False
    numbers = [each.number for each in known.measured.values()]
    if numbers != self._fitted:
      # What failed or was given up is as bad as the worst.
      worst = min(rewards)
      self._regressor.fit(
        [each.arc for each in known.measured.values()],
        [
          each.reward if each.is_done else worst
          for each in known.measured.values()
        ],
      )
      self._fitted = numbers
    return True

  def _first_of(
    self, proposals: Sequence[trials.Proposal], keys: set[_Key]
  ) -> dict[_Key, trials.Proposal]:
    """Returns the first proposal of each of these keys, in their order."""
    found: dict[_Key, trials.Proposal] = {}
    for proposal in proposals:
      if self._key(proposal.arc) in keys:
        found.setdefault(self._key(proposal.arc), proposal)
    return found

  def _predict(
    self, unknown: Mapping[_Key, trials.Proposal]
  ) -> dict[_Key, trials.Trial]:
    """Returns what is expected of arcs, by their keys."""
    if not unknown:
      return {}
    self._fit(self._before())
    arcs = [each.arc for each in unknown.values()]
    found = {}
    for (key, proposal), mean, std in zip(
      unknown.items(), *self._regressor.predict(arcs), strict=True
    ):
      scores = {trials.REWARD: float(mean), averaged.SPREAD: float(std)}
      trial = trials.answer(proposal, scores, seconds=0.0)
      found[key] = dataclasses.replace(trial, is_predicted=True)
    return found


def _number(each: trials.Proposal | trials.Trial) -> int:
  return each.number


def _with_prediction(
  trial: trials.Trial, expected: float | None
) -> trials.Trial:
  """Returns a measured trial with what was expected of it."""
  if expected is None or not trial.scores:
    return trial
  scores = trial.scores | {PREDICTED: expected}
  return dataclasses.replace(trial, scores=scores)
