"""What is timed of the spaces of image networks."""

import dataclasses
import itertools
import time

import numpy as np

from enas_tf import config, trials
from enas_tf.data import images, pipeline
from enas_tf.evaluators import shared_weights
from enas_tf.layers import norm, operations
from enas_tf.runs import families
from enas_tf.tasks import image_steps
from enas_tf.training import optimizers, schedules, trainer

GOALS = {"micro": 1.15, "macro": 1.07}  # Of a step, against the bound.
BATCH_SIZES = {"micro": 32, "macro": 64}
LARGER = "10 operations"
_NUM_IMAGES = 2_000
_NUM_FOR_PIPELINE = 200  # Batches.


def write_data(folder):
  """Writes random images of CIFAR-10's shape; returns the file's path."""
  rng = np.random.default_rng(0)
  pixels = rng.integers(0, 256, (_NUM_IMAGES, 32, 32, 3), np.uint8)
  labels = np.arange(_NUM_IMAGES) % 10
  path = folder / "random.npz"
  np.savez(path, x_train=pixels, y_train=labels, x_test=pixels, y_test=labels)
  return path


def experiment(options, data) -> config.ExperimentConfig:
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


def _with_ten_operations(settings) -> config.ExperimentConfig:
  ops = settings.search.ops
  known = [
    word.removeprefix("macro/")
    for word in operations.words(settings.run.search_for)
  ]
  others = [word for word in known if word not in ops]
  search = dataclasses.replace(
    settings.search, ops=(*ops, *others[: 10 - len(ops)])
  )
  return dataclasses.replace(settings, search=search)


class Subjects:
  """What is timed.

  Attributes:
    functions: by name; each takes the number of an arc.
    num_aggregate: arcs of a controller update.
  """

  def __init__(self, options, settings):
    family = families.get(settings)
    self._search = settings.search
    self._dataset = images.load(settings.data, hold_out=True)
    self._batch = next(iter(self._batches()))
    rng = np.random.default_rng(options.seed)
    arcs = [family.space.random(rng) for _ in range(options.arcs)]
    rows = [family.space.encode(arc)[None] for arc in arcs]
    network = family.make_supernet(self._dataset)
    larger = families.get(_with_ten_operations(settings)).make_supernet(
      self._dataset
    )
    static = [_Static(family.make_child(arc, self._dataset, 1)) for arc in arcs]
    step, step_of_larger = self._trainer(network), self._trainer(larger)
    static_steps = [self._trainer(each) for each in static]
    forward = self._evaluator(network)
    static_forward = [self._evaluator(each) for each in static]
    controller = family.make_controller()
    self.num_aggregate = n = settings.controller.num_aggregate

    def update(i):
      controller.propose(n)
      controller.update(_trials(rows[i], n))

    self.functions = {
      "supernet step": lambda i: step(rows[i]),
      "static step": lambda i: static_steps[i](rows[i]),
      f"supernet step, {LARGER}": lambda i: step_of_larger(rows[i]),
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
    optimizer = optimizers.for_supernet(
      network,
      schedules.from_config(self._search, _NUM_IMAGES),
      l2_reg=self._search.l2_reg,
      clip_mode=self._search.clip_mode,
      grad_bound=self._search.grad_bound,
    )
    return trainer.Trainer(
      network,
      image_steps.ImageSteps(),
      self._same_batch,
      optimizer,
      batch_size=self._search.batch_size,
    ).run

  def _evaluator(self, network):
    evaluator = shared_weights.SharedWeights(
      network, image_steps.ImageSteps(), self._same_batch
    )
    return lambda row: evaluator.score_on(row, [self._batch])

  def seconds_per_batch(self) -> float:
    """Returns how long the input pipeline takes, when nothing else runs."""
    batches = iter(self._batches())
    next(batches)
    started = time.perf_counter()
    for _ in range(_NUM_FOR_PIPELINE):
      next(batches)
    return (time.perf_counter() - started) / _NUM_FOR_PIPELINE


def _trials(row, n):
  """Returns trials of one arc [1, num_decisions], as a controller is told."""
  arc = tuple(row[0].tolist())
  return [trials.Trial(i, arc, scores={"reward": 0.0}) for i in range(n)]


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
