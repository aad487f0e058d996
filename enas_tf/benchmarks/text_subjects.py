"""What is timed of the RNN space, at the size of the original's search."""

import dataclasses
import pathlib

import numpy as np

from enas_tf.recipes import base
from enas_tf.settings import data

GOALS = {"rnn": 1.10}  # Of a step, against the bound.
BATCH_SIZES = {"rnn": 20}
LARGER = "8 functions"
_EIGHT = (
  "tanh",
  "relu",
  "sigmoid",
  "identity",
  "elu",
  "swish",
  "softplus",
  "sine",
)
_NUM_NODES, _HIDDEN_SIZE = 12, 720
_NUM_WORDS = 10_000


def write_data(folder: pathlib.Path) -> pathlib.Path:
  """Writes a text of random words; returns its path.

  Args:
    folder: where it is written.
  """
  rng = np.random.default_rng(0)
  ids = np.concatenate(
    [np.arange(_NUM_WORDS), rng.integers(0, _NUM_WORDS, 190_000)]
  )
  path = folder / "random.txt"
  lines = ids.reshape(-1, 20).astype(str)
  path.write_text("".join(" ".join(line) + "\n" for line in lines))
  return path


def experiment(
  space: str, batch_size: int, seed: int, path: str
) -> base.Experiment:
  """Returns the search recipe; its final child is what the supernet runs.

  Windows are of one length, so that all steps do the same.

  Args:
    space: the word of the search space.
    batch_size: rows of the text.
    seed: of all random numbers.
    path: of the data.
  """
  recipe = base.get(space).experiment
  search = dataclasses.replace(
    recipe.search,
    batch_size=batch_size,
    num_nodes=_NUM_NODES,
    hidden_size=_HIDDEN_SIZE,
    random_bptt=False,
  )
  sizes = {
    field.name: getattr(search, field.name)
    for field in dataclasses.fields(search)
  }
  return dataclasses.replace(
    recipe,
    run=dataclasses.replace(recipe.run, seed=seed),
    data=data.TextData(data="text", data_path=path),
    search=search,
    final=dataclasses.replace(recipe.final, **sizes),
  )


def with_more_operations(settings: base.Experiment) -> base.Experiment:
  """Returns settings whose space has eight functions.

  Args:
    settings: those that are changed.
  """
  search = dataclasses.replace(settings.search, functions=_EIGHT)
  return dataclasses.replace(settings, search=search)
