"""The folder of a run: made, recognized, locked, and deleted with care."""

import contextlib
import dataclasses
import datetime
import fcntl
import importlib.metadata
import os
import pathlib
import platform
import shutil
import stat
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import enas_tf
from enas_tf import errors, files, own_files
from enas_tf.distributed import worker
from enas_tf.recipes import base, experiments

_MANIFEST, _LOCK, _OLD = own_files.MANIFEST, own_files.LOCK, own_files.OLD
_MARK = "enas_tf, process "  # What our lock begins with.
# The modes whose settings later commands go on with.
_LASTING = ("search", "derive", "train", "import", "all")


def open_run(experiment: base.Experiment) -> pathlib.Path:
  """Makes the run's folder, or goes on in one of ours, and locks it.

  The lock is held until `close_run`, or until the process ends. What killed
  runs left unfinished is deleted; nothing else is.

  Args:
    experiment: the settings of the run.

  Raises:
    ConfigError: if a worker's process begins a run, for its program lacks the
      guard.
    OutputDirError: if the folder is not ours, is in use or cannot be written.
  """
  worker.refuse_if_starting()
  try:
    folder = absolute(experiment.run.output_dir)
    if experiment.run.reset_output_dir and folder.exists():
      _check_deletable(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _check_ours(folder)
    _lock(folder)
    _delete_unfinished(folder)
    bring_back(folder)
    if experiment.run.reset_output_dir:
      _set_aside(folder)
    if not (folder / _MANIFEST).exists():
      files.write_json(folder / _MANIFEST, {"created_by": "enas_tf"})
  except (OSError, ValueError) as error:
    if isinstance(error, errors.UserError):
      raise
    raise errors.OutputDirError(
      "The output folder cannot be written: give another `output_dir`, or "
      "make room. Received: "
      f"output_dir={experiment.run.output_dir} ({error})"
    ) from error
  return folder


def close_run(folder: pathlib.Path) -> None:
  """Lets another process work in the folder of a run.

  Args:
    folder: that `open_run` returned.
  """
  bring_back(folder)  # If the run was refused before it started.
  file = _held.pop(folder, None)
  if file is not None:
    file.close()


def bring_back(folder: pathlib.Path) -> None:
  """Brings a run back that was to be deleted for one that did not start.

  Args:
    folder: of the run.
  """
  old = folder / _OLD
  if old.is_symlink() or not old.is_dir():
    return
  if "starts" in files.read_json(folder / _MANIFEST):
    shutil.rmtree(old)  # The new run has started.
    return
  for entry in old.iterdir():
    target = folder / entry.name
    if target.is_dir():
      shutil.rmtree(target)
    os.replace(entry, target)
  old.rmdir()


def absolute(path: str) -> pathlib.Path:
  """Returns a path from the root, its `~` replaced.

  Args:
    path: as a user gives it.

  Raises:
    OutputDirError: if there is no such home.
  """
  try:
    return pathlib.Path(path).expanduser().absolute()
  except RuntimeError as error:
    raise errors.OutputDirError(
      "The home folder of that user is not known: write `output_dir` without "
      f"the `~`. Received: output_dir={path}"
    ) from error


def default(space: str | None, given: Mapping[str, Any]) -> pathlib.Path:
  """Returns the folder of a run that was given none.

  Args:
    space: the search space that is asked for, or None.
    given: the other settings, by public names.
  """
  recipe = experiments.recipe_of(space, given)
  name = given.get("data") or recipe.data.data
  path = given.get("data_path") or given.get("evaluator_table")
  if name in ("folder", "text", "table") and path:
    name = pathlib.Path(path).stem or name
  return pathlib.Path("outputs", f"{recipe.name}_{name}").absolute()


def recorded_config(folder: pathlib.Path) -> base.Experiment | None:
  """Returns the settings that the run in a folder goes on with, if any.

  Args:
    folder: of the run.

  Raises:
    OutputDirError: if they cannot be understood.
  """
  if not _is_ours(folder):
    return None
  try:
    starts = files.read_json(folder / _MANIFEST).get("starts", [])
    lasting = [s for s in starts if s["config"]["mode"] in _LASTING]
    return experiments.from_values(lasting[-1]["config"]) if lasting else None
  except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
    if isinstance(error, errors.OutputDirError):
      raise
    raise errors.OutputDirError(
      "The manifest of the run is damaged, or of another version of enas_tf: "
      "give another `output_dir`, or `reset_output_dir` to start over. "
      f"Received: {folder / _MANIFEST} ({type(error).__name__}: {error})"
    ) from error


def record_start(
  folder: pathlib.Path, experiment: base.Experiment
) -> list[str]:
  """Records with what a command began, for those that go on from here.

  It comes when the parts of the run are built and restored: a command that was
  refused leaves nothing behind.

  Args:
    folder: of the run.
    experiment: its settings.

  Returns:
    What differs from the settings that were recorded before, a line each.
  """
  before = recorded_config(folder)
  path = folder / _MANIFEST
  experiment = _from_anywhere(experiment)
  manifest = files.read_json(path)
  start = {
    "time": datetime.datetime.now().astimezone().isoformat("T", "seconds"),
    "command": sys.argv,
    "host": platform.node(),
    "platform": platform.platform(),
    "cpus": os.cpu_count(),
    "versions": {
      "python": platform.python_version(),
      "enas_tf": enas_tf.__version__,
      **{
        name: importlib.metadata.version(name)
        for name in ("tensorflow", "keras", "numpy")
      },
    },
    "config": experiments.values(experiment),
  }
  manifest["starts"] = [*manifest.get("starts", []), start]
  files.write_json(path, manifest)
  bring_back(folder)  # What was to be deleted is, now.
  return _changes(before, experiment) if before else []


def _from_anywhere(experiment: base.Experiment) -> base.Experiment:
  """Returns settings whose paths hold for commands from elsewhere, too."""
  data, evaluation = experiment.data, experiment.evaluation
  if data.data_path is not None:
    where = str(absolute(data.data_path))
    data = dataclasses.replace(data, data_path=where)
  if evaluation.table is not None:
    where = str(absolute(evaluation.table))
    evaluation = dataclasses.replace(evaluation, table=where)
  return dataclasses.replace(experiment, data=data, evaluation=evaluation)


def _changes(before: base.Experiment, now: base.Experiment) -> list[str]:
  """Returns the settings of the networks and the training that changed."""
  old, new = experiments.values(before), experiments.values(now)
  return [
    f"{name}: {old[name]} -> {new[name]}"
    for name, place in experiments.named(now)
    if place.section != "run" and name in old and old[name] != new[name]
  ]


def _is_ours(folder: pathlib.Path) -> bool:
  try:
    manifest = files.read_json(folder / _MANIFEST)
  except errors.OutputDirError:
    return False
  return manifest.get("created_by") == "enas_tf"


def _check_ours(folder: pathlib.Path) -> None:
  entries = {each.name for each in folder.iterdir()}
  strange = {each for each in entries if not each.startswith(files.UNFINISHED)}
  if _is_our_lock(folder / _LOCK):
    strange.discard(_LOCK)  # A kill before the manifest leaves it alone.
  if strange - {_OLD} and not _is_ours(folder):
    raise errors.OutputDirError(
      "The output folder holds files that are not of a run, and is left "
      "alone: give an empty or a new folder as `output_dir`. Received: "
      f"output_dir={folder}, with {sorted(strange)[:5]}"
    )


def _check_deletable(folder: pathlib.Path) -> None:
  """Raises OutputDirError unless all in a folder was written by a run."""
  if folder.is_symlink() or not folder.is_dir():
    raise errors.OutputDirError(
      "`reset_output_dir` deletes only the folder of a run, and no link: "
      f"give another `output_dir`. Received: output_dir={folder}"
    )
  _check_ours(folder)
  own_files.contents(folder, folder)


def _set_aside(folder: pathlib.Path) -> None:
  """Moves a run out of the way; it is deleted when the new one starts."""
  entries = [each for each in folder.iterdir() if each.name != _LOCK]
  old = folder / _OLD
  old.mkdir(exist_ok=True)
  # The manifest goes last: without it, the folder would not be ours.
  for entry in sorted(entries, key=lambda each: each.name == _MANIFEST):
    if entry.name != _MANIFEST:
      os.replace(entry, old / entry.name)
  if (folder / _MANIFEST).exists():
    shutil.copy2(folder / _MANIFEST, old / _MANIFEST)
  files.write_json(folder / _MANIFEST, {"created_by": "enas_tf"})


def _delete_unfinished(folder: pathlib.Path) -> None:
  """Deletes what killed runs were about to write."""
  for path in folder.rglob(f"{files.UNFINISHED}*"):
    with contextlib.suppress(OSError):
      if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
      else:
        path.unlink()


_held: dict[pathlib.Path, TextIO] = {}  # Locks are files that are open.


def _lock(folder: pathlib.Path) -> None:
  if folder in _held:
    return
  # A link is not followed, and what is not ours is not written to.
  options = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
  file = os.fdopen(os.open(folder / _LOCK, options, 0o644), "r+")
  if not _is_our_lock(folder / _LOCK):
    file.close()
    raise errors.OutputDirError(
      "The file of that name is not the lock of a run, and is left alone: "
      f"give another `output_dir`. Received: {folder / _LOCK}"
    )
  try:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError:
    holder = file.read(100).strip()
    file.close()
    raise errors.OutputDirError(
      "Another process works in this output folder: wait for it, or give "
      f"another `output_dir`. Received: output_dir={folder}, held by {holder}"
    ) from None
  file.truncate(0)
  file.write(f"{_MARK}{os.getpid()}\n")
  file.flush()
  _held[folder] = file


def _is_our_lock(path: pathlib.Path) -> bool:
  """Returns whether a file is a lock of ours, or one that was just made."""
  try:
    if not stat.S_ISREG(path.lstat().st_mode):
      return False
    with open(path, "rb") as file:
      start = file.read(len(_MARK))
  except OSError:
    return False
  return start in (b"", _MARK.encode())
