"""What is timed of the spaces of image networks, at the size of the recipes."""

import dataclasses
import pathlib

import numpy as np

from enas_tf.layers import operations
from enas_tf.recipes import base
from enas_tf.settings import data

GOALS = {"micro": 1.15, "macro": 1.07}  # Of a step, against the bound.
BATCH_SIZES = {"micro": 32, "macro": 64}
LARGER = "10 operations"
_NUM_OPERATIONS = 10
_NUM_IMAGES = 2_000
# The supernet has no drop path.
_NO_DROP_PATH = {"micro": {"drop_path_keep_prob": 1.0}, "macro": {}}


def write_data(folder: pathlib.Path) -> pathlib.Path:
  """Writes random images of CIFAR-10's shape; returns the file's path.

  Args:
    folder: where it is written.
  """
  rng = np.random.default_rng(0)
  pixels = rng.integers(0, 256, (_NUM_IMAGES, 32, 32, 3), np.uint8)
  labels = np.arange(_NUM_IMAGES) % 10
  path = folder / "random.npz"
  np.savez(path, x_train=pixels, y_train=labels, x_test=pixels, y_test=labels)
  return path


def experiment(
  space: str, batch_size: int, seed: int, path: str
) -> base.Experiment:
  """Returns the search recipe; its final child is what the supernet runs.

  Args:
    space: the word of the search space.
    batch_size: images in a batch.
    seed: of all random numbers.
    path: of the data.
  """
  recipe = base.get(space).experiment
  search = dataclasses.replace(recipe.search, batch_size=batch_size)
  ours = {field.name for field in dataclasses.fields(recipe.final)}
  sizes = {
    field.name: getattr(search, field.name)
    for field in dataclasses.fields(search)
    if field.name in ours
  }
  return dataclasses.replace(
    recipe,
    run=dataclasses.replace(recipe.run, seed=seed),
    data=data.ImageData(data="cifar10", data_path=path),
    search=search,
    final=dataclasses.replace(
      recipe.final, as_searched=True, **sizes, **_NO_DROP_PATH[space]
    ),
  )


def with_more_operations(settings: base.Experiment) -> base.Experiment:
  """Returns settings whose space has ten operations.

  Args:
    settings: those that are changed.
  """
  ops = settings.search.ops
  known = [
    op.removeprefix("macro/")
    for op in operations.names(settings.run.search_for)
  ]
  others = [op for op in known if op not in ops]
  ops = (*ops, *others[: _NUM_OPERATIONS - len(ops)])
  search = dataclasses.replace(settings.search, ops=ops)
  return dataclasses.replace(settings, search=search)
