"""Turns the events of a search into what the user sees."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from enas_tf import trials
from enas_tf.report import callbacks, guards, loggers, tables
from enas_tf.report import terminal as terminals
from enas_tf.spaces import base
from enas_tf.tasks import base as tasks

_LONG = 5.0  # Seconds.


class SearchReport:
  """Logs, draws and shows a search, event by event.

  Args:
    folder: of the run.
    terminal: shows the progress.
    settings: by name, logged as hyper-parameters.
    space: decodes arcs.
    metric: of the task.
    plan: how long the search is.
    resume_tick: the position that was restored, or None.
    callbacks: are told of it, too.
  """

  def __init__(
    self,
    folder: pathlib.Path,
    terminal: terminals.Terminal,
    settings: Mapping[str, Any],
    space: base.Space,
    metric: tasks.Metric,
    plan: Any,
    resume_tick: int | None,
    callbacks: Sequence[callbacks.Callback] = (),
  ) -> None:
    self._callbacks = callbacks
    self._terminal = terminal
    self._space = space
    self._metric = metric
    self._plan = plan
    self._loggers = loggers.open_loggers(folder, resume_tick)
    self._shown: dict[str, float] = {}
    self._seconds = {"child": 0.0, "controller": 0.0}
    self._steps = {"child": 0, "controller": 0}
    # The last that were given out, [n, num_decisions].
    self._arcs: np.ndarray | None = None
    # (reward, arc) of the epoch.
    self._best: tuple[float, base.Arc] | None = None
    # The names of the guards that warned after the last epoch.
    self._warned: set[str] = set()
    if resume_tick is None:
      self._loggers.hparams(settings)

  def __enter__(self) -> "SearchReport":
    return self

  def __exit__(self, *_: object) -> None:
    self._terminal.end_progress()
    self._loggers.close()

  def on_trial(self, trial: trials.Trial) -> None:
    """Takes one trial in; one that took long has a line of its own.

    Args:
      trial: of an arc that was proposed.
    """
    for callback in self._callbacks:
      callback.on_trial(trial)
    if trial.seconds >= _LONG:
      came = f"reward {trial.reward:.4f}" if trial.is_done else trial.status
      if trial.reason:
        came += f" ({trial.reason})"
      self._terminal.say(
        f"Arc {trial.number}, {self._space.decode(trial.arc)}: {came}, "
        f"{trial.seconds:.0f} s."
      )

  def on_event(self, event: Any, position: Any, seconds: float) -> None:
    """Takes one event in.

    Args:
      event: of the search.
      position: of the search behind it.
      seconds: that it took.
    """
    if event.kind == "epoch":
      self._look(event, position)
      self._on_epoch(position)
    if event.arcs is None:
      return
    self._arcs = event.arcs
    metrics = dict(event.metrics)
    done = [each for each in event.trials or () if each.is_done]
    if done:
      rewards = np.array([each.reward for each in done], np.float32)
      metrics["reward/mean"] = float(np.mean(rewards))
      metrics["reward/max"] = float(np.max(rewards))
      self._remember(done)
    if event.trials is not None and len(done) < len(event.trials):
      metrics["trials/failed"] = len(event.trials) - len(done)
    metrics |= tables.op_frequencies(event.arcs, self._space)
    metrics["arcs/distinct"] = tables.distinct_fraction(event.arcs)
    self._loggers.scalars(
      position.tick, {"epoch": position.epoch + 1, **metrics}
    )
    self._seconds[event.kind] += seconds
    self._steps[event.kind] += len(event.arcs) if event.kind == "child" else 1
    self._shown |= metrics
    self._show(position)
    for callback in self._callbacks:
      callback.on_step(position.tick, metrics)

  def _remember(self, done: Sequence[trials.Trial]) -> None:
    best = max(done, key=lambda trial: trial.reward)
    if self._best is None or best.reward > self._best[0]:
      self._best = best.reward, self._space.decode(best.arc)

  def _look(self, event: Any, position: Any) -> None:
    """Logs the signs that a search does not search, and warns of them.

    A warning is told when it comes up; as long as it stays, by its number.
    """
    plan = self._plan
    phases = max(position.epoch - plan.warmup_epochs, 0)
    phases //= plan.controller_every or phases + 1  # 0 is never.
    found = guards.look(
      self._space,
      event.trials or (),
      phases * plan.controller_steps * plan.arcs_per_step,
      event.metrics,
    )
    values = {f"guards/{each.name}": each.value for each in found}
    metrics = event.metrics | values
    if metrics:
      self._loggers.scalars(position.tick, {"epoch": position.epoch, **metrics})
    self._shown |= metrics
    warned = [each for each in found if each.warning]
    for each in warned:
      if each.name not in self._warned:
        self._terminal.warn(f"Epoch {position.epoch}: {each.warning}")
    still = [
      f"{each.name} {each.value:.3g}"
      for each in warned
      if each.name in self._warned
    ]
    if still:
      self._terminal.say(f"Epoch {position.epoch}, still: {', '.join(still)}.")
    self._warned = {each.name for each in warned}

  def _on_epoch(self, position: Any) -> None:
    if self._arcs is not None:  # Else the search was resumed just now.
      arcs = [self._space.decode(row) for row in self._arcs[-10:]]
      sampled = "\n".join(map(str, arcs))
      self._loggers.text(position.tick, "arcs/sampled", sampled)
      self._loggers.arc(position.tick, "arcs/sampled_last", arcs[-1])
    if self._best is not None:
      reward, arc = self._best
      self._loggers.arc(position.tick, "arcs/best", arc, f"reward {reward:.4f}")
      self._best = None
    for callback in self._callbacks:
      callback.on_epoch(position.epoch, dict(self._shown))

  def _show(self, position: Any) -> None:
    names = {
      "loss": "child/loss",
      self._metric.short: f"child/{self._metric.name}",
      "reward": "reward/mean",
      "entropy": "controller/entropy_nats",
    }
    plan = self._plan
    done, steps = position.child_steps, plan.child_steps
    if not steps:  # No weights are shared: the controller's updates count.
      done, steps = position.controller_steps, plan.controller_steps
    self._terminal.progress(
      done=position.epoch * steps + done,
      total=plan.num_epochs * steps,
      unit=f"epoch {position.epoch + 1}/{plan.num_epochs}",
      values={
        short: self._shown[name]
        for short, name in names.items()
        if name in self._shown
      },
      seconds_left=self._seconds_left(position),
    )

  def _seconds_left(self, position: Any) -> float | None:
    plan = self._plan
    epochs = plan.num_epochs - position.epoch
    phases = epochs / plan.controller_every if plan.controller_every else 0
    left = {
      "child": epochs * plan.child_steps - position.child_steps,
      "controller": phases * plan.controller_steps - position.controller_steps,
    }
    if plan.child_steps and not self._steps["child"]:
      return None
    return sum(
      max(left[kind], 0) * self._seconds[kind] / self._steps[kind]
      for kind in left
      if self._steps[kind]
    )
