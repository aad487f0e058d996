"""Which files of a folder a run wrote; nothing else is ever deleted."""

import fnmatch
import os
import pathlib
import stat

from enas_tf import errors, files

MANIFEST = "manifest.json"
LOCK = ".enas_tf.lock"
OLD = ".enas_tf.old"  # A run that is to be deleted waits in it.
# Everything that a run writes, by its parts; `reset_output_dir` deletes these.
_WRITTEN = (
  MANIFEST,
  LOCK,
  "baseline.json",
  "baseline.jsonl",
  "best_arc.dot",
  "best_arc.json",
  "best_arc.png",
  "derived.jsonl",
  "error-*.txt",
  "leaderboard.json",
  "metrics.jsonl",
  "tradeoff.png",
  "trials.jsonl",
  "checkpoints/checkpoint-*.npz",
  "tensorboard/events.out.tfevents.*",
  "final/*/child.json",
  "final/*/child.keras",
  "final/*/evaluation.json",
  "final/*/metrics.csv",
  "final/*/training.json",
  "final/*/checkpoints/checkpoint-*.npz",
  "final/*/tensorboard/events.out.tfevents.*",
  "final/*/tensorboard/*/events.out.tfevents.*",
  "export/child.keras",
  "export/vocabulary.txt",
  *(
    f"export/saved_model/{name}"
    for name in (
      "fingerprint.pb",
      "saved_model.pb",
      "assets/vocabulary.txt",
      "variables/variables.index",
      "variables/variables.data-*",
    )
  ),
)


def delete(folder: pathlib.Path, owner: pathlib.Path) -> None:
  """Deletes a folder inside of a run's, if the run wrote all that is in it.

  Args:
    folder: is deleted.
    owner: the folder of the run.

  Raises:
    OutputDirError: if there is anything else in it; nothing is deleted.
  """
  for path in check_own(folder, owner):
    path.unlink()
  for parent, _, _ in os.walk(folder, topdown=False):
    os.rmdir(parent)


def check_own(folder: pathlib.Path, owner: pathlib.Path) -> list[pathlib.Path]:
  """Returns the files of a folder inside of a run's, if all are the run's.

  Args:
    folder: is looked at.
    owner: the folder of the run.

  Raises:
    OutputDirError: if one is not, or the folder is a link.
  """
  inside = folder.relative_to(owner).parts
  for i in range(1, len(inside) + 1):
    link = owner.joinpath(*inside[:i])
    if link.is_symlink():
      raise errors.OutputDirError(
        "A folder of the run is a link, and is left alone: take it away. "
        f"Received: {link}"
      )
  return contents(folder, owner)


def contents(folder: pathlib.Path, owner: pathlib.Path) -> list[pathlib.Path]:
  """Returns the files below a folder of a run.

  Args:
    folder: is looked at, with all that is in it.
    owner: the folder of the run.

  Raises:
    OutputDirError: if one is not of the run.
  """
  found: list[pathlib.Path] = []
  strange: list[pathlib.Path] = []
  for parent, folders, names in os.walk(folder):
    links = [n for n in folders if os.path.islink(os.path.join(parent, n))]
    for name in (*names, *links):
      path = pathlib.Path(parent, name)
      is_file = stat.S_ISREG(path.lstat().st_mode)
      known = is_file and _is_written(path.relative_to(owner).parts)
      (found if known else strange).append(path)
  if strange:
    raise errors.OutputDirError(
      "The folder of the run holds files that the run did not write; nothing "
      "is deleted: take them away, or give another `output_dir`. Received: "
      f"output_dir={owner}, other files="
      f"{sorted(str(path.relative_to(owner)) for path in strange)[:5]}"
    )
  return found


def _is_written(parts: tuple[str, ...]) -> bool:
  """Returns whether a run writes a file of that path."""
  if parts[0] == OLD:
    parts = parts[1:]
  if any(part.startswith(files.UNFINISHED) for part in parts):
    return True
  patterns = (pattern.split("/") for pattern in _WRITTEN)
  return any(
    len(parts) == len(pattern) and all(map(fnmatch.fnmatchcase, parts, pattern))
    for pattern in patterns
  )
