"""Checkpoints: one file for each, complete or absent.

A checkpoint is a plain .npz of arrays (no pickles), written beside its place
and then renamed, so that neither a kill nor a full disk leaves half a file
where a checkpoint should be.
"""

import json
import pathlib
import re
import time
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from enas_tf import errors, files, states

Stateful = states.Stateful
Variables = states.Variables

_META = "__meta__"  # JSON of step, fingerprint and notes, as bytes.
_NEWEST = 2  # Checkpoints that are never thinned out.


class Checkpoint(NamedTuple):
  """What a file holds.

  Attributes:
    step: when it was saved.
    fingerprint: the settings that give the arrays their shape and meaning.
    notes: what else whoever saved it wanted to know again; JSON.
    arrays: by name.
    damaged: what is wrong with the newer files that cannot be read.
  """

  step: int
  fingerprint: dict[str, Any]
  notes: dict[str, Any]
  arrays: dict[str, np.ndarray]
  damaged: tuple[str, ...] = ()


class Checkpoints:
  """Saves and restores the parts of a run.

  Attributes:
    folder: of the checkpoints.

  Args:
    folder: of the checkpoints.
    parts: by name, what the names of its arrays begin with; one part may have
      the name "", and its arrays are as it names them.
    fingerprint: the settings that give the state its shape and meaning; a
      checkpoint of others is refused.
    max_to_keep: files that are kept, at least 2: see `save`.
    may_be_infinite: names of what may be infinite; all else must be finite.
  """

  def __init__(
    self,
    folder: pathlib.Path,
    parts: Mapping[str, states.Stateful],
    fingerprint: Mapping[str, Any],
    max_to_keep: int = 4,
    may_be_infinite: Sequence[str] = (),
  ) -> None:
    self.folder = folder
    self._parts = dict(parts)
    self._fingerprint = json.loads(json.dumps(dict(fingerprint)))
    self._max_to_keep = max(max_to_keep, _NEWEST)
    self._may_be_infinite = set(may_be_infinite)
    self._saved_at = time.monotonic()
    self._restored: int | None = None  # Until the next save.

  def due(self, minutes: float) -> bool:
    """Returns whether that many minutes have passed since the last save.

    Args:
      minutes: how many.
    """
    return time.monotonic() - self._saved_at >= 60 * minutes

  def steps(self) -> list[int]:
    """Returns the steps of the checkpoints, the oldest first."""
    return steps(self.folder)

  def save(
    self, step: int, notes: Mapping[str, Any] | None = None
  ) -> pathlib.Path:
    """Writes a checkpoint, and deletes those that are no longer needed.

    The newest two are kept, and older ones at growing distances: the oldest
    lies about half of the way back, so that there is one from before a loss
    began to diverge. After an older one was restored, those behind it go.

    Args:
      step: how far whoever saves has come.
      notes: JSON that `restore` gives back.

    Returns:
      The file.

    Raises:
      CheckpointError: if it cannot be written; the ones before are kept.
      DivergenceError: if a number is not finite; nothing is written, for
        nothing could go on from there.
    """
    meta = {
      "step": step,
      "fingerprint": self._fingerprint,
      "notes": dict(notes or {}),
    }
    arrays: dict[str, Any] = {
      _joined(part, name): np.asarray(array)
      for part, stateful in self._parts.items()
      for name, array in stateful.state().items()
    }
    self._check_finite(arrays, step)
    arrays[_META] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    path = _path(self.folder, step)
    try:
      with files.replacing(path) as temporary:
        with open(temporary, "wb") as file:
          np.savez(file, **arrays)
    except errors.OutputDirError as error:
      kept = self.steps()
      raise errors.CheckpointError(
        "The checkpoint cannot be written. Make room on the disk and give the "
        "same command again: it goes on from "
        + (f"step {kept[-1]}." if kept else "the start, for none was written.")
        + f" Received: path={path} ({error.__cause__})"
      ) from error
    self._thin_out(step)
    self._saved_at = time.monotonic()
    return path

  def _check_finite(self, arrays: Mapping[str, np.ndarray], step: int) -> None:
    for name in arrays.keys() - self._may_be_infinite:
      array = arrays[name]
      broken = np.count_nonzero(~np.isfinite(array))
      if broken:
        raise errors.DivergenceError(
          f"The variable {name} is not finite at step {step}",
          f"numbers={array.size}, not finite={broken}",
          is_of_controller=name.startswith("controller/"),
        )

  def _thin_out(self, step: int) -> None:
    kept = self.steps()
    if self._restored is not None:
      dropped = [s for s in kept if self._restored < s != step]
      kept = [s for s in kept if s not in dropped]
      self._restored = None
    else:
      dropped = []
    while len(kept) > self._max_to_keep:
      # The oldest goes when the next one lies far enough back.
      goes = 0 if 2 * kept[1] <= kept[-1] else -1 - _NEWEST
      dropped.append(kept.pop(goes))
    for each in dropped:
      _path(self.folder, each).unlink(missing_ok=True)

  def restore(self, step: int | None = None) -> Checkpoint | None:
    """Restores a checkpoint.

    Args:
      step: of the checkpoint; None takes the newest that can be read.

    Returns:
      What it holds, or None if there is no checkpoint.

    Raises:
      CheckpointError: if it is of other settings, or cannot be read.
    """
    if step is None and not self.steps():
      return None
    checkpoint = load(self.folder, step)
    self._check(checkpoint)
    self._restore(checkpoint.arrays)
    self._saved_at = time.monotonic()
    self._restored = checkpoint.step
    return checkpoint

  def _check(self, checkpoint: Checkpoint) -> None:
    then = checkpoint.fingerprint
    differences = [
      f"{name}: checkpoint {then.get(name)}, now {self._fingerprint.get(name)}"
      for name in sorted({*then, *self._fingerprint})
      if then.get(name) != self._fingerprint.get(name)
    ]
    self._refuse(differences)

  def _restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    given: dict[str, dict[str, np.ndarray]] = {part: {} for part in self._parts}
    unknown = []
    for name, array in arrays.items():
      part, _, rest = name.partition("/")
      if rest and part in given:
        given[part][rest] = array
      elif "" in given:
        given[""][name] = array
      else:
        unknown.append(name)
    differences = [f"{name}: checkpoint has it, now not" for name in unknown]
    for part, stateful in self._parts.items():
      try:
        stateful.restore(given[part])
      except states.Mismatch as error:
        differences += [
          f"{_joined(part, name)}: checkpoint {then}, now {now}"
          for name, then, now in error.differences
        ]
    self._refuse(differences)

  def _refuse(self, differences: Sequence[str]) -> None:
    if differences:
      raise errors.CheckpointError(
        f"The checkpoint in {self.folder} is of a run with other settings: "
        "give the same ones, another `output_dir`, or `reset_output_dir` to "
        f"start over. Received: {'; '.join(differences[:8])}"
      )


def steps(folder: pathlib.Path) -> list[int]:
  """Returns the steps of a folder's checkpoints, the oldest first.

  Args:
    folder: of the checkpoints.
  """
  names = (
    re.fullmatch(r"checkpoint-(\d{1,18})\.npz", path.name)
    for path in folder.glob("checkpoint-*.npz")
  )
  return sorted(int(name[1]) for name in names if name)


def load(folder: pathlib.Path, step: int | None = None) -> Checkpoint:
  """Returns a checkpoint.

  Args:
    folder: of the checkpoints.
    step: of the checkpoint; None takes the newest that can be read.

  Raises:
    CheckpointError: if there is none that can be read.
  """
  found = steps(folder)
  if not found:
    raise errors.CheckpointError(
      "There is no checkpoint: run the step that makes it first ("
      f"`mode=search` makes those of a search). Received: folder={folder}"
    )
  if step is not None and step not in found:
    raise errors.CheckpointError(
      "There is no checkpoint of that step: `resume_from` takes one of "
      f"{', '.join(map(str, found))}. Received: resume_from={step}"
    )
  reasons: list[str] = []
  for each in reversed(found) if step is None else [step]:
    path = _path(folder, each)
    try:
      return _read(path)._replace(damaged=tuple(reasons))
    except _DAMAGE as error:
      reasons.append(f"{path.name}: {type(error).__name__}: {error}")
  if step is not None:
    raise errors.CheckpointError(
      "The checkpoint of that step is damaged: leave `resume_from` out, or "
      f"give another of {', '.join(map(str, found))}. Received: {reasons[0]}"
    )
  raise errors.CheckpointError(
    f"No checkpoint in {folder} can be read; nothing was deleted. Restore one "
    "from a backup, or start over with `reset_output_dir`. Received: "
    f"{'; '.join(reasons)}"
  )


# What NumPy, zipfile and JSON raise for damaged files.
_DAMAGE = (
  OSError,
  EOFError,
  ValueError,
  KeyError,
  TypeError,
  NotImplementedError,
  OverflowError,
  MemoryError,
  RecursionError,
  RuntimeError,
  SyntaxError,
  zipfile.BadZipFile,
  zlib.error,
)


def _joined(part: str, name: str) -> str:
  return f"{part}/{name}" if part else name


def _path(folder: pathlib.Path, step: int) -> pathlib.Path:
  return folder / f"checkpoint-{step:09d}.npz"


def _read(path: pathlib.Path) -> Checkpoint:
  with np.load(path, allow_pickle=False) as file:
    arrays = {name: file[name] for name in file.files}
  meta = json.loads(arrays.pop(_META).tobytes())
  return Checkpoint(
    int(meta["step"]),
    dict(meta["fingerprint"]),
    dict(meta.get("notes", {})),
    arrays,
  )
