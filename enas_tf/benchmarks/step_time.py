"""Times a search at its recipe's size, against networks that share nothing.

    python -m enas_tf.benchmarks.step_time --search_for=micro

The bound is the same arcs, each compiled as a network of its own with plain
variables. All steps are timed in turns in one process; the start and the
memory are measured in processes of their own. Run nothing beside it.
"""

import argparse
import collections
import dataclasses
import itertools
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
import tensorflow as tf

from enas_tf import config
from enas_tf.data import images, pipeline
from enas_tf.evaluators import shared_weights
from enas_tf.layers import norm, operations
from enas_tf.runs import families
from enas_tf.training import schedules, supernet

_NUM_IMAGES = 2_000
_GOALS = {"micro": 1.15, "macro": 1.07}  # Of a step, against the bound.
_BATCH_SIZES = {"micro": 32, "macro": 64}
_NUM_FOR_PIPELINE = 200  # Batches.


def main() -> None:
  options = _parse()
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
    data = pathlib.Path(folder) / "random.npz"
    _write_images(data)
    _report_start(options, data)
    _report_steps(options, data)


def _parse() -> argparse.Namespace:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  add = parser.add_argument
  add("--search_for", default="micro", choices=sorted(families.FAMILIES))
  add("--batch_size", type=int, help="images in a batch")
  add("--arcs", type=int, default=20, help="random arcs that are timed")
  add("--repeats", type=int, default=3, help="times that each arc is timed")
  add("--starts", type=int, default=3, help="processes that are started")
  add("--steps", type=int, default=200, help="steps in which memory may grow")
  add("--seed", type=int, default=0, help="of the arcs and the weights")
  add("--started", type=float, help=argparse.SUPPRESS)
  add("--data_path", help=argparse.SUPPRESS)
  options = parser.parse_args()
  options.batch_size = options.batch_size or _BATCH_SIZES[options.search_for]
  return options


def _write_images(path) -> None:
  """Writes random images of CIFAR-10's shape."""
  rng = np.random.default_rng(0)
  pixels = rng.integers(0, 256, (_NUM_IMAGES, 32, 32, 3), np.uint8)
  labels = np.arange(_NUM_IMAGES) % 10
  np.savez(path, x_train=pixels, y_train=labels, x_test=pixels, y_test=labels)


def _experiment(options, data) -> config.ExperimentConfig:
  """Returns the search recipe; its final child is what the supernet runs."""
  recipe = config.RECIPES[options.search_for]
  search = dataclasses.replace(recipe.search, batch_size=options.batch_size)
  return dataclasses.replace(
    recipe,
    run=dataclasses.replace(recipe.run, seed=options.seed),
    data=config.DataConfig(data="cifar10", data_path=str(data)),
    search=search,
    final=dataclasses.replace(search, as_searched=True),
  )


def _with_ten_operations(experiment) -> config.ExperimentConfig:
  ops = experiment.search.ops
  known = [
    word.removeprefix("macro/")
    for word in operations.words(experiment.run.search_for)
  ]
  others = [word for word in known if word not in ops]
  search = dataclasses.replace(
    experiment.search, ops=(*ops, *others[: 10 - len(ops)])
  )
  return dataclasses.replace(experiment, search=search)


def _report_start(options, data) -> None:
  results = []
  for i in range(options.starts):
    command = [
      sys.executable, "-m", "enas_tf.benchmarks.step_time",
      f"--search_for={options.search_for}", f"--data_path={data}",
      f"--batch_size={options.batch_size}", f"--seed={options.seed}",
      f"--steps={options.steps if i == 0 else 0}",
      f"--started={time.time()}",
    ]  # fmt: skip
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


def _print_start(options) -> None:
  """Runs in a process of its own, for `_report_start`."""
  parts = families.get(_experiment(options, options.data_path)).search_parts()
  parts.child.run(parts.controller.propose(1))
  result = {"seconds": time.time() - options.started}
  for name in ("half", "all"):
    if options.steps:
      parts.child.run(parts.controller.propose(options.steps // 2))
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result[name] = kilobytes / 1024
  result["traces"] = parts.child.num_traces
  print(json.dumps(result))


def _report_steps(options, data) -> None:
  subjects = _Subjects(options, _experiment(options, data))
  times = collections.defaultdict(list)
  for repeat in range(options.repeats + 1):
    for i in range(options.arcs):
      for name, function in subjects.functions.items():
        started = time.perf_counter()
        function(i)
        if repeat:  # The first round compiles.
          times[name].append(time.perf_counter() - started)
  times = {  # Milliseconds; repeats are rows.
    name: 1000 * np.reshape(values, [options.repeats, options.arcs])
    for name, values in times.items()
  }
  times["controller update, an arc"] = (
    times["supernet forward"]
    + times["controller sample and update"] / subjects.num_aggregate
  )
  for name, values in times.items():
    print(f"{name}: {values.mean():.1f} ms")
  for name, other, goal in (
    ("supernet step", "static step", subjects.goal),
    ("supernet step, 10 operations", "supernet step", 1.05),
    ("controller update, an arc", "static forward", 1.15),
    ("controller update, an arc", "supernet forward", 1.15),
  ):
    ratios = times[name].mean(1) / times[other].mean(1)
    print(
      f"{name} / {other}: {times[name].mean() / times[other].mean():.3f} "
      f"(repeats {ratios.min():.3f} to {ratios.max():.3f}; goal {goal})"
    )
  batch = subjects.seconds_per_batch()
  step = times["supernet step"].mean() / 1000
  print(
    f"input pipeline: {1000 * batch:.2f} ms a batch, {step / batch:.0f} times "
    "as fast as the step (goal 5)"
  )


class _Subjects:
  """What is timed.

  Attributes:
    functions: by name; each takes the number of an arc.
  """

  def __init__(self, options, experiment):
    family = families.get(experiment)
    self.goal = _GOALS[options.search_for]
    self._search = experiment.search
    self._dataset = images.load(experiment.data, hold_out=True)
    self._batch = next(iter(self._batches()))
    rng = np.random.default_rng(options.seed)
    arcs = [family.space.random(rng) for _ in range(options.arcs)]
    rows = [tf.constant([family.space.encode(arc)]) for arc in arcs]
    network = family.make_supernet(self._dataset)
    larger = families.get(_with_ten_operations(experiment)).make_supernet(
      self._dataset
    )
    static = [_Static(family.make_child(arc, self._dataset, 1)) for arc in arcs]
    step, step_of_larger = self._trainer(network), self._trainer(larger)
    static_steps = [self._trainer(each) for each in static]
    forward = self._evaluator(network)
    static_forward = [self._evaluator(each) for each in static]
    controller = family.make_controller()
    self.num_aggregate = n = experiment.controller.num_aggregate

    def update(i):
      controller.propose(n)
      controller.update(tf.tile(rows[i], [n, 1]), tf.zeros([n]))

    self.functions = {
      "supernet step": lambda i: step(rows[i]),
      "static step": lambda i: static_steps[i](rows[i]),
      "supernet step, 10 operations": lambda i: step_of_larger(rows[i]),
      "supernet forward": lambda i: forward(rows[i]),
      "static forward": lambda i: static_forward[i](rows[i]),
      "controller sample and update": update,
    }

  def _batches(self):
    return pipeline.train_batches(
      self._dataset.train,
      self._dataset,
      batch_size=self._search.batch_size,
      seed=0,
    )

  def _same_batch(self, step):
    del step
    return itertools.repeat(self._batch)

  def _trainer(self, network):
    trainer = supernet.SupernetTrainer(
      network,
      self._same_batch,
      schedules.from_config(self._search, _NUM_IMAGES),
      l2_reg=self._search.l2_reg,
      clip_mode=self._search.clip_mode,
      grad_bound=self._search.grad_bound,
    )
    return trainer.run

  def _evaluator(self, network):
    return shared_weights.SharedWeights(network, self._same_batch).evaluate

  def seconds_per_batch(self) -> float:
    batches = iter(self._batches())
    next(batches)
    started = time.perf_counter()
    for _ in range(_NUM_FOR_PIPELINE):
      next(batches)
    return (time.perf_counter() - started) / _NUM_FOR_PIPELINE


class _Static:
  """A child that stands where a supernet is expected; it has no banks."""

  banks = ()

  def __init__(self, model):
    self._model = model
    for layer in model.layers:
      if isinstance(layer, norm.BatchNorm):
        layer.moving_statistics = False  # As in a supernet.
    self.trainable_variables = model.trainable_variables

  def chosen(self, arc):
    del arc
    return []

  def __call__(self, inputs, training):
    return self._model(inputs["images"], training=training)


if __name__ == "__main__":
  main()
