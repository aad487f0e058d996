"""The search: child steps on shared weights, between controller steps."""

import pathlib
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from enas_tf import checkpoints, errors
from enas_tf.runs import divergence, reporting
from enas_tf.runs import family as family_lib
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

  def __init__(self):
    self._counters = {
      name: tf.Variable(0, trainable=False, dtype=tf.int64)
      for name in ("tick", "epoch", "child_steps", "controller_steps")
    }

  def __getattr__(self, name: str) -> int:
    try:
      return int(self._counters[name])
    except KeyError:
      raise AttributeError(name) from None

  def advance(self, name: str, by: int = 1) -> None:
    self._counters[name].assign_add(by)
    self._counters["tick"].assign_add(by)

  def next_epoch(self) -> None:
    self.advance("epoch")
    for name in ("child_steps", "controller_steps"):
      self._counters[name].assign(0)

  def state(self) -> dict[str, tf.Variable]:
    return dict(self._counters)


class Event(NamedTuple):
  """What happened since the event before.

  Attributes:
    kind: "child", "controller" or "epoch".
    metrics: by path.
    arcs: int32 [n, num_decisions] that were proposed; None for an epoch.
    rewards: float32 [n], or None.
  """

  kind: str
  metrics: dict[str, float]
  arcs: np.ndarray | None
  rewards: np.ndarray | None


def search(
  controller, child, evaluator, position, plan, stop=lambda: False
) -> Iterator[Event]:
  """Algorithm of ENAS, section 2.2: two interleaved phases, epoch by epoch.

  Whoever consumes the events logs, saves and stops. Between two events the
  state of all parts is whole, and a search that is restored there goes on as
  if it had never stopped. When `stop()` says so, an event comes as soon as a
  step is done.
  """
  while position.epoch < plan.num_epochs:
    # The child: w <- w - dL(w; arc), a fresh arc at every step.
    while position.child_steps < plan.child_steps:
      # A chunk that was cut short by a stop is made whole.
      chunk = plan.chunk - position.child_steps % plan.chunk
      steps = min(chunk, plan.child_steps - position.child_steps)
      arcs, done = controller.propose(steps), child.num_steps
      metrics = child.run(arcs, stop)
      done = child.num_steps - done
      controller.take_back(steps - done)
      position.advance("child_steps", done)
      if position.child_steps == plan.child_steps:
        child.flush()
      yield Event("child", metrics, arcs[:done].numpy(), None)
    # The controller: theta <- theta + grad E[(R - b) log pi(arc)].
    while position.controller_steps < _controller_steps(position, plan):
      arcs = controller.propose(plan.arcs_per_step)
      rewards = evaluator.evaluate(arcs)
      metrics = controller.update(arcs, rewards)
      position.advance("controller_steps")
      yield Event("controller", metrics, arcs.numpy(), rewards.numpy())
    position.next_epoch()
    yield Event("epoch", {}, None, None)


def _controller_steps(position: Position, plan: Plan) -> int:
  if not plan.controller_every:
    return 0
  is_due = (position.epoch + 1) % plan.controller_every == 0
  return plan.controller_steps if is_due else 0


def run(family: family_lib.Family, run: runs.Run) -> None:
  """Searches, or goes on with the search in the run's folder."""
  experiment, parts = family.experiment, family.parts
  position = Position()
  saver = checkpoint(family, run.folder, position)
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
    experiment,
    parts.controller.space,
    plan,
    resume_tick=position.tick if resumed else None,
  )
  run.record()
  with watch, run.stop.steps():
    _turn(parts, position, plan, saver, watch, run)


def _turn(parts, position, plan, saver, watch, run: runs.Run) -> None:
  """Logs and saves what the search does, until it is done or stopped."""
  started = time.monotonic()
  experiment = run.experiment
  with divergence.explained(experiment.search, saver, experiment.controller):
    for event in search(
      parts.controller,
      parts.child,
      parts.evaluator,
      position,
      plan,
      run.stop.requested,
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
  family: family_lib.Family, folder: pathlib.Path, position: Position
) -> checkpoints.Checkpoints:
  """Returns what saves and restores the search of a run."""
  return checkpoints.Checkpoints(
    folder / FOLDER,
    state(family.parts, position),
    family.parts.fingerprint,
    family.experiment.run.max_checkpoints_to_keep,
  )


def restore(family: family_lib.Family, folder: pathlib.Path) -> Position:
  """Restores the search of a run as it stands, its shared weights whole.

  Raises:
    CheckpointError: if there is no search, or it is of other settings.
  """
  position = Position()
  if checkpoint(family, folder, position).restore() is None:
    raise errors.CheckpointError(
      "There is no search in the output folder: search first, by "
      f"`mode=search`. Received: output_dir={folder}"
    )
  # Within an epoch, moves of the weights are postponed.
  family.parts.child.flush()
  return position


def state(
  parts: family_lib.SearchParts, position: Position
) -> dict[str, tf.Variable]:
  """Returns everything that a checkpoint of a search holds."""
  named = {
    "position": position,
    "controller": parts.controller,
    "child": parts.child,
    "evaluator": parts.evaluator,
  }
  return {
    f"{prefix}/{name}": variable
    for prefix, part in named.items()
    for name, variable in part.state().items()
  }


def _plan(experiment, parts) -> Plan:
  controller = experiment.controller
  return Plan(
    num_epochs=experiment.search.num_epochs,
    child_steps=parts.child_steps,
    chunk=experiment.run.log_every,
    controller_steps=controller.train_steps,
    controller_every=controller.train_every if controller.training else 0,
    arcs_per_step=controller.num_aggregate,
  )
