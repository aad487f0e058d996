"""What is timed: the steps of a supernet, beside those of static networks."""

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from enas_tf import trials
from enas_tf.layers import norm
from enas_tf.recipes import base
from enas_tf.runs import assembly
from enas_tf.training import measuring, schedules, trainer

_NUM_FOR_PIPELINE = 200  # Batches.
_STEPS_PER_EPOCH = 2_000  # Of the learning rate's schedule.


class Subjects:
  """What is timed of a search space.

  Args:
    experiment: its settings; the final child is what the supernet runs.
    more_operations: the settings with more operations.
    what: what there is more of, in words.
    num_arcs: how many random arcs are timed.

  Attributes:
    functions: by name; each takes the number of an arc.
    num_aggregate: arcs of a controller update.
  """

  def __init__(
    self,
    experiment: base.Experiment,
    more_operations: base.Experiment,
    what: str,
    num_arcs: int,
  ) -> None:
    self._built = built = assembly.Assembly(experiment)
    self._settings = experiment.search
    seed = built.seed("supernet")
    self._stream = built.task.train_stream(self._settings, seed)
    self._batch = next(iter(self._stream(0)))
    rng = np.random.default_rng(experiment.run.seed)
    arcs = [built.space.random(rng) for _ in range(num_arcs)]
    rows = [built.space.encode(arc)[None] for arc in arcs]
    tensors = [tf.constant(row[0]) for row in rows]
    supernet = built.parts.make_supernet(seed)
    larger = assembly.Assembly(more_operations).parts.make_supernet(seed)
    static = [_static(built.parts.make_child(arc, seed, 1)) for arc in arcs]
    step, step_of_larger = self._trainer(supernet), self._trainer(larger)
    static_steps = [self._trainer(each) for each in static]
    score = self._measurement(supernet)
    static_scores = [self._measurement(each) for each in static]
    controller = built.make_controller()
    self.num_aggregate = n = experiment.controller.num_aggregate
    told = [_trials(row, n) for row in rows]

    def update(i: int) -> None:
      controller.propose(n)
      controller.update(told[i])

    self.functions: dict[str, Callable[[int], Any]] = {
      "supernet step": lambda i: step.run(rows[i]),
      "static step": lambda i: static_steps[i].run_steps(
        [None], trainer.Means()
      ),
      f"supernet step, {what}": lambda i: step_of_larger.run(rows[i]),
      "supernet forward": lambda i: score([self._batch], tensors[i]),
      "static forward": lambda i: static_scores[i]([self._batch]),
      "controller sample and update": update,
    }

  def _same_batch(self, step: int) -> Iterator[Any]:
    del step
    return itertools.repeat(self._batch)

  def _trainer(self, network: Any) -> trainer.Trainer:
    schedule = schedules.from_settings(self._settings, _STEPS_PER_EPOCH)
    return trainer.Trainer(
      network,
      self._built.task.steps(self._settings, network),
      self._same_batch,
      self._built.parts.make_optimizer(network, self._settings, schedule),
      batch_size=self._settings.batch_size,
    )

  def _measurement(self, network: Any) -> Callable[..., float]:
    steps = self._built.task.steps(self._settings, network)
    return measuring.Measurement(network, steps).score

  def seconds_per_batch(self) -> float:
    """Returns how long the input pipeline takes, when nothing else runs."""
    batches = iter(self._stream(0))
    next(batches)
    started = time.perf_counter()
    for _ in range(_NUM_FOR_PIPELINE):
      tf.nest.map_structure(tf.convert_to_tensor, tuple(next(batches)))
    return (time.perf_counter() - started) / _NUM_FOR_PIPELINE


def _static(child: keras.Model) -> keras.Model:
  """Returns a child that normalizes as a supernet does."""
  for layer in child.layers:
    if isinstance(layer, norm.BatchNorm):
      layer.moving_statistics = False
  if isinstance(child.input, dict):
    return child
  images = {"images": child.input}
  return keras.Model(images, child.output)


def _trials(row: np.ndarray, n: int) -> list[trials.Trial]:
  """Returns trials of one arc [1, num_decisions], as a controller is told."""
  arc = tuple(row[0].tolist())
  return [trials.Trial(i, arc, scores={"reward": 0.0}) for i in range(n)]
