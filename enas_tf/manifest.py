"""The folder of a run: made, recognized, locked, and deleted with care."""

import dataclasses
import datetime
import fcntl
import importlib.metadata
import json
import os
import pathlib
import platform
import shutil
import sys
from typing import Any

import enas_tf
from enas_tf import config, errors

_NAME = "manifest.json"
_LOCK = "lock"
# Everything that a run writes; a folder with anything else is not deleted.
_ENTRIES = {
  _NAME,
  _LOCK,
  "best_arc.dot",
  "best_arc.json",
  "best_arc.png",
  "checkpoints",
  "export",
  "final",
  "leaderboard.json",
  "metrics.jsonl",
  "tensorboard",
}


def open_run(experiment: config.ExperimentConfig) -> pathlib.Path:
  """Makes the run's folder, or goes on in one of ours, and locks it.

  The lock is held until the process ends.

  Raises:
    OutputDirError: if the folder is not ours, is in use or cannot be written.
  """
  folder = pathlib.Path(experiment.run.output_dir).expanduser().absolute()
  try:
    if experiment.run.reset_output_dir and folder.exists():
      _delete(folder)
    folder.mkdir(parents=True, exist_ok=True)
    entries = {each.name for each in folder.iterdir()}
    if entries - {_LOCK, _temporary(_NAME)} and not _is_ours(folder):
      raise errors.OutputDirError(
        "The output folder holds files that are not of a run, and is left "
        "alone: give an empty or a new folder as --output_dir. Received: "
        f"output_dir={folder}, with {sorted(entries)[:5]}"
      )
    _lock(folder)
    _record_start(folder, experiment)
  except OSError as error:
    raise errors.OutputDirError(
      "The output folder cannot be written: give another --output_dir, or "
      f"make room. Received: output_dir={folder} ({error})"
    ) from error
  return folder


def recorded_config(folder: pathlib.Path) -> config.ExperimentConfig | None:
  """Returns what the run in a folder was last started with, if there is one."""
  if not _is_ours(folder):
    return None
  starts = read_json(folder / _NAME).get("starts")
  try:
    return config.from_dict(starts[-1]["config"]) if starts else None
  except (KeyError, TypeError) as error:
    raise errors.OutputDirError(
      "The manifest of the run is of another version of enas_tf: give "
      "another --output_dir, or --reset_output_dir to start over. Received: "
      f"{folder / _NAME} ({error})"
    ) from error


def write_json(path: pathlib.Path, value: Any) -> None:
  """Writes JSON; readers see the old file or the new one, never a half."""
  temporary = path.with_name(_temporary(path.name))
  with open(temporary, "w", encoding="utf-8") as file:
    json.dump(value, file, indent=2)
    file.write("\n")
    file.flush()
    os.fsync(file.fileno())
  os.replace(temporary, path)


def _temporary(name: str) -> str:
  return f".{name}.tmp"


def read_json(path: pathlib.Path) -> Any:
  """Returns the value of a JSON file; OutputDirError if it is damaged."""
  try:
    return json.loads(path.read_text(encoding="utf-8"))
  except (OSError, ValueError) as error:
    raise errors.OutputDirError(
      "A file of the run is missing or damaged: run the step that writes it "
      f"again. Received: {path} ({error})"
    ) from error


def _is_ours(folder: pathlib.Path) -> bool:
  try:
    manifest = json.loads((folder / _NAME).read_text(encoding="utf-8"))
  except (OSError, ValueError):
    return False
  return isinstance(manifest, dict) and manifest.get("created_by") == "enas_tf"


def _delete(folder: pathlib.Path) -> None:
  entries = (
    {each.name for each in folder.iterdir()} if folder.is_dir() else None
  )
  if entries is not None and not entries - {_LOCK, _temporary(_NAME)}:
    return
  # A kill can leave the temporary file of one of ours.
  ours = _ENTRIES | {_temporary(name) for name in _ENTRIES}
  strange = sorted((entries or set()) - ours)
  if entries is None or folder.is_symlink() or not _is_ours(folder) or strange:
    raise errors.OutputDirError(
      "--reset_output_dir deletes only the folder of a run, with nothing "
      "else in it; this one is left alone: give another --output_dir, or "
      "take the other files away. Received: "
      f"output_dir={folder}, other files={strange[:5]}"
    )
  _lock(folder)
  for name in sorted(entries - {_NAME, _LOCK}) + [_NAME]:
    path = folder / name
    if path.is_dir() and not path.is_symlink():
      shutil.rmtree(path)
    else:
      path.unlink()


_held: dict[pathlib.Path, Any] = {}  # Lock files stay open with the process.


def _lock(folder: pathlib.Path) -> None:
  if folder in _held:
    return
  file = open(folder / _LOCK, "a+")  # noqa: SIM115
  try:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError:
    file.seek(0)
    raise errors.OutputDirError(
      "Another process works in this output folder: wait for it, or give "
      "another --output_dir. Received: "
      f"output_dir={folder}, process={file.read().strip()}"
    ) from None
  file.truncate(0)
  file.write(f"{os.getpid()}\n")
  file.flush()
  _held[folder] = file


def _record_start(folder: pathlib.Path, experiment) -> None:
  path = folder / _NAME
  manifest = read_json(path) if path.exists() else {"created_by": "enas_tf"}
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
    "config": dataclasses.asdict(experiment),
  }
  manifest["starts"] = [*manifest.get("starts", []), start]
  write_json(path, manifest)
