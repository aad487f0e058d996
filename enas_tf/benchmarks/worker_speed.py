"""Tells what worker processes cost, and what several of them gain.

    python -m enas_tf.benchmarks.worker_speed --recipe=quickstart \\
      --children=8 --final_num_epochs=80 --output_dir=outputs/workers

One random arc is trained from scratch again and again, by one worker and then
by as many as `num_workers` says, two by default; on a machine where nothing
else is done. A worker's first child is left out of the times, for data are read
and graphs are made for it; what such a start takes is told apart. The cost is
the time between children that no child is trained in, and the share of a start,
which comes once in `worker_children` children, both over a child's seconds.
"""

import argparse
import contextlib
import dataclasses
import os
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from enas_tf import errors, flags
from enas_tf.benchmarks import studies
from enas_tf.runs import assembly, children, preference


class Timed(NamedTuple):
  """Some children, trained by workers that have started.

  Attributes:
    num_workers: how many children were trained at once.
    start_seconds: from nothing to the end of each worker's first child, less
      what another child takes: so reading data and tracing are in it.
    wall_seconds: of all other children together.
    child_seconds: of each other child.
  """

  num_workers: int
  start_seconds: float
  wall_seconds: float
  child_seconds: list[float]

  @property
  def seconds(self) -> float:
    """Seconds of training of a child, on average."""
    return sum(self.child_seconds) / len(self.child_seconds)

  @property
  def between(self) -> float:
    """Seconds between two children of a worker in which none is trained."""
    busy = sum(self.child_seconds) / self.num_workers
    return (
      (self.wall_seconds - busy) * self.num_workers / len(self.child_seconds)
    )

  @property
  def children_per_hour(self) -> float:
    """How many children are trained in an hour."""
    return 3600 * len(self.child_seconds) / self.wall_seconds


def main(argv: Sequence[str]) -> None:
  """Measures what the arguments ask for, and prints it.

  Args:
    argv: the arguments.
  """
  options, settings = _parse(argv)
  study = studies.Study(
    options.output_dir, settings, {"children": options.children}
  )
  study.install()
  with study.at_rest(settings) as (built, _):
    several = built.experiment.evaluation.num_workers
    study.terminal.say(
      f"Training {options.children} children by 1 worker, then by {several}."
    )
    one = _timed(built, 1, options.children)
    more = _timed(built, several, options.children)
    every = built.experiment.evaluation.worker_children
  result = summary(one, more, every)
  study.terminal.table(
    ["workers", "start, s", "child, s", "between, s", "children/h"],
    [
      [
        str(each.num_workers),
        f"{each.start_seconds:.1f}",
        f"{each.seconds:.2f}",
        f"{each.between:.3f}",
        f"{each.children_per_hour:.0f}",
      ]
      for each in (one, more)
    ],
  )
  study.terminal.say(
    f"\nThe pool costs {result['overhead']:.2%} of a child of "
    f"{one.seconds:.1f} s.\n{several} workers train "
    f"{result['speedup']:.2f} times as many children an hour as one, on "
    f"{result['cores']} cores."
  )
  study.write(result, "worker_speed", options.json)


def _parse(
  argv: Sequence[str],
) -> tuple[argparse.Namespace, dict[str, Any]]:
  parser = studies.arguments((__doc__ or "").splitlines()[0], num_seeds=None)
  add = parser.add_argument
  add("--children", type=int, default=8, help="trained by each pool")
  options, rest = parser.parse_known_args(argv)
  settings = {"num_workers": 2, **flags.settings(rest)}
  workers, num_children = settings["num_workers"], options.children
  if workers < 2 or num_children < 1 or num_children % workers:
    raise errors.ConfigError(
      "Several workers are compared with one, by as many children each: make "
      "`num_workers` 2 at least, and `children` a multiple of it. Received: "
      f"num_workers={workers}, children={num_children}"
    )
  return options, settings


def _timed(
  built: assembly.Assembly, num_workers: int, num_children: int
) -> Timed:
  """Trains children by a pool of its own."""
  (row,) = preference.uniform_arcs(built, 1)
  evaluation = dataclasses.replace(
    built.experiment.evaluation,
    num_workers=num_workers,
    worker_children=num_workers + num_children,  # None is replaced meanwhile.
  )
  experiment = dataclasses.replace(built.experiment, evaluation=evaluation)
  parts = assembly.Assembly(experiment)
  epochs = experiment.final.num_epochs
  with contextlib.closing(children.make_engine(parts)) as engine:

    def train(n: int) -> tuple[float, list[float]]:
      started = time.monotonic()
      found = list(children.score_arcs(parts, engine, [row] * n, epochs=epochs))
      failed = [each.reason for each in found if each.reason is not None]
      if failed:
        raise errors.WorkerError(
          f"A child could not be trained: {failed[0]} Received: "
          f"num_workers={num_workers}"
        )
      return time.monotonic() - started, [each.seconds for each in found]

    first, _ = train(num_workers)
    wall, seconds = train(num_children)
    start = first - sum(seconds) / num_children
    return Timed(num_workers, start, wall, seconds)


def summary(
  one: Timed, several: Timed, children_of_a_worker: int
) -> dict[str, Any]:
  """Returns all numbers, as JSON.

  Args:
    one: of a single worker.
    several: of more.
    children_of_a_worker: after how many a new one starts.
  """
  start = one.start_seconds / children_of_a_worker
  return {
    "one": one._asdict(),
    "several": several._asdict(),
    "overhead": (one.between + start) / one.seconds,
    "speedup": several.children_per_hour / one.children_per_hour,
    "cores": len(os.sched_getaffinity(0)),
  }


if __name__ == "__main__":
  studies.main(main)
