"""Tells whether shared weights rank arcs as training them from scratch does.

    python -m enas_tf.benchmarks.rank_correlation --recipe=quickstart \\
      --arcs=30 --moments=10,20,30 --child_sampling=policy,uniform,fair \\
      --seeds=1 --child_epochs=10 --output_dir=outputs/ranks

The same random arcs are scored by the shared weights of a search, at several
moments (epochs) of it, and by training each from scratch, which is done once
for all searches. Shared weights score on the validation split, which rewards
are computed on; what was trained from scratch is scored on the test split,
which neither has seen. Intervals are of 95 %, by resampling the arcs. Where
there are several seeds of the search, each has a row, and their mean scores
have one.
"""

import argparse
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from enas_tf import errors, flags, statistics
from enas_tf.benchmarks import studies
from enas_tf.evaluators import base as evaluators
from enas_tf.runs import assembly, preference, trainings
from enas_tf.settings import evaluation

_DEFAULT_ARCS, _LEAST_ARCS = 30, 3


def kendall_tau(rows: np.ndarray) -> float:
  """Returns Kendall's tau-b; NaN if one of both is constant.

  Args:
    rows: [n, 2].
  """
  return _correlation("kendalltau", rows)


def spearman(rows: np.ndarray) -> float:
  """Returns Spearman's rank correlation; NaN if one of both is constant.

  Args:
    rows: [n, 2].
  """
  return _correlation("spearmanr", rows)


def _correlation(name: str, rows: np.ndarray) -> float:
  from scipy import stats  # `studies.main` says so if it is missing.

  is_constant = not len(rows) or (rows == rows[0]).all(0).any()
  if is_constant:
    return float("nan")
  return float(getattr(stats, name)(*rows.T).statistic)


# Of rows [n, 2]: the scores by shared weights, and those from scratch.
_CORRELATIONS = {"kendall_tau": kendall_tau, "spearman": spearman}


def main(argv: Sequence[str]) -> None:
  """Makes the study that the arguments ask for, and prints it.

  Args:
    argv: the arguments.
  """
  options, settings = _parse(argv)
  seeds = studies.seeds(settings, options.seeds)
  asked = {
    "num_arcs": options.arcs,
    "child_epochs": options.child_epochs,
    "child_seeds": options.child_seeds,
  }
  study = studies.Study(options.output_dir, settings, asked)
  study.install()
  scratch = _from_scratch(study, seeds[0], options)
  shared = {
    (sampling, epoch, seed): scores
    for sampling in options.child_sampling
    for seed in seeds
    for epoch, scores in _shared(
      study, sampling, seed, scratch, options
    ).items()
  }
  rows = correlations(shared, np.array(scratch["scores"], float))
  _print(study, rows, scratch)
  result = {
    **asked,
    "num_scored": int(np.isfinite(np.array(scratch["scores"], float)).sum()),
    "from_scratch": scratch,
    "rows": rows,
  }
  study.write(result, "rank_correlation", options.json)


def _parse(
  argv: Sequence[str],
) -> tuple[argparse.Namespace, dict[str, Any]]:
  parser = studies.arguments((__doc__ or "").splitlines()[0], num_seeds=1)
  add = parser.add_argument
  add("--arcs", type=int, default=_DEFAULT_ARCS, help="random arcs")
  add(
    "--moments",
    type=studies.integers,
    help="epochs of the search after which arcs are scored, such as 10,20,30; "
    "by default a third, two thirds and all of it",
  )
  add(
    "--child_sampling",
    type=studies.words,
    default=("policy",),
    help=f"of {','.join(evaluation.CHILD_SAMPLINGS)}, those to compare",
  )
  add("--child_epochs", type=int, default=10, help="of a training from scratch")
  add("--child_seeds", type=int, default=1, help="trainings of each arc")
  options, rest = parser.parse_known_args(argv)
  unknown = set(options.child_sampling) - set(evaluation.CHILD_SAMPLINGS)
  if unknown or not options.child_sampling:
    raise errors.ConfigError(
      f"`child_sampling` is some of {', '.join(evaluation.CHILD_SAMPLINGS)}, "
      "with commas between them. Received: child_sampling="
      f"{','.join(options.child_sampling)}"
    )
  return options, flags.settings(rest)


def _from_scratch(
  study: studies.Study, seed: int, options: argparse.Namespace
) -> dict[str, Any]:
  """Returns the arcs, and their scores from scratch, as JSON.

  The score of an arc whose training failed is None.
  """

  def make() -> dict[str, Any]:
    with study.at_rest(study.settings | {"seed": seed}) as (built, run):
      arcs = preference.uniform_arcs(built, options.arcs)
      wanted = [
        trainings.Training(tuple(arc), repeat, options.child_epochs)
        for arc in arcs.tolist()
        for repeat in range(options.child_seeds)
      ]
      study.terminal.say(f"Training {len(wanted)} children from scratch.")
      split = trainings.fresh(built)
      found = trainings.scored(
        built, run, wanted, split, study.folder / "children.jsonl"
      )
      metric = built.task.metric
    scores = []
    for arc in arcs.tolist():
      of_arc = [found[each] for each in wanted if each.arc == tuple(arc)]
      known = [each for each in of_arc if each is not None]
      scores.append(float(np.mean(known)) if known else None)
    num_scored = sum(each is not None for each in scores)
    if num_scored < _LEAST_ARCS:
      raise errors.ConfigError(
        "Too few arcs could be trained from scratch to rank them: mend what "
        "fails, or ask for more `arcs`. Received: "
        f"arcs={options.arcs}, trained={num_scored}"
      )
    return {
      "arcs": arcs.tolist(),
      "scores": scores,
      "split": trainings.SPLITS[split],
      "metric": metric.name,
      "format": metric.format,
    }

  return study.result("from_scratch", make)


def _shared(
  study: studies.Study,
  sampling: str,
  seed: int,
  scratch: Mapping[str, Any],
  options: argparse.Namespace,
) -> dict[int, np.ndarray]:
  """Returns the scores of the arcs by shared weights, at each moment."""
  arcs = np.array(scratch["arcs"], np.int32)
  settings = study.settings | {"seed": seed, "child_sampling": sampling}
  folder = study.folder / "searches" / f"{sampling}_{seed}"
  moments = options.moments or _thirds(studies.num_epochs(settings))
  label = f"{sampling}, seed {seed}"

  def make(epoch: int) -> list[float]:
    with study.searched(folder, label, settings, epoch) as (built, _):
      return _scores(built, arcs)

  return {
    epoch: np.array(
      study.result(f"{sampling}_{seed}_{epoch}", functools.partial(make, epoch))
    )
    for epoch in sorted(moments)
  }


def _thirds(num_epochs: int) -> list[int]:
  return sorted({max(1, round(num_epochs * i / 3)) for i in (1, 2, 3)})


def _scores(built: assembly.Assembly, arcs: np.ndarray) -> list[float]:
  """Returns the metric of arcs on the validation split, by shared weights."""
  evaluator = built.search.evaluator
  assert isinstance(evaluator, evaluators.OnBatches)  # Others are refused.
  return evaluator.score_on(
    arcs, built.task.valid_batches(built.experiment.search)
  )


def correlations(
  shared: Mapping[tuple[str, int, int], np.ndarray], scratch: np.ndarray
) -> list[dict[str, Any]]:
  """Returns how alike scores rank, for each sampling, moment and seed.

  Args:
    shared: scores by shared weights, by sampling, epoch and seed, [n] each.
    scratch: scores from scratch, [n]; NaN where there is none.

  Returns:
    A row for each seed and, with "seed" None, one for the mean scores of all.
  """
  rows = []
  seeds = sorted({seed for _, _, seed in shared})
  for sampling, epoch in dict.fromkeys(key[:2] for key in shared):
    of_seeds = [shared[sampling, epoch, seed] for seed in seeds]
    for seed, scores in zip(seeds, of_seeds, strict=True):
      rows.append(_row(sampling, epoch, seed, scores, scratch))
    mean = np.mean(of_seeds, axis=0)
    rows.append(_row(sampling, epoch, None, mean, scratch))
  return rows


def _row(
  sampling: str,
  epoch: int,
  seed: int | None,
  shared: np.ndarray,
  scratch: np.ndarray,
) -> dict[str, Any]:
  is_known = np.isfinite(shared) & np.isfinite(scratch)
  pairs = np.stack([shared, scratch], 1)[is_known]
  row: dict[str, Any] = {
    "child_sampling": sampling,
    "epoch": epoch,
    "seed": seed,
    "num_arcs": len(pairs),
    "mean_shared": float(np.mean(shared[np.isfinite(shared)])),
  }
  for name, function in _CORRELATIONS.items():
    low, high = statistics.bootstrap(function, pairs)
    row[name] = trainings.finite(function(pairs))
    row[f"{name}_low"] = trainings.finite(low)
    row[f"{name}_high"] = trainings.finite(high)
  return row


def _print(
  study: studies.Study,
  rows: Sequence[Mapping[str, Any]],
  scratch: Mapping[str, Any],
) -> None:
  scores = np.array(scratch["scores"], float)
  form = scratch["format"]
  study.terminal.say(
    f"\n{np.isfinite(scores).sum()} random arcs trained from scratch: "
    f"{scratch['metric']} {np.nanmean(scores):{form}} +- "
    f"{np.nanstd(scores, ddof=1):{form}} on the {scratch['split']} split.\n"
  )
  several = len({row["seed"] for row in rows}) > 2
  study.terminal.table(
    ["sampling", "epoch", "seed", "mean", "Kendall tau", "Spearman"],
    [
      [
        row["child_sampling"],
        str(row["epoch"]),
        "all" if row["seed"] is None else str(row["seed"]),
        format(row["mean_shared"], form),
        *(_interval(row, name) for name in _CORRELATIONS),
      ]
      for row in rows
      # The mean of one seed is that seed.
      if several or row["seed"] is not None
    ],
  )


def _interval(row: Mapping[str, Any], name: str) -> str:
  values = (row[name], row[f"{name}_low"], row[f"{name}_high"])
  if any(value is None for value in values):
    return "-"
  return "{:+.2f} ({:+.2f} to {:+.2f})".format(*values)


if __name__ == "__main__":
  studies.main(main)
