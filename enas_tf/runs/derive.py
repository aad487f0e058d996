"""Derives the best arc of a search (ENAS, section 2.2, last paragraph)."""

import pathlib
from typing import Any

import numpy as np

from enas_tf import checkpoints, errors, files, trials
from enas_tf.evaluators import base as evaluators
from enas_tf.report import draw, loggers, tables
from enas_tf.runs import (
  algorithm,
  assembly,
  halving,
  of_arc,
  preference,
  search,
)
from enas_tf.runs import run as runs
from enas_tf.spaces import base, graphviz

Row = dict[str, Any]

LEADERBOARD, BEST_ARC = "leaderboard.json", "best_arc.json"


def run(built: assembly.Assembly, run: runs.Run) -> None:
  """Ranks arcs, and writes the leaderboard and the best arc.

  With shared weights, the controller recommends arcs; one validation batch
  ranks all, the whole validation split the best of them. Where something else
  scores arcs, those that it scored best are ranked: asking it again would cost
  and tell nothing. With `derive_train_epochs` the best are trained from scratch
  and ranked anew. The test split is never looked at.

  Args:
    built: the parts of the run.
    run: the run: its folder, its settings, whom it tells.
  """
  built.check_final()  # Its size is told.
  position = search.restore(built, run.folder)
  run.record()
  ranks = isinstance(built.search.evaluator, evaluators.OnBatches)
  rank = _rank_recommended if ranks else _rank_trials
  best, others = rank(built, position, run)
  if ranks:
    best = [row | _size(built, row["arc"]) for row in best]
  if built.experiment.run.derive_train_epochs is not None:
    best = halving.rank(built, run, best)
  rows = [{"rank": i, **row} for i, row in enumerate([*best, *others], start=1)]
  _say_outdated(run, str(rows[0]["arc"]))
  _write(run.folder, rows, position.tick)
  _log(run.folder, position.tick, rows[0])
  printable = [_printable(row) for row in rows[: len(best)]]
  run.terminal.table(*tables.leaderboard(printable))
  preference.say(built, run)


def _size(built: assembly.Assembly, arc: base.Arc) -> dict[str, int]:
  """Returns the size of a child; it depends on the data."""
  own = of_arc.parts(built, arc)
  return own.parts.child_size(of_arc.structure(arc))._asdict()


def _rank_recommended(
  built: assembly.Assembly, position: algorithm.Position, run: runs.Run
) -> tuple[list[Row], list[Row]]:
  """Returns the arcs that the controller recommends, best first.

  First are those that the whole validation split has ranked, then the others.
  """
  settings, task = built.experiment.run, built.task
  arcs = built.search.controller.recommend(settings.derive_samples)
  run.terminal.say(
    f"Deriving: ranking {len(arcs)} different sampled arcs, after "
    f"{position.epoch} epochs of search."
  )
  evaluator = built.search.evaluator
  assert isinstance(evaluator, evaluators.OnBatches)
  seed = built.seed("reward batches")
  training, metric = built.experiment.search, task.metric
  few = list(task.ranking_batches(built.reward_settings, seed))
  scores = evaluator.score_on(arcs, few)
  sign = -1 if metric.is_higher_better else 1
  order = np.argsort(sign * np.array(scores), kind="stable")
  best, others = np.split(order, [settings.derive_top])
  full = evaluator.score_on(arcs[best], task.valid_batches(training))

  def row(i: int, stage: str) -> Row:
    score = float(scores[i])
    arc = built.space.decode(arcs[i])
    return {"arc": arc, f"{task.part}_{metric.name}": score, "stage": stage}

  ranked = [
    row(i, "validation") | {f"valid_{metric.name}": score}
    for i, score in zip(best, full, strict=True)
  ]
  ranked.sort(key=lambda row: sign * row[f"valid_{metric.name}"])
  return ranked, [row(i, task.part) for i in others]


def _rank_trials(
  built: assembly.Assembly, position: algorithm.Position, run: runs.Run
) -> tuple[list[Row], list[Row]]:
  """Returns the arcs that were scored best, best first, and nothing else."""
  found: dict[tuple[int, ...], trials.Trial] = {}
  scored = trials.read(run.folder)
  for trial in scored:
    if trial.is_done and not trial.is_predicted:
      found.setdefault(trial.arc, trial)
  if not found:
    raise errors.ConfigError(
      "No arc was scored, so there is nothing to rank: search on by a higher "
      f"`num_epochs`, or mend what fails. Received: epochs={position.epoch}, "
      f"trials={len(scored)}, the last: "
      f"{scored[-1].reason if scored else None}"
    )
  run.terminal.say(
    f"Deriving: ranking {len(found)} different arcs that were scored, after "
    f"{position.epoch} epochs of search."
  )
  best = sorted(found.values(), key=lambda trial: -trial.reward)
  rows = [
    {
      name: score
      for name, score in trial.scores.items()
      if name not in ("rank", "arc", "stage")  # A function may use any names.
    }
    | {"arc": built.space.decode(trial.arc), "stage": "search"}
    for trial in best[: built.experiment.run.derive_top]
  ]
  return rows, []


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


def best_arc(built: assembly.Assembly, folder: pathlib.Path) -> base.Arc:
  """Returns the arc to train: `child_fixed_arc`, or the one that was derived.

  Args:
    built: the parts of the run.
    folder: of the run.

  Raises:
    ArcError: if `child_fixed_arc` is not an arc of the space.
    ConfigError: if there is neither.
  """
  space, fixed = built.final_space, built.experiment.fixed_arc
  if fixed is not None:
    return space.parse(fixed)
  path = folder / BEST_ARC
  if not path.exists():
    raise errors.ConfigError(
      "There is no arc yet, and so no trained child: search first, by "
      "`mode=search` or run(), or train an arc of your own, by `mode=train` "
      f"and `child_fixed_arc` or train(arc). Received: output_dir={folder}"
    )
  return space.parse(str(path))


def say_if_outdated(run: runs.Run) -> None:
  """Says so if the search has gone on since the best arc was derived.

  Args:
    run: the run: its folder, its settings, whom it tells.
  """
  path = run.folder / BEST_ARC
  steps = checkpoints.steps(run.folder / search.FOLDER)
  if run.experiment.fixed_arc is None and path.exists() and steps:
    derived = files.read_json(path).get("search_step", steps[-1])
    if derived != steps[-1]:
      run.terminal.say(
        "The search has gone on since this arc was derived: `mode=derive` "
        "ranks anew."
      )


def _log(folder: pathlib.Path, step: int, best: Row) -> None:
  """Shows TensorBoard the best arc's score, beside the hyper-parameters."""
  logger = loggers.TensorBoardLogger(folder / loggers.TENSORBOARD)
  logger.scalars(
    step,
    {
      f"derived/{name}": value
      for name, value in best.items()
      if name.startswith(("valid_", "trained_")) or name == trials.REWARD
      if value is not None
    },
  )
  logger.close()


def _printable(row: Row) -> Row:
  return row | {"arc": str(row["arc"])}


def _write(folder: pathlib.Path, rows: list[Row], tick: int) -> None:
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
    graphviz.to_dot(best["arc"].to_json()["space"], best["arc"].graphs())
    + "\n",
  )
  draw.save_png(best["arc"], folder / "best_arc.png")
