"""Derives the best arc of a search (ENAS, section 2.2, last paragraph)."""

import pathlib
from typing import Any

from enas_tf import checkpoints, errors, files
from enas_tf.report import draw, loggers, tables
from enas_tf.runs import family as family_lib
from enas_tf.runs import run as runs
from enas_tf.runs import search
from enas_tf.spaces import base

LEADERBOARD, BEST_ARC = "leaderboard.json", "best_arc.json"


def run(family: family_lib.Family, run: runs.Run) -> None:
  """Samples arcs, ranks them, and writes the leaderboard and the best arc.

  The policy samples; one validation batch ranks all, the whole validation
  split the best of them. The test images are never looked at.
  """
  family.check_final()  # Its size is told.
  position = search.restore(family, run.folder)
  run.record()
  controller = family.parts.controller
  arcs = controller.recommend(family.experiment.run.derive_samples)
  run.terminal.say(
    f"Deriving: ranking {len(arcs)} different sampled arcs, after "
    f"{position.epoch} epochs of search."
  )
  rows = []
  for rank, row in enumerate(family.rank(family.parts, arcs), start=1):
    size = family.child_size(row["arc"])
    rows.append({"rank": rank, **row, **size._asdict()})
  _say_outdated(run, str(rows[0]["arc"]))
  _write(run.folder, rows, position.tick)
  _log(run.folder, position.tick, rows[0])
  run.terminal.table(*tables.leaderboard([_printable(row) for row in rows]))


def _say_outdated(run: runs.Run, arc: str) -> None:
  """Says what stands in the folder that is of another best arc."""
  try:
    before = files.read_json(run.folder / BEST_ARC).get("arc_string")
  except errors.OutputDirError:  # Missing or damaged; it is written anew.
    return
  if before not in (None, arc):
    run.terminal.say(
      f"The best arc is another one than before ({before}): a child that was "
      "trained or exported stays as it is, and is of that arc."
    )


def best_arc(family: family_lib.Family, folder: pathlib.Path) -> base.Arc:
  """Returns the arc to train: `child_fixed_arc`, or the one that was derived.

  Raises:
    ArcError: if `child_fixed_arc` is not an arc of the space.
    ConfigError: if there is neither.
  """
  space, fixed = family.final_space, family.experiment.fixed_arc
  if fixed is not None:
    return space.parse(fixed)
  path = folder / BEST_ARC
  if not path.exists():
    raise errors.ConfigError(
      "There is no arc yet, and so no trained child: search first, by "
      "`mode=search`, or train an arc of your own, by `mode=train` and "
      f"`child_fixed_arc`. Received: output_dir={folder}"
    )
  return space.parse(str(path))


def say_if_outdated(run: runs.Run) -> None:
  """Says so if the search has gone on since the best arc was derived."""
  path = run.folder / BEST_ARC
  steps = checkpoints.steps(run.folder / search.FOLDER)
  if run.experiment.fixed_arc is None and path.exists() and steps:
    derived = files.read_json(path).get("search_step", steps[-1])
    if derived != steps[-1]:
      run.terminal.say(
        "The search has gone on since this arc was derived: `mode=derive` "
        "ranks anew."
      )


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


def _write(folder: pathlib.Path, rows, tick: int) -> None:
  written = [
    row
    | {
      "arc": row["arc"].to_json(),
      "arc_string": str(row["arc"]),
      "search_step": tick,
    }
    for row in rows
  ]
  files.write_json(folder / LEADERBOARD, written)
  files.write_json(folder / BEST_ARC, written[0])
  best = rows[0]
  files.write_text(
    folder / "best_arc.dot",
    base.to_dot(best["arc"].to_json()["space"], best["arc"].graphs()) + "\n",
  )
  draw.save_png(best["arc"], folder / "best_arc.png")
