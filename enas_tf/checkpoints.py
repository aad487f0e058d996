"""Checkpoints: one file for each, complete or absent.

A checkpoint is a plain .npz of arrays (no pickles), written beside its place
and then renamed, so that neither a kill nor a full disk leaves half a file
where a checkpoint should be.
"""

import json
import os
import pathlib
import time
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from enas_tf import errors

_META = "__meta__"  # JSON of the step and the fingerprint, as bytes.
_KEEP = 2


class Checkpoints:
  """Saves and restores variables by name.

  Args:
    folder: of the checkpoints.
    state: the variables, by name.
    fingerprint: the settings that give the state its shape and meaning; a
      checkpoint of others is refused.
  """

  def __init__(
    self,
    folder: pathlib.Path,
    state: Mapping[str, tf.Variable],
    fingerprint: Mapping[str, Any],
  ):
    self._folder = folder
    self._state = dict(state)
    self._fingerprint = json.loads(json.dumps(dict(fingerprint)))
    self._saved_at = time.monotonic()

  def due(self, minutes: float) -> bool:
    """Returns whether that many minutes have passed since the last save."""
    return time.monotonic() - self._saved_at >= 60 * minutes

  def save(self, step: int) -> pathlib.Path:
    """Writes a checkpoint, and deletes all but the newest two.

    Raises:
      CheckpointError: if it cannot be written; the ones before are kept.
    """
    meta = json.dumps({"step": step, "fingerprint": self._fingerprint})
    arrays = {name: v.numpy() for name, v in self._state.items()}
    arrays[_META] = np.frombuffer(meta.encode(), np.uint8)
    path = self._folder / f"checkpoint-{step:09d}.npz"
    temporary = path.with_suffix(".tmp")
    try:
      self._folder.mkdir(parents=True, exist_ok=True)
      with open(temporary, "wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
      os.replace(temporary, path)
    except OSError as error:
      temporary.unlink(missing_ok=True)
      raise errors.CheckpointError(
        "The checkpoint cannot be written; the last good one is kept in "
        f"{self._folder}. Make room on the disk and start again: the run "
        f"resumes. Received: {error}"
      ) from error
    for old in _paths(self._folder)[:-_KEEP]:
      old.unlink(missing_ok=True)
    self._saved_at = time.monotonic()
    return path

  def restore(self) -> int | None:
    """Restores the newest checkpoint that can be read.

    Returns:
      Its step, or None if there is no checkpoint.

    Raises:
      CheckpointError: if it is of other settings, or none can be read.
    """
    if not _paths(self._folder):
      return None
    step, fingerprint, arrays = _newest(self._folder)
    self._check(fingerprint, arrays)
    for name, variable in self._state.items():
      variable.assign(arrays[name])
    self._saved_at = time.monotonic()
    return step

  def _check(self, fingerprint, arrays) -> None:
    differences = [
      f"{name}: checkpoint {fingerprint.get(name)}, now "
      f"{self._fingerprint.get(name)}"
      for name in sorted({*fingerprint, *self._fingerprint})
      if fingerprint.get(name) != self._fingerprint.get(name)
    ]
    if not differences:
      now = {name: tuple(v.shape) for name, v in self._state.items()}
      then = {name: array.shape for name, array in arrays.items()}
      differences = [
        f"{name}: checkpoint {then.get(name)}, now {now.get(name)}"
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
      ]
    if differences:
      raise errors.CheckpointError(
        f"The checkpoint in {self._folder} is of a run with other settings: "
        "give the same flags, another --output_dir, or --reset_output_dir to "
        f"start over. Received: {'; '.join(differences[:8])}"
      )


def load(
  folder: pathlib.Path,
) -> tuple[int, dict[str, Any], dict[str, np.ndarray]]:
  """Returns (step, fingerprint, arrays by name) of the newest checkpoint.

  Raises:
    CheckpointError: if there is none that can be read.
  """
  if not _paths(folder):
    raise errors.CheckpointError(
      "There is no checkpoint: run the step that makes it first (--mode="
      f"search makes those of a search). Received: folder={folder}"
    )
  return _newest(folder)


def _paths(folder: pathlib.Path) -> list[pathlib.Path]:
  return sorted(folder.glob("checkpoint-*.npz"))


def _newest(folder: pathlib.Path):
  reasons = []
  for path in reversed(_paths(folder)):
    try:
      with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
      meta = json.loads(arrays.pop(_META).tobytes())
      return meta["step"], meta["fingerprint"], arrays
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as e:
      reasons.append(f"{path.name}: {e}")
  raise errors.CheckpointError(
    f"No checkpoint in {folder} can be read; nothing was deleted. Restore one "
    "from a backup, or start over with --reset_output_dir. Received: "
    f"{'; '.join(reasons)}"
  )
