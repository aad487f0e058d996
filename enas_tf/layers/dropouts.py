"""The dropouts of a recurrent language model, as enas_lm has them.

Each is one mask that holds for all steps of a segment (Gal and Ghahramani
2016, arXiv:1512.05287). What is kept is scaled up.
"""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from enas_tf import seeds


class Rates(NamedTuple):
  """What fraction is dropped, in [0, 1) each.

  Attributes:
    word: of the words of the vocabulary, wherever they stand: drop_e.
    embedded: of the numbers of an embedded word: drop_i.
    input: of the numbers that go into the cell: drop_x.
    state: of the numbers of every state before it is multiplied: drop_l.
    output: of the numbers of a state before the softmax: drop_o.
  """

  word: float = 0.0
  embedded: float = 0.0
  input: float = 0.0
  state: float = 0.0
  output: float = 0.0


NONE = Rates()


class Masks(NamedTuple):
  """What is multiplied by, for each of the `Rates`.

  Attributes:
    word: [vocab_size, 1].
    embedded: [batch, 1, units].
    input: [batch, units].
    state: [batch, units].
    output: [batch, 1, units].
  """

  word: tf.Tensor
  embedded: tf.Tensor
  input: tf.Tensor
  state: tf.Tensor
  output: tf.Tensor


def draw(
  rates: Rates,
  vocab_size: int,
  batch: int | tf.Tensor,
  units: int,
  seed: tuple[int, int | tf.Tensor],
) -> Masks:
  """Returns masks, always the same for a seed.

  Args:
    rates: fraction that is dropped.
    vocab_size: number of words.
    batch: number of examples.
    units: of the state.
    seed: (seed, step), integers.
  """
  base, step = seed
  shapes = Masks(
    word=(vocab_size, 1),
    embedded=(batch, 1, units),
    input=(batch, units),
    state=(batch, units),
    output=(batch, 1, units),
  )
  return Masks(
    *(
      _mask(rate, shape, (seeds.derive(base, f"dropout/{name}"), step))
      for name, rate, shape in zip(Rates._fields, rates, shapes, strict=True)
    )
  )


def _mask(
  rate: float,
  shape: Sequence[int | tf.Tensor],
  seed: tuple[int, int | tf.Tensor],
) -> tf.Tensor:
  if rate == 0:
    return tf.ones(shape)
  keep = tf.random.stateless_uniform(shape, seed) >= rate
  return tf.where(keep, 1 / (1 - rate), 0.0)
