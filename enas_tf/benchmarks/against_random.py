"""Tells whether searches find better networks than luck does.

    python -m enas_tf.benchmarks.against_random --recipe=quickstart \\
      --seeds=6 --final_num_epochs=10 --output_dir=outputs/against_random

For each seed there is a search; its best arc and random ones are then trained
from scratch, alike, and scored on the test split, which nothing was chosen by
(where there is none, on the validation split): `--mode=baseline`, for several
searches. A gain is how
far the best arc is above the median of the random ones. The p are one-sided,
over the seeds: "signs" by flipping the signs of the gains (never below
2^-seeds), "t" by Student's t test.
"""

import argparse
import functools
from collections.abc import Mapping, Sequence
from typing import Any

from enas_tf import flags
from enas_tf.benchmarks import studies
from enas_tf.report import tables
from enas_tf.runs import baseline, derive


def main(argv: Sequence[str]) -> None:
  """Makes the study that the arguments ask for, and prints it.

  Args:
    argv: the arguments.
  """
  options, settings = _parse(argv)
  seeds = studies.seeds(settings, options.seeds)
  settings = {"baseline_seeds": 1, **settings}
  study = studies.Study(options.output_dir, settings)
  study.install()
  found: list[dict[str, Any]] = []
  for seed in seeds:
    study.terminal.say(f"Seed {seed}, {len(found) + 1} of {len(seeds)}.")
    find = functools.partial(_seed, study, seed)
    found.append(study.result(f"seed_{seed}", find))
  pooled = studies.pool([each["gain"] for each in found])
  _print(study, found, pooled)
  result = {"seeds": found, "pooled": pooled}
  study.write(result, "against_random", options.json)


def _parse(
  argv: Sequence[str],
) -> tuple[argparse.Namespace, dict[str, Any]]:
  parser = studies.arguments((__doc__ or "").splitlines()[0])
  options, rest = parser.parse_known_args(argv)
  return options, flags.settings(rest)


def _seed(study: studies.Study, seed: int) -> dict[str, Any]:
  """Searches, derives and compares; returns what became of one seed."""
  folder = study.folder / "searches" / f"seed_{seed}"
  settings = study.settings | {"seed": seed}
  with study.searched(folder, f"seed {seed}", settings) as (built, run):
    derive.run(built, run)
    found = baseline.run(built, run)
    metric = built.task.metric
  best, *others = (each["mean"] for each in found["arcs"])
  known = [each for each in others if each is not None]
  sign = 1 if metric.is_higher_better else -1
  return {
    "seed": seed,
    "arc": found["arcs"][0]["arc_string"],
    "metric": metric.name,
    "format": metric.format,
    "split": found["split"],
    "epochs": found["epochs"],
    "derived": found["derived"],
    "median_of_random": found["median_of_random"],
    "random": others,
    "gain": found["gain"],
    "num_better": sum(sign * each > sign * best for each in known),
    "num_random": len(known),
  }


def _print(
  study: studies.Study,
  found: Sequence[Mapping[str, Any]],
  pooled: Mapping[str, Any],
) -> None:
  first = found[0]
  form = first["format"]
  study.terminal.say(
    f"\nThe {first['metric']} on the {first['split']} split, after "
    f"{first['epochs']} epochs from scratch.\n"
  )
  study.terminal.table(
    ["seed", "derived", "median of random", "gain", "random ones better"],
    [
      [
        str(each["seed"]),
        format(each["derived"], form),
        format(each["median_of_random"], form),
        format(each["gain"], f"+{form}"),
        f"{each['num_better']} of {each['num_random']}",
      ]
      for each in found
    ],
  )
  study.terminal.say(
    f"\nThe mean gain over {pooled['seeds']} seeds is "
    f"{pooled['gain']:+{form}}, sd {tables.number(pooled['gain_sd'], form)},\n"
    f"{pooled['seeds_above']} of them above 0; p signs "
    f"{pooled['p_signs']:.2g}, p t {tables.number(pooled['p_t'], '.2g')}."
  )


if __name__ == "__main__":
  studies.main(main)
