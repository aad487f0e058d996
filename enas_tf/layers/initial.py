"""Initial weights that depend on a name, and on nothing that came before."""

import contextlib
import random
from collections.abc import Iterator

import keras

from enas_tf import seeds


def he_normal(seed: int, name: str) -> keras.initializers.Initializer:
  """Returns that of He et al. (2015, arXiv:1502.01852), for one weight.

  Args:
    seed: of the whole that the weight is part of.
    name: of the weight; no other part has it.
  """
  return keras.initializers.HeNormal(seed=seeds.derive(seed, name))


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
  """Gives initializers of Keras that have no seed one that follows from this.

  They take it from Python's own random numbers, whose state is put back.

  Args:
    seed: an integer.
  """
  state = random.getstate()
  random.seed(seed)
  try:
    yield
  finally:
    random.setstate(state)
