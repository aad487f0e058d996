"""Compares the best arc with random ones that are trained alike."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from enas_tf import errors, files, seeds, statistics
from enas_tf.report import tables
from enas_tf.runs import assembly, derive, trainings
from enas_tf.runs import run as runs
from enas_tf.spaces import base as spaces
from enas_tf.tasks import base as tasks

RESULT, TRAINED = "baseline.json", "baseline.jsonl"
_CLEAR = 0.05  # The p below which the summary says that the search was better.


def run(built: assembly.Assembly, run: runs.Run) -> dict[str, Any]:
  """Trains the best arc and random ones from scratch, and says who is better.

  All have the same budget and the same seeds. They are trained as the final
  child and scored on the test split; data without one are trained and scored on
  as in a search.

  Args:
    built: the parts of the run.
    run: the run: its folder, its settings, whom it tells.

  Returns:
    What is written to baseline.json.
  """
  best = derive.best_arc(built, run.folder)
  derive.say_if_outdated(run)
  built.check_final()
  settings, split = built.experiment.run, trainings.fresh(built)
  epochs = settings.baseline_epochs or built.experiment.final.num_epochs
  arcs = [best, *random_arcs(built, best, settings.baseline_arcs)]
  repeats = range(settings.baseline_seeds)
  wanted = [
    trainings.Training(tuple(built.final_space.encode(arc).tolist()), i, epochs)
    for i in repeats  # So that a run that is stopped has compared some.
    for arc in arcs
  ]
  run.record()
  run.terminal.say(
    f"Training {best} and {len(arcs) - 1} random arcs from scratch, for "
    f"{epochs} epochs, with each of {len(repeats)} seeds."
  )
  found = trainings.scored(built, run, wanted, split, run.folder / TRAINED)
  scores = np.array([found[each] for each in wanted], float)
  scores = scores.reshape(len(repeats), len(arcs)).T  # [arc, seed]
  result = {
    "metric": built.task.metric.name,
    "split": trainings.SPLITS[split],
    "epochs": epochs,
    **compare(scores, built.task.metric),
    "arcs": [
      {
        "is_best": i == 0,
        "arc": arc.to_json(),
        "arc_string": str(arc),
        "scores": [trainings.finite(x) for x in row],
        **trainings.spread(row),
      }
      for i, (arc, row) in enumerate(zip(arcs, scores, strict=True))
    ],
  }
  is_given = built.experiment.fixed_arc is not None
  result["summary"] = _summary(result, built.task.metric, is_given)
  files.write_json(run.folder / RESULT, result)
  _print(run, result, built.task.metric, "given" if is_given else "derived")
  return result


def random_arcs(
  built: assembly.Assembly, best: spaces.Arc, n: int
) -> list[spaces.Arc]:
  """Returns arcs of the final space, all different, without the best one.

  Args:
    built: the parts of the run; they are within its limits.
    best: the best arc.
    n: how many at most.
  """
  seed = seeds.derive(built.experiment.run.seed, "baseline")
  rng, found = np.random.default_rng(seed), [best]
  for _ in range(100 * n):
    if len(found) > n:
      break
    arc = built.final_space.random(rng)
    row = built.final_space.encode(arc)
    if arc not in found and built.limits.allow(row):
      found.append(arc)
  return found[1:]


def compare(scores: np.ndarray, metric: tasks.Metric) -> dict[str, Any]:
  """Returns how far the first arc is above the median of the others.

  Seeds are pairs: those in which it, or all the others, failed are left out.

  Args:
    scores: float [arcs, seeds], NaN where a training failed.
    metric: of the task.

  Returns:
    The mean score of the first arc, the mean of the others' medians, the mean
    gain (positive is better), its deviation over the seeds, their number, and
    the one-sided p of flipping the signs of the gains.

  Raises:
    ConfigError: if no seed can be compared.
  """
  is_known = np.isfinite(scores[0]) & np.isfinite(scores[1:]).any(0)
  if not is_known.any():
    raise errors.ConfigError(
      "Too many trainings failed to compare anything: mend what fails, or "
      "lower the learning rate or the size of the final child. Received: "
      f"failed={int(np.isnan(scores).sum())} of {scores.size}"
    )
  first = scores[0, is_known]
  medians = np.nanmedian(scores[1:, is_known], 0)
  gains = (1 if metric.is_higher_better else -1) * (first - medians)
  return {
    "derived": float(first.mean()),
    "median_of_random": float(medians.mean()),
    "gain": float(gains.mean()),
    "gain_sd": float(gains.std(ddof=1)) if len(gains) > 1 else None,
    "seeds": len(gains),
    "p": statistics.sign_flip(gains),
  }


def _summary(
  result: dict[str, Any], metric: tasks.Metric, is_given: bool
) -> str:
  """Returns in one sentence whether the first arc was better."""
  who, which = ("arc", "given") if is_given else ("search", "derived")
  is_better = result["gain"] > 0 and result["p"] < _CLEAR
  came = "beat" if is_better else "was not shown to beat"
  form, n = metric.format, result["seeds"]
  seeds, limit = f"{n} seed{'s' * (n > 1)}", ""
  if not is_better and 2.0**-n >= _CLEAR:  # The lowest p of so many.
    limit = f"; {seeds} cannot show p < {_CLEAR}, `baseline_seeds=5` can"
  return (
    f"The {who} {came} random arcs: the {result['split']} {metric.name} of the "
    f"{which} arc is {result['derived']:{form}}, the median of "
    f"{len(result['arcs']) - 1} random ones trained alike "
    f"{result['median_of_random']:{form}} (a gain of {result['gain']:+{form}}, "
    f"p = {result['p']:.2g}, {seeds}{limit})."
  )


def _print(
  run: runs.Run, result: dict[str, Any], metric: tasks.Metric, which: str
) -> None:
  sign = -1 if metric.is_higher_better else 1
  rows: Sequence[dict[str, Any]] = sorted(
    result["arcs"],
    key=lambda row: float("inf") if row["mean"] is None else sign * row["mean"],
  )
  run.terminal.table(
    ["rank", "arc", f"{result['split']} {metric.name}", "sd", "seeds"],
    [
      [
        str(rank),
        which if row["is_best"] else row["arc_string"],
        tables.number(row["mean"], metric.format),
        tables.number(row["sd"], metric.format),
        str(row["seeds"]),
      ]
      for rank, row in enumerate(rows, start=1)
    ],
  )
  run.terminal.say(result["summary"])
