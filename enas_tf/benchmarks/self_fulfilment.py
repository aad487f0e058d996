"""Tells whether what a search learns is true, or fulfils itself.

    python -m enas_tf.benchmarks.self_fulfilment --recipe=quickstart \\
      --seeds=6 --output_dir=outputs/study

A controller is rewarded by weights that its own arcs train: what it happens to
prefer becomes good in them. So for each seed arcs of the trained controller
("own") are compared with uniform ones twice: in the weights of its search, and
in weights of the same seed that were trained on uniform arcs alone, in which
arcs of the untrained controller are looked at, too. What is better there, is
better ("transfer"). All are scored on the test split, which neither rewards nor
training have seen.

Of the p, all one-sided, "arcs" is of these controllers and these weights: their
arcs are permuted within a seed, and a controller that likes one good arc by
chance has a low one. "signs" and "t" are of such searches in general: of the
seeds, by flipping the signs of their differences (never below 2^-seeds), and by
Student's t test.
"""

import argparse
import functools
import hashlib
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from enas_tf import errors, flags, statistics
from enas_tf.benchmarks import studies
from enas_tf.evaluators import base as evaluators
from enas_tf.report import tables
from enas_tf.runs import assembly, preference

# In the evenly trained weights, what a controller is told by is of no matter.
_NOT_OF_WEIGHTS = (
  "controller",
  "evaluator",
  "child_sampling",
  "child_warmup",
  "derive",
  "baseline",
  "worker",
  "num_workers",
)
# What is compared with what, in which weights.
_COMPARED = (
  ("own weights, over uniform", "own_weights", "own", "uniform"),
  ("transfer, over uniform", "even_weights", "own", "uniform"),
  ("transfer, over untrained", "even_weights", "own", "untrained"),
)


def main(argv: Sequence[str]) -> None:
  """Makes the study that the arguments ask for, and prints it.

  Args:
    argv: the arguments.
  """
  options, settings = _parse(argv)
  seeds = studies.seeds(settings, options.seeds)
  study = studies.Study(
    options.output_dir, settings, {"num_arcs": options.arcs}
  )
  study.install()
  evenly = pathlib.Path(options.evenly_dir or study.folder / "evenly")
  found: list[dict[str, Any]] = []
  for seed in seeds:
    study.terminal.say(f"Seed {seed}, {len(found) + 1} of {len(seeds)}.")
    find = functools.partial(_seed, study, seed, options, evenly)
    found.append(study.result(f"seed_{seed}", find))
  pooled = pool(found)
  _print(study, found, pooled, options.arcs)
  result = {
    "num_arcs": options.arcs,
    "seeds": found,
    "pooled": pooled,
  }
  study.write(result, "self_fulfilment", options.json)


def _parse(
  argv: Sequence[str],
) -> tuple[argparse.Namespace, dict[str, Any]]:
  parser = studies.arguments((__doc__ or "").splitlines()[0])
  add = parser.add_argument
  add("--arcs", type=int, default=preference.NUM_ARCS, help="of each kind")
  add(
    "--evenly_dir",
    help="where evenly trained weights lie; studies of other controllers can "
    "share it; by default evenly/ in the study's folder",
  )
  options, rest = parser.parse_known_args(argv)
  settings = flags.settings(rest)
  evaluator = settings.get("evaluator", "shared_weights")
  if evaluator != "shared_weights":
    raise errors.ConfigError(
      "Self-fulfilment is of shared weights: take `evaluator` away. Received: "
      f"evaluator={evaluator}"
    )
  return options, settings


def _seed(
  study: studies.Study,
  seed: int,
  options: argparse.Namespace,
  evenly: pathlib.Path,
) -> dict[str, Any]:
  """Returns the scores of one seed; searches, and trains evenly, if need be."""
  label = f"seed {seed}"
  folder = study.folder / "searches" / f"seed_{seed}"
  settings = study.settings | {"seed": seed}
  with study.searched(folder, label, settings) as (built, _):
    arcs = {
      "own": preference.own_arcs(built, options.arcs),
      "uniform": preference.uniform_arcs(built, options.arcs),
    }
    of_own = _scores(built, arcs)
    arcs["untrained"] = built.make_controller().sample(options.arcs)
    metric, split = built.task.metric, _split(built)[0]
  settings = evenly_trained(study.settings)
  folder = evenly.absolute() / _digest(settings) / f"seed_{seed}"
  settings["seed"] = seed
  with study.searched(folder, f"{label}, evenly", settings) as (built, _):
    of_even = _scores(built, arcs)
  return {
    "seed": seed,
    "split": split,
    "metric": metric.name,
    "is_higher_better": metric.is_higher_better,
    "format": metric.format,
    "own_weights": of_own,
    "even_weights": of_even,
  }


def evenly_trained(settings: Mapping[str, Any]) -> dict[str, Any]:
  """Returns the settings of a search that trains weights on uniform arcs alone.

  Args:
    settings: of the search, by public names.
  """
  kept = {
    name: value
    for name, value in settings.items()
    if not name.startswith(_NOT_OF_WEIGHTS)
  }
  return kept | {"controller": "random", "controller_training": False}


def _digest(settings: Mapping[str, Any]) -> str:
  text = json.dumps(settings, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:8]


def _split(built: assembly.Assembly) -> tuple[str, Any]:
  """Returns the name and the batches of the data to compare on."""
  training = built.experiment.search
  batches = built.task.test_batches(training)
  if batches is not None:
    return "test", batches
  return "validation", built.task.valid_batches(training)


def _scores(
  built: assembly.Assembly, arcs: Mapping[str, np.ndarray]
) -> dict[str, list[float]]:
  """Returns the metric of arcs of several kinds in the weights of a search."""
  evaluator = built.search.evaluator
  assert isinstance(evaluator, evaluators.OnBatches)  # Others are refused.
  _, batches = _split(built)
  scores = evaluator.score_on(np.concatenate(list(arcs.values())), batches)
  ends = np.cumsum([len(each) for each in arcs.values()])[:-1]
  parts = np.split(np.array(scores), ends)
  return {name: part.tolist() for name, part in zip(arcs, parts, strict=True)}


def pool(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
  """Returns each comparison over all seeds.

  Args:
    found: of each seed: "own_weights" and "even_weights", with the scores of
      arcs by their kind; and "is_higher_better".
  """
  sign = 1 if found[0]["is_higher_better"] else -1
  pooled = []
  for name, weights, kind, other in _COMPARED:
    ours = [sign * np.array(each[weights][kind]) for each in found]
    theirs = [sign * np.array(each[weights][other]) for each in found]
    gains = [a.mean() - b.mean() for a, b in zip(ours, theirs, strict=True)]
    pooled.append(
      {
        "comparison": name,
        "p_arcs": statistics.permutation(ours, theirs),
        **studies.pool(gains),
      }
    )
  return pooled


def _print(
  study: studies.Study,
  found: Sequence[Mapping[str, Any]],
  pooled: Sequence[Mapping[str, Any]],
  num_arcs: int,
) -> None:
  metric, split = found[0]["metric"], found[0]["split"]
  study.terminal.say(
    f"\nMean {metric} of {num_arcs} arcs of each kind on the {split} split.\n"
  )
  study.terminal.table(*_by_seed(found))
  study.terminal.say("")
  study.terminal.table(*_over_seeds(pooled))
  if split != "test":
    study.terminal.say(
      "There is no test split: the rewards were computed on these data, too."
    )


def _by_seed(
  found: Sequence[Mapping[str, Any]],
) -> tuple[list[str], list[list[str]]]:
  headers = ["seed", "own w.: own", "uniform"]
  headers += ["even w.: own", "uniform", "untrained"]
  form = found[0]["format"]
  rows = []
  for each in found:
    means = [
      np.mean(each[weights][kind])
      for weights, kinds in (
        ("own_weights", ("own", "uniform")),
        ("even_weights", ("own", "uniform", "untrained")),
      )
      for kind in kinds
    ]
    rows.append([str(each["seed"]), *(format(x, form) for x in means)])
  return headers, rows


def _over_seeds(
  pooled: Sequence[Mapping[str, Any]],
) -> tuple[list[str], list[list[str]]]:
  headers = ["gain of own arcs", "mean", "sd", "above 0"]
  headers += ["p arcs", "p signs", "p t"]
  rows = [
    [
      each["comparison"],
      f"{each['gain']:+.4f}",
      tables.number(each["gain_sd"], ".4f"),
      f"{each['seeds_above']} of {each['seeds']}",
      *(tables.number(each[f"p_{x}"], ".2g") for x in ("arcs", "signs", "t")),
    ]
    for each in pooled
  ]
  return headers, rows


if __name__ == "__main__":
  studies.main(main)
