"""A search in the folder of a run: logged, saved, stopped and gone on with."""

import contextlib
import hashlib
import json
import pathlib
import time

from enas_tf import checkpoints, errors, trials
from enas_tf.recipes import base, experiments
from enas_tf.runs import algorithm, assembly, divergence, earlier, reporting
from enas_tf.runs import run as runs

FOLDER = "checkpoints"


def run(built: assembly.Assembly, run: runs.Run) -> None:
  """Searches, or goes on with the search in the run's folder.

  Args:
    built: the parts of the run.
    run: the run: its folder, its settings, whom it tells.
  """
  experiment, parts = built.experiment, built.search
  position = algorithm.Position()
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
  else:
    earlier.begin(built, run)
  if plan.controller_every and plan.warmup_epochs >= plan.num_epochs:
    run.terminal.warn(
      f"The controller learns nothing: it waits for {plan.warmup_epochs} "
      f"epochs, and the search has {plan.num_epochs}. Raise `num_epochs`, or "
      "lower `child_warmup_epochs`."
    )
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
  before = [t for t in log.trials() if t.number < parts.controller.num_arcs]
  parts.evaluator.remember(before)
  with watch, run.stop.steps(), contextlib.closing(parts.evaluator):
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
  sections = ["data", "search", "controller"]
  if run.experiment.evaluation.kind == "from_scratch":
    sections.append("final")
  given = {
    name: values[name]
    for name, place in experiments.named(run.experiment)
    if place.section in sections and name != "num_epochs"
  }
  text = json.dumps(given | {"parts": parts.fingerprint}, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:16]


def _turn(
  parts: assembly.SearchParts,
  log: trials.TrialLog,
  position: algorithm.Position,
  plan: algorithm.Plan,
  saver: checkpoints.Checkpoints,
  watch: reporting.SearchReport,
  run: runs.Run,
) -> None:
  """Logs and saves what the search does, until it is done or stopped."""

  started = time.monotonic()
  experiment = run.experiment
  with divergence.explained(experiment.search, saver, experiment.controller):
    for event in algorithm.search(
      parts,
      log,
      position,
      plan,
      run.stop.requested,
      watch.on_trial,
    ):
      watch.on_event(event, position, time.monotonic() - started)
      stopped = run.stop.requested()
      minutes = experiment.run.save_minutes
      if event.kind == "epoch" or stopped or saver.due(minutes):
        saver.save(position.tick)
      if stopped:
        run.end(_place(position, plan))
      started = time.monotonic()


def _place(position: algorithm.Position, plan: algorithm.Plan) -> str:
  if position.epoch == plan.num_epochs:
    return "the end of the search"
  if (
    position.child_steps < plan.child_steps
    or not algorithm.controller_steps_of(position, plan)
  ):
    where = f"step {position.child_steps} of {plan.child_steps}"
  else:
    where = (
      f"controller update {position.controller_steps} of "
      f"{plan.controller_steps}"
    )
  return f"epoch {position.epoch + 1}, {where}"


def checkpoint(
  built: assembly.Assembly, folder: pathlib.Path, position: algorithm.Position
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


def restore(
  built: assembly.Assembly, folder: pathlib.Path
) -> algorithm.Position:
  """Restores the search of a run as it stands, its shared weights whole.

  Args:
    built: the parts of the experiment.
    folder: of the run.

  Raises:
    CheckpointError: if there is no search, or it is of other settings.
  """
  position = algorithm.Position()
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
  parts: assembly.SearchParts, position: algorithm.Position
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
  if parts.child is None:
    return named
  return named | {"child": parts.child, "child_arcs": parts.child_arcs}


def _plan(
  experiment: base.Experiment, parts: assembly.SearchParts
) -> algorithm.Plan:
  controller = experiment.controller
  return algorithm.Plan(
    num_epochs=experiment.search.num_epochs,
    child_steps=parts.child_steps,
    chunk=experiment.run.log_every,
    controller_steps=controller.train_steps,
    controller_every=controller.train_every if controller.training else 0,
    arcs_per_step=controller.num_aggregate,
    warmup_epochs=experiment.evaluation.child_warmup_epochs,
  )
