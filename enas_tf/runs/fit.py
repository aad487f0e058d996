"""The folder of a final child: how far its training is, and the result."""

import csv
import os
import pathlib
import re
from collections.abc import Callable
from typing import Any

import keras

from enas_tf import errors, files
from enas_tf.layers import serializable  # noqa: F401 It registers our layers.
from enas_tf.runs import run as runs

MODEL, METRICS = "child.keras", "metrics.csv"
_DESCRIPTION, _PROGRESS = "child.json", "training.json"


def resume_step(run: runs.Run) -> int | None:
  """Returns the step of the checkpoint that a training goes on from.

  `resume_from` is of the search in a command that searches.

  Args:
    run: the run: its folder, its settings, whom it tells.
  """
  settings = run.experiment
  is_alone = settings.run.mode == "train" or settings.fixed_arc is not None
  return settings.run.resume_from if is_alone else None


def save(
  model: keras.Model, description: dict[str, Any], folder: pathlib.Path
) -> None:
  """Saves a trained child, with what describes it.

  Args:
    model: the child.
    description: of it, as JSON.
    folder: of its training.
  """
  with files.replacing(folder / MODEL) as temporary:
    model.save(temporary)
  files.write_json(folder / _DESCRIPTION, description)


def saved_epoch(folder: pathlib.Path) -> int:
  """Returns the epoch that a saved child is of; 0 if there is none.

  Args:
    folder: of the child's training.
  """
  try:
    return int(files.read_json(folder / _DESCRIPTION).get("epoch", 0))
  except (errors.OutputDirError, TypeError, ValueError):
    return 0


def arc_of(folder: pathlib.Path) -> str:
  """Returns the arc of a trained child, as text; "" if it is not known.

  Args:
    folder: of the child's training.
  """
  try:
    return str(files.read_json(folder / _DESCRIPTION).get("arc_string", ""))
  except errors.OutputDirError:
    return ""


def load(
  folder: pathlib.Path, arc: str, suits: Callable[..., bool] = lambda *_: True
) -> tuple[keras.Model, dict[str, Any]]:
  """Returns a trained child, and what describes it.

  Args:
    folder: of the child.
    arc: its arc, for the errors.
    suits: whether a model and a description, of any JSON, belong together.

  Raises:
    CheckpointError: if there is none, its training is not finished, or its
      files are damaged.
  """
  _check_finished(folder, arc)
  try:
    model = keras.saving.load_model(folder / MODEL, compile=False)
  except Exception as error:  # Keras raises whatever a damaged file leads to.
    raise errors.CheckpointError(
      "The trained child cannot be read: `mode=train` writes it anew from its "
      "checkpoints or, after its folder was moved away, train it again. "
      f"Received: {folder / MODEL} "
      f"({type(error).__name__}: {error})"
    ) from error
  path = folder / _DESCRIPTION
  try:
    description = files.read_json(path)
    reason = "" if suits(model, description) else "of another child"
  except (LookupError, TypeError, ValueError, re.error) as error:
    reason = f"{type(error).__name__}: {error}"
  if reason:
    raise errors.CheckpointError(
      "The description of the trained child is missing or damaged: restore it "
      "from a backup, or train the child again, by `mode=train`, after its "
      f"folder was moved away. Received: {path} ({reason})"
    )
  return model, description


def _check_finished(folder: pathlib.Path, arc: str) -> None:
  path = folder / _PROGRESS
  progress = files.read_json(path) if path.exists() else None
  if progress is None:
    trained = folder.parent.glob("*/child.json")
    others = sorted(each.parent.name for each in trained)
    raise errors.CheckpointError(
      "There is no trained child of this arc in the output folder: train it "
      "first, by `mode=train`"
      + (", or name another by `child_fixed_arc`" if others else "")
      + f". Received: arc={arc}, folder={folder}, trained={others[:5]}"
    )
  epochs, num_epochs = (progress.get(x) for x in ("epochs", "num_epochs"))
  if not isinstance(epochs, int) or not isinstance(num_epochs, int):
    raise errors.CheckpointError(
      "The record of the training's progress is damaged: `mode=train` writes "
      f"it anew. Received: {path}"
    )
  if epochs != num_epochs:
    raise errors.CheckpointError(
      f"The training of this child is not finished: {epochs} of {num_epochs} "
      "epochs are done. Go on with it, by `mode=train`, or end it where it "
      f"is, by `mode=train` `final_num_epochs={max(epochs, 1)}`. "
      f"Received: arc={arc}, folder={folder}"
    )


def begin(
  folder: pathlib.Path,
  epoch: int,
  done: int,
  steps: int,
  num_epochs: int,
  run: runs.Run,
) -> None:
  """Records that a training begins, or goes on; says what it makes outdated.

  Args:
    folder: of the child.
    epoch: epochs that are done.
    done: steps of the next epoch that are done.
    steps: steps in an epoch.
    num_epochs: of the whole training.
    run: the command.
  """
  keep_epochs(folder / METRICS, epoch)
  path = folder / _PROGRESS
  if path.exists() and _is_imported(path):
    raise errors.OutputDirError(
      "The child of that arc was imported, and a training would replace it: "
      f"give another `output_dir`. Received: folder={folder}"
    )
  run.record()
  if epoch >= num_epochs:
    return
  note_progress(folder, epoch, num_epochs)
  if epoch or done:
    run.terminal.say(
      f"Resuming the training at epoch {epoch + 1}, step {done} of {steps}."
    )
  if (folder / "evaluation.json").exists():
    run.terminal.say(
      "What was evaluated and exported stays as it is, and is of the shorter "
      "training."
    )


def finish(
  model: keras.Model,
  description: dict[str, Any],
  folder: pathlib.Path,
  epochs: int,
  imported: bool = False,
) -> None:
  """Saves the child of a training that is done, here or elsewhere.

  Args:
    model: the child.
    description: of it, as JSON.
    folder: of its training.
    epochs: for how many it is trained.
    imported: whether it was trained elsewhere.
  """
  save(model, description, folder)
  note_progress(folder, epochs, epochs, imported)


def note_progress(
  folder: pathlib.Path, epochs: int, num_epochs: int, imported: bool = False
) -> None:
  """Writes how far a training has come, for those who use its child.

  Args:
    folder: of the training.
    epochs: that are done.
    num_epochs: that there will be.
    imported: whether the child was trained elsewhere.
  """
  progress = {"epochs": epochs, "num_epochs": num_epochs}
  if imported:
    progress["imported"] = True
  files.write_json(folder / _PROGRESS, progress)


def _is_imported(path: pathlib.Path) -> bool:
  try:
    return files.read_json(path).get("imported", False)
  except errors.OutputDirError:  # Damaged; it is written anew.
    return False


def keep_epochs(path: pathlib.Path, num_epochs: int) -> None:
  """Drops the lines of epochs that a resumed training will repeat.

  Args:
    path: of the table.
    num_epochs: how many lines are kept.

  Raises:
    OutputDirError: if the file is no table of epochs.
  """
  if not os.path.lexists(path):
    return
  try:
    lines = path.read_text(encoding="utf-8").splitlines()[: num_epochs + 1]
    for row in csv.DictReader(lines):
      int(row["epoch"])
  except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
    raise errors.OutputDirError(
      "The table of the epochs is damaged: move it away, and start again. "
      f"Received: path={path} ({type(error).__name__}: {error})"
    ) from error
  files.write_text(path, "".join(f"{line}\n" for line in lines))
