"""Scores an arc by a training of its own, from the beginning."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from enas_tf import trials
from enas_tf.distributed import base as engines
from enas_tf.evaluators import base, pruning


class FromScratch(base.Evaluator):
  """An engine trains children, several at once.

  One that does not look promising, by its scores after its first epochs, is
  given up by the pruner.

  Args:
    engine: does the trainings; a job's value is a dict of scores, and it
      reports (epoch, value of the metric).
    make_job: from a proposal to what the engine is told of the training.
    metric: the name of the task's metric among the scores.
    reward: from its value to the reward.
    pruner: gives trainings up; None never does.
  """

  def __init__(
    self,
    engine: engines.Engine,
    make_job: Callable[[trials.Proposal], Any],
    metric: str,
    reward: Callable[[float], float] = float,
    pruner: pruning.Pruner | pruning.Hyperband | None = None,
  ) -> None:
    self._engine = engine
    self._make_job = make_job
    self._metric = metric
    self._reward = reward
    self._pruner = pruner
    self._fresh: list[trials.Trial] = []  # Which the pruner does not know yet.

  def evaluate(
    self,
    proposals: Sequence[trials.Proposal],
    stop: Callable[[], bool] = base.never,
  ) -> Iterator[trials.Trial]:
    jobs = [
      engines.Job(place, self._make_job(proposal))
      for place, proposal in enumerate(proposals)
    ]
    curves = [self._begin(each.number) for each in proposals]

    def on_report(place: int, value: tuple[int, float]) -> bool:
      curve, (epoch, metric) = curves[place], value
      return curve is None or curve.observe(epoch, self._reward(metric))

    for result in self._engine.run(jobs, on_report, stop):
      place = result.number
      trial = self._trial(proposals[place], result, curves[place])
      self._fresh.append(trial)
      yield trial
    self._learn()

  def _begin(self, number: int) -> pruning.Curve | None:
    return None if self._pruner is None else self._pruner.of(number).begin()

  def _trial(
    self,
    proposal: trials.Proposal,
    result: engines.Result,
    curve: pruning.Curve | None,
  ) -> trials.Trial:
    """Returns what came of a proposal."""
    if result.reason is not None:
      return trials.failure(proposal, result.reason, result.seconds)
    reward = self._reward(result.value[self._metric])
    scores = {**result.value, trials.REWARD: reward}
    trial = trials.answer(proposal, scores, result.seconds)
    if curve is None or not trial.is_done:
      return trial
    status = trials.PRUNED if curve.is_pruned else trials.DONE
    return dataclasses.replace(trial, status=status, curve=tuple(curve.rewards))

  def skip(self, known: Sequence[trials.Trial]) -> None:
    self._learn()
    self._fresh += known

  def remember(self, known: Sequence[trials.Trial]) -> None:
    self._fresh += known
    self._learn()

  def _learn(self) -> None:
    """Compares later arcs with those of the update before."""
    fresh, self._fresh = self._fresh, []
    if self._pruner is not None:
      for trial in fresh:
        self._pruner.of(trial.number).learn([trial.curve])

  def close(self) -> None:
    self._engine.close()
