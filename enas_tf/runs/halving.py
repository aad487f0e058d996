"""Ranks the best arcs anew by training them from scratch (successive halving).

Jamieson and Talwalkar (2016): all for a short time, the better ones for longer.
Each training begins anew, so that its learning rate falls to the end of its own
epochs.
"""

from typing import Any, NamedTuple

from enas_tf.runs import assembly, children, trainings
from enas_tf.runs import run as runs

TRAINED = "derived.jsonl"
_RATES = (4, 2, 1)  # The part of the epochs, and of the arcs, of each stage.
_LEAST = 2  # Arcs that are compared at the end.

Row = dict[str, Any]


class Stage(NamedTuple):
  """A part of the way.

  Attributes:
    num_arcs: that are trained.
    epochs: of each training.
  """

  num_arcs: int
  epochs: int


def stages(num_arcs: int, epochs: int) -> list[Stage]:
  """Returns the stages, each with fewer arcs and more epochs than the last.

  >>> [tuple(stage) for stage in stages(10, 8)]
  [(10, 2), (5, 4), (3, 8)]

  Args:
    num_arcs: at the beginning.
    epochs: at the end.
  """
  found: list[Stage] = []
  for rate in _RATES:
    part = _RATES[0] // rate
    left = max(-(-num_arcs // part), min(_LEAST, num_arcs))
    stage = Stage(left, max(1, epochs // rate))
    if found and stage.epochs == found[-1].epochs:
      continue  # It would tell nothing new.
    if found and stage.num_arcs == found[-1].num_arcs:
      found.pop()  # Nobody would leave.
    found.append(stage)
  return found


def rank(built: assembly.Assembly, run: runs.Run, rows: list[Row]) -> list[Row]:
  """Returns rows of a leaderboard in the order of their trained scores.

  They are trained and scored as in a search: the test split stays unseen.

  Args:
    built: the parts of the run.
    run: the command, which may be stopped amid of it.
    rows: with "arc"; each gets its scores and the stage at which it left.
  """
  settings = built.experiment.run
  epochs = settings.derive_train_epochs
  assert epochs is not None
  way = stages(len(rows), epochs)
  left, gone = rows, list[Row]()
  for i, stage in enumerate(way):
    best, others = left[: stage.num_arcs], left[stage.num_arcs :]
    gone = others + gone
    num_seeds = settings.derive_train_seeds if i + 1 == len(way) else 1
    run.terminal.say(
      f"Deriving: training the {len(best)} best arcs from scratch, for "
      f"{stage.epochs} epochs"
      + (f", with each of {num_seeds} seeds." if num_seeds > 1 else ".")
    )
    left = _trained(built, run, best, stage, num_seeds)
  return left + gone


def _trained(
  built: assembly.Assembly,
  run: runs.Run,
  rows: list[Row],
  stage: Stage,
  num_seeds: int,
) -> list[Row]:
  """Returns rows with their scores of a stage, best first, failed ones last."""
  space, metric = built.final_space, built.task.metric
  arcs = [tuple(space.encode(row["arc"]).tolist()) for row in rows]
  wanted = [
    trainings.Training(arc, repeat, stage.epochs)
    for repeat in range(num_seeds)
    for arc in arcs
  ]
  found = trainings.scored(
    built, run, wanted, children.VALID, run.folder / TRAINED
  )
  scored = []
  for row, arc in zip(rows, arcs, strict=True):
    known = [
      score
      for each in wanted
      if each.arc == arc and (score := found[each]) is not None
    ]
    spread = trainings.spread(known)
    scored.append(
      row
      | {
        "stage": f"trained {stage.epochs} epochs",
        f"trained_{metric.name}": spread["mean"],
        f"trained_{metric.name}_sd": spread["sd"],
        "trained_seeds": spread["seeds"],
      }
    )
  sign = -1 if metric.is_higher_better else 1

  def place(row: Row) -> float:
    score = row[f"trained_{metric.name}"]
    return float("inf") if score is None else sign * score

  return sorted(scored, key=place)
