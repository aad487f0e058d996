"""Derives the best arc of a search (ENAS, section 2.2, last paragraph)."""

import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from enas_tf import checkpoints, config, errors, manifest
from enas_tf.report import draw, tables
from enas_tf.runs import families, search
from enas_tf.spaces import base

LEADERBOARD, BEST_ARC = "leaderboard.json", "best_arc.json"
_TRIES = 10  # Batches of samples in which different arcs are looked for.


def run(experiment: config.ExperimentConfig, folder, terminal) -> None:
  """Samples arcs, ranks them, and writes the leaderboard and the best arc.

  The policy samples; one validation batch ranks all, the whole validation
  split the best of them. The test images are never looked at.
  """
  family = families.get(experiment)
  parts = family.search_parts()
  position = search.Position()
  saver = checkpoints.Checkpoints(
    folder / search.FOLDER, search.state(parts, position), parts.fingerprint
  )
  if saver.restore() is None:
    raise errors.CheckpointError(
      "There is no search to derive an arc from: search first, by "
      f"--mode=search. Received: output_dir={folder}"
    )
  arcs = _sample(parts.controller, experiment.run.derive_samples)
  terminal.say(f"Deriving: ranking {len(arcs)} different sampled arcs.")
  rows = []
  for rank, row in enumerate(family.rank(parts, arcs), start=1):
    size = family.child_size(row["arc"])
    rows.append({"rank": rank, **row, **size._asdict()})
  _write(folder, rows)
  terminal.table(*tables.leaderboard([_printable(row) for row in rows]))


def best_arc(experiment: config.ExperimentConfig, folder: pathlib.Path):
  """Returns the arc to train: --child_fixed_arc, or the one that was derived.

  Raises:
    ArcError: if --child_fixed_arc is not an arc of the space.
    ConfigError: if there is neither.
  """
  space = families.get(experiment).final_space
  if experiment.fixed_arc is not None:
    return space.parse(experiment.fixed_arc)
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
