"""Derives the best arc of a search (ENAS, section 2.2, last paragraph)."""

import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from enas_tf import checkpoints, errors, manifest
from enas_tf.report import draw, loggers, tables
from enas_tf.runs import family as family_lib
from enas_tf.runs import search
from enas_tf.spaces import base

LEADERBOARD, BEST_ARC = "leaderboard.json", "best_arc.json"
_TRIES = 10  # Batches of samples in which different arcs are looked for.


def run(family: family_lib.Family, folder, terminal) -> None:
  """Samples arcs, ranks them, and writes the leaderboard and the best arc.

  The policy samples; one validation batch ranks all, the whole validation
  split the best of them. The test images are never looked at.
  """
  parts, position = family.parts, search.Position()
  saver = checkpoints.Checkpoints(
    folder / search.FOLDER, search.state(parts, position), parts.fingerprint
  )
  if saver.restore() is None:
    raise errors.CheckpointError(
      "There is no search to derive an arc from: search first, by "
      f"--mode=search. Received: output_dir={folder}"
    )
  arcs = _sample(parts.controller, family.experiment.run.derive_samples)
  terminal.say(f"Deriving: ranking {len(arcs)} different sampled arcs.")
  rows = []
  for rank, row in enumerate(family.rank(parts, arcs), start=1):
    size = family.child_size(row["arc"])
    rows.append({"rank": rank, **row, **size._asdict()})
  with loggers.writing(folder):
    _write(folder, rows)
  _log(folder, position.tick, rows[0])
  terminal.table(*tables.leaderboard([_printable(row) for row in rows]))


def best_arc(family: family_lib.Family, folder: pathlib.Path) -> base.Arc:
  """Returns the arc to train: --child_fixed_arc, or the one that was derived.

  Raises:
    ArcError: if --child_fixed_arc is not an arc of the space.
    ConfigError: if there is neither.
  """
  space, fixed = family.final_space, family.experiment.fixed_arc
  if fixed is not None:
    return space.parse(fixed)
  path = folder / BEST_ARC
  if not path.exists():
    raise errors.ConfigError(
      "There is no arc to train: search first, by --mode=search, or give one "
      f"by --child_fixed_arc. Received: output_dir={folder}"
    )
  return space.parse(str(path))


def _sample(controller, count: int) -> tf.Tensor:
  """Returns up to `count` different arcs, in the order of their sampling."""
  arcs = np.zeros((0, controller.space.num_decisions), np.int32)
  for _ in range(_TRIES):
    arcs = np.concatenate([arcs, controller.propose(count).numpy()])
    _, first = np.unique(arcs, axis=0, return_index=True)
    arcs = arcs[np.sort(first)][:count]
    if len(arcs) == count:
      break
  return tf.constant(arcs)


def _log(folder: pathlib.Path, step: int, best: dict[str, Any]) -> None:
  """Shows TensorBoard the best arc's score, beside the hyper-parameters."""
  logger = loggers.TensorBoardLogger(folder / loggers.TENSORBOARD)
  logger.scalars(
    step,
    {
      f"derived/{name}": value
      for name, value in best.items()
      if name.startswith("valid_")
    },
  )
  logger.close()


def _printable(row: dict[str, Any]) -> dict[str, Any]:
  return row | {"arc": str(row["arc"])}


def _write(folder: pathlib.Path, rows) -> None:
  manifest.write_json(
    folder / LEADERBOARD,
    [
      row | {"arc": row["arc"].to_json(), "arc_string": str(row["arc"])}
      for row in rows
    ],
  )
  best = rows[0]
  manifest.write_json(
    folder / BEST_ARC,
    best | {"arc": best["arc"].to_json(), "arc_string": str(best["arc"])},
  )
  (folder / "best_arc.dot").write_text(
    base.to_dot(best["arc"].to_json()["space"], best["arc"].graphs()) + "\n"
  )
  draw.save_png(best["arc"], folder / "best_arc.png")
