"""The search: child steps on shared weights, between controller steps."""

import hashlib
import json
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from enas_tf import checkpoints, errors, states, trials
from enas_tf.controllers import base as controllers
from enas_tf.evaluators import base as evaluators
from enas_tf.recipes import base, experiments
from enas_tf.runs import assembly, divergence, reporting
from enas_tf.runs import run as runs

FOLDER = "checkpoints"


class Plan(NamedTuple):
  """How long a search is.

  Attributes:
    num_epochs: epochs in all.
    child_steps: child steps in an epoch.
    chunk: child steps between two reports.
    controller_steps: updates of the controller in a controller phase.
    controller_every: epochs from one controller phase to the next; 0 for none.
    arcs_per_step: arcs that an update averages over.
  """

  num_epochs: int
  child_steps: int
  chunk: int
  controller_steps: int
  controller_every: int
  arcs_per_step: int


class Position:
  """How far a search has come; part of its checkpoints."""

  def __init__(self) -> None:
    self._counters = dict.fromkeys(
      ("tick", "epoch", "child_steps", "controller_steps"), 0
    )

  def __getattr__(self, name: str) -> int:
    try:
      return self.__dict__["_counters"][name]
    except KeyError:
      raise AttributeError(name) from None

  def advance(self, name: str, by: int = 1) -> None:
    """Moves a counter on.

    Args:
      name: of the counter.
      by: how many steps, updates or epochs.
    """
    self._counters[name] += by
    self._counters["tick"] += by

  def next_epoch(self) -> None:
    """Begins the next epoch."""
    self.advance("epoch")
    for name in ("child_steps", "controller_steps"):
      self._counters[name] = 0

  def state(self) -> dict[str, np.ndarray]:
    """Returns the counters, by name."""
    return {k: np.array(v, np.int64) for k, v in self._counters.items()}

  def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    """Takes an earlier state back.

    Args:
      arrays: what `state` returned.
    """
    states.check(self.state(), arrays)
    self._counters = {name: int(arrays[name]) for name in self._counters}


class Event(NamedTuple):
  """What happened since the event before.

  Attributes:
    kind: "child", "controller" or "epoch".
    metrics: by path.
    arcs: int32 [n, num_decisions] that were trained on or proposed; None for an
      epoch.
    trials: what came of the proposed arcs, by number; None for the others.
  """

  kind: str
  metrics: dict[str, float]
  arcs: np.ndarray | None
  trials: list[trials.Trial] | None


def search(
  controller: controllers.Controller,
  child: Any,
  evaluator: evaluators.Evaluator,
  log: trials.TrialLog,
  position: Position,
  plan: Plan,
  stop: Callable[[], bool] = lambda: False,
  on_trial: Callable[[trials.Trial], None] = lambda trial: None,
) -> Iterator[Event]:
  """Algorithm of ENAS, section 2.2: two interleaved phases, epoch by epoch.

  Whoever consumes the events logs, saves and stops. Between two events the
  state of all parts is whole, and a search that is restored there goes on as
  if it had never stopped. When `stop()` says so, an event comes as soon as a
  step is done.

  Args:
    controller: proposes arcs.
    child: trains the shared weights; has `run`, `flush` and `num_steps`.
    evaluator: scores arcs.
    log: of all trials; it answers for what was scored before.
    position: how far the search has come; it is moved on.
    plan: how long the search is.
    stop: whether an event is to come soon.
    on_trial: is told each trial as soon as it is known.
  """
  while position.epoch < plan.num_epochs:
    # The child: w <- w - dL(w; arc), a fresh arc at every step.
    while position.child_steps < plan.child_steps:
      # A chunk that was cut short by a stop is made whole.
      chunk = plan.chunk - position.child_steps % plan.chunk
      steps = min(chunk, plan.child_steps - position.child_steps)
      arcs, done = controller.sample(steps), child.num_steps
      metrics = child.run(arcs, stop)
      done = child.num_steps - done
      controller.take_back(steps - done)
      position.advance("child_steps", done)
      if position.child_steps == plan.child_steps:
        child.flush()
      yield Event("child", metrics, arcs[:done], None)
    # The controller: theta <- theta + grad E[(R - b) log pi(arc)].
    while position.controller_steps < _controller_steps(position, plan):
      arcs = controller.propose(plan.arcs_per_step)
      proposals = _numbered(arcs, controller.num_arcs)
      told = []
      for trial in _answers(evaluator, log, proposals):
        on_trial(trial)
        told.append(trial)
      told.sort(key=lambda trial: trial.number)
      metrics = controller.update(told)
      position.advance("controller_steps")
      yield Event("controller", metrics, arcs, told)
    position.next_epoch()
    yield Event("epoch", {}, None, None)


def _numbered(arcs: np.ndarray, end: int) -> list[trials.Proposal]:
  """Returns proposals; the last has the number before `end`."""
  return [
    trials.Proposal(number, tuple(row))
    for number, row in enumerate(arcs.tolist(), start=end - len(arcs))
  ]


def _answers(
  evaluator: evaluators.Evaluator,
  log: trials.TrialLog,
  proposals: Sequence[trials.Proposal],
) -> Iterator[trials.Trial]:
  """Yields a trial for each proposal; what the log holds is not paid again."""
  known = log.known(proposals)
  evaluator.skip(len(known))
  yield from known
  numbers = {trial.number for trial in known}
  unknown = [each for each in proposals if each.number not in numbers]
  if unknown:
    for trial in evaluator.evaluate(unknown):
      log.append(trial)
      yield trial


def _controller_steps(position: Position, plan: Plan) -> int:
  if not plan.controller_every:
    return 0
  is_due = (position.epoch + 1) % plan.controller_every == 0
  return plan.controller_steps if is_due else 0


def run(built: assembly.Assembly, run: runs.Run) -> None:
  """Searches, or goes on with the search in the run's folder.

  Args:
    built: the parts of the run.
    run: the run: its folder, its settings, whom it tells.
  """
  experiment, parts = built.experiment, built.search
  position = Position()
  saver = checkpoint(built, run.folder, position)
  found = saver.restore(experiment.run.resume_from)
  resumed = found is not None
  run.say_damaged(found)
  plan = _plan(experiment, parts)
  if resumed and position.epoch >= plan.num_epochs:
    run.record()
    run.terminal.say(
      f"The search is done, {position.epoch} epochs; a higher `num_epochs` "
      "makes it longer."
    )
    return
  if resumed:
    run.terminal.say(f"Resuming the search at {_place(position, plan)}.")
  watch = reporting.SearchReport(
    run.folder,
    run.terminal,
    experiments.values(experiment),
    built.space,
    built.task.metric,
    plan,
    resume_tick=position.tick if resumed else None,
    callbacks=run.callbacks,
  )
  log = _open_log(parts, run, resumed)
  run.record()
  with watch, run.stop.steps():
    _turn(parts, log, position, plan, saver, watch, run)


def _open_log(
  parts: assembly.SearchParts, run: runs.Run, resumed: bool
) -> trials.TrialLog:
  """Returns the log of trials; those that the search takes back are void."""
  log = trials.TrialLog(run.folder / trials.FILE, parts.controller.space)
  log.begin(_settings(parts, run), parts.controller.num_arcs)
  if resumed and run.experiment.run.resume_from is not None:
    log.rewind(parts.controller.num_arcs)
  return log


def _settings(parts: assembly.SearchParts, run: runs.Run) -> str:
  """Returns the settings that trials depend on, as one text.

  A longer search begins as a shorter one, so its length is none of them.
  """
  values = experiments.values(run.experiment)
  given = {
    name: values[name]
    for name, place in experiments.named(run.experiment)
    if place.section in ("data", "search", "controller")
    and name != "num_epochs"
  }
  text = json.dumps(given | {"parts": parts.fingerprint}, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:16]


def _turn(
  parts: assembly.SearchParts,
  log: trials.TrialLog,
  position: Position,
  plan: Plan,
  saver: checkpoints.Checkpoints,
  watch: reporting.SearchReport,
  run: runs.Run,
) -> None:
  """Logs and saves what the search does, until it is done or stopped."""

  def on_trial(trial: trials.Trial) -> None:
    for callback in run.callbacks:
      callback.on_trial(trial)

  started = time.monotonic()
  experiment = run.experiment
  with divergence.explained(experiment.search, saver, experiment.controller):
    for event in search(
      parts.controller,
      parts.child,
      parts.evaluator,
      log,
      position,
      plan,
      run.stop.requested,
      on_trial,
    ):
      watch.on_event(event, position, time.monotonic() - started)
      stopped = run.stop.requested()
      minutes = experiment.run.save_minutes
      if event.kind == "epoch" or stopped or saver.due(minutes):
        saver.save(position.tick)
      if stopped:
        run.end(_place(position, plan))
      started = time.monotonic()


def _place(position: Position, plan: Plan) -> str:
  if position.epoch == plan.num_epochs:
    return "the end of the search"
  if position.child_steps < plan.child_steps or not _controller_steps(
    position, plan
  ):
    where = f"step {position.child_steps} of {plan.child_steps}"
  else:
    where = (
      f"controller update {position.controller_steps} of "
      f"{plan.controller_steps}"
    )
  return f"epoch {position.epoch + 1}, {where}"


def checkpoint(
  built: assembly.Assembly, folder: pathlib.Path, position: Position
) -> checkpoints.Checkpoints:
  """Returns what saves and restores the search of a run.

  Args:
    built: the parts of the experiment.
    folder: of the run.
    position: of the search.
  """
  return checkpoints.Checkpoints(
    folder / FOLDER,
    stateful_parts(built.search, position),
    built.search.fingerprint,
    built.experiment.run.max_checkpoints_to_keep,
  )


def restore(built: assembly.Assembly, folder: pathlib.Path) -> Position:
  """Restores the search of a run as it stands, its shared weights whole.

  Args:
    built: the parts of the experiment.
    folder: of the run.

  Raises:
    CheckpointError: if there is no search, or it is of other settings.
  """
  position = Position()
  if checkpoint(built, folder, position).restore() is None:
    raise errors.CheckpointError(
      "There is no search in the output folder: search first, by "
      f"`mode=search`. Received: output_dir={folder}"
    )
  # Within an epoch, moves of the weights are postponed.
  if built.search.child is not None:
    built.search.child.flush()
  return position


def num_epochs_done(folder: pathlib.Path) -> int:
  """Returns how many epochs of the search of a run are done and saved.

  Args:
    folder: of the run.
  """
  if not checkpoints.steps(folder / FOLDER):
    return 0
  return int(checkpoints.load(folder / FOLDER).arrays["position/epoch"])


def stateful_parts(
  parts: assembly.SearchParts, position: Position
) -> dict[str, checkpoints.Stateful]:
  """Returns everything that a checkpoint of a search holds, by name.

  Args:
    parts: of the search.
    position: of the search.
  """
  named: dict[str, checkpoints.Stateful] = {
    "position": position,
    "controller": parts.controller,
    "evaluator": parts.evaluator,
  }
  return named if parts.child is None else named | {"child": parts.child}


def _plan(experiment: base.Experiment, parts: assembly.SearchParts) -> Plan:
  controller = experiment.controller
  return Plan(
    num_epochs=experiment.search.num_epochs,
    child_steps=parts.child_steps,
    chunk=experiment.run.log_every,
    controller_steps=controller.train_steps,
    controller_every=controller.train_every if controller.training else 0,
    arcs_per_step=controller.num_aggregate,
  )
