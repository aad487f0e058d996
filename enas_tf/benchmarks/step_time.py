"""Times a search at its recipe's size, against networks that share nothing.

    python -m enas_tf.benchmarks.step_time --search_for=micro

The bound is the same arcs, each compiled as a network of its own with plain
variables. All steps are timed in turns in one process; the start and the
memory are measured in processes of their own. Run nothing beside it.
"""

import argparse
import collections
import json
import os
import pathlib
import platform
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

from enas_tf import startup
from enas_tf.recipes import base

with startup.importing():
  import tensorflow as tf

  from enas_tf.benchmarks import image_subjects, subjects, text_subjects
  from enas_tf.runs import assembly
  from enas_tf.training import graphs

  tf.config.list_physical_devices("GPU")  # The search for one is noted, too.
  tf.get_logger().setLevel("ERROR")  # Many networks are traced: on purpose.

_SUBJECTS = {
  "micro": image_subjects,
  "macro": image_subjects,
  "rnn": text_subjects,
}


def main() -> None:
  """Measures what the command line asks for, and prints it."""
  options = _parse()
  graphs.prepare()
  if options.started is not None:
    _print_start(options)
    return
  print(
    f"--search_for={options.search_for}, batches of {options.batch_size}, "
    f"{options.arcs} random arcs, {options.repeats} repeats, seed "
    f"{options.seed}; {os.cpu_count()} CPUs, {platform.machine()}, "
    f"TensorFlow {tf.__version__}"
  )
  with tempfile.TemporaryDirectory() as folder:
    data = _SUBJECTS[options.search_for].write_data(pathlib.Path(folder))
    _report_start(options, data)
    _report_steps(options, data)


def _parse() -> argparse.Namespace:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  add = parser.add_argument
  add("--search_for", default="micro", choices=sorted(_SUBJECTS))
  add("--batch_size", type=int, help="images in a batch")
  add("--arcs", type=int, default=20, help="random arcs that are timed")
  add("--repeats", type=int, default=3, help="times that each arc is timed")
  add("--starts", type=int, default=3, help="processes that are started")
  add("--steps", type=int, default=200, help="steps in which memory may grow")
  add("--seed", type=int, default=0, help="of the arcs and the weights")
  add("--started", type=float, help=argparse.SUPPRESS)
  add("--data_path", help=argparse.SUPPRESS)
  options = parser.parse_args()
  if options.batch_size is None:
    sizes = _SUBJECTS[options.search_for].BATCH_SIZES
    options.batch_size = sizes[options.search_for]
  return options


def _experiment(
  options: argparse.Namespace, data: pathlib.Path
) -> base.Experiment:
  return _SUBJECTS[options.search_for].experiment(
    options.search_for, options.batch_size, options.seed, str(data)
  )


def _report_start(options: argparse.Namespace, data: pathlib.Path) -> None:
  results = []
  for i in range(options.starts):
    command = [
      sys.executable,
      "-m",
      "enas_tf.benchmarks.step_time",
      f"--search_for={options.search_for}",
      f"--data_path={data}",
      f"--batch_size={options.batch_size}",
      f"--seed={options.seed}",
      f"--steps={options.steps if i == 0 else 0}",
      f"--started={time.time()}",
    ]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    results.append(json.loads(done.stdout))
  seconds = " ".join(f"{each['seconds']:.1f}" for each in results)
  print(f"process start to the end of the first step: {seconds} s")
  first = results[0]
  print(f"traces of the step after {options.steps} arcs: {first['traces']}")
  print(
    f"peak memory after {options.steps // 2} steps: {first['half']:.0f} MB, "
    f"after {options.steps}: {first['all']:.0f} MB"
  )


def _print_start(options: argparse.Namespace) -> None:
  """Runs in a process of its own, for `_report_start`."""
  parts = assembly.Assembly(_experiment(options, options.data_path)).search
  assert parts.child is not None
  parts.child.run(parts.controller.sample(1))
  result = {"seconds": time.time() - options.started}
  for name in ("half", "all"):
    if options.steps:
      parts.child.run(parts.controller.sample(options.steps // 2))
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result[name] = kilobytes / 1024
  result["traces"] = parts.child.num_traces
  print(json.dumps(result))


def _report_steps(options: argparse.Namespace, data: pathlib.Path) -> None:
  module = _SUBJECTS[options.search_for]
  settings = _experiment(options, data)
  timed = subjects.Subjects(
    settings,
    module.with_more_operations(settings),
    module.LARGER,
    options.arcs,
  )
  found: dict[str, list[float]] = collections.defaultdict(list)
  for repeat in range(options.repeats + 1):
    for i in range(options.arcs):
      for name, function in timed.functions.items():
        started = time.perf_counter()
        function(i)
        if repeat:  # The first round compiles.
          found[name].append(time.perf_counter() - started)
  times = {  # Milliseconds; repeats are rows.
    name: 1000 * np.reshape(values, [options.repeats, options.arcs])
    for name, values in found.items()
  }
  times["controller update, an arc"] = (
    times["supernet forward"]
    + times["controller sample and update"] / timed.num_aggregate
  )
  for name, values in times.items():
    print(f"{name}: {values.mean():.1f} ms")
  for name, other, goal in (
    ("supernet step", "static step", module.GOALS[options.search_for]),
    (f"supernet step, {module.LARGER}", "supernet step", 1.05),
    ("controller update, an arc", "static forward", 1.15),
    ("controller update, an arc", "supernet forward", 1.15),
  ):
    ratios = times[name].mean(1) / times[other].mean(1)
    print(
      f"{name} / {other}: {times[name].mean() / times[other].mean():.3f} "
      f"(repeats {ratios.min():.3f} to {ratios.max():.3f}; goal {goal})"
    )
  batch = timed.seconds_per_batch()
  step = times["supernet step"].mean() / 1000
  print(
    f"input pipeline: {1000 * batch:.2f} ms a batch, {step / batch:.0f} times "
    "as fast as the step (goal 5)"
  )


if __name__ == "__main__":
  main()
