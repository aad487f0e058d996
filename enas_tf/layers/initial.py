"""Initial weights of ordinary Keras layers."""

import keras

from enas_tf import seeds


def he_normal(seed: int, name: str) -> keras.initializers.Initializer:
  """Returns that of He et al. (2015, arXiv:1502.01852), for one weight.

  Args:
    seed: of the whole that the weight is part of.
    name: of the weight; no other part has it.
  """
  return keras.initializers.HeNormal(seed=seeds.derive(seed, name))
