"""A small shared cell that the tests of banks and of cells build."""

import functools

import numpy as np
import tensorflow as tf

from enas_tf.layers import mixed as mixed_functions
from enas_tf.layers import operations, shared_cell
from enas_tf.spaces import micro

FILTERS = 2
WORDS = ("sep_conv_3x3", "identity", "max_pool_3x3", "conv_1x1")
SPACE = micro.MicroSpace(2, WORDS)
# Rows of 2 numbers: sep_conv_3x3 has 2 (9 + 2 + 2), conv_1x1 has 2 + 2.
SIZES = (26, 0, 0, 4)


def images(seed=0, batch=3, size=4):
  rng = np.random.default_rng(seed)
  return tf.constant(rng.normal(size=(batch, size, size, FILTERS)), tf.float32)


def build(first=0, seed=0):
  """Returns a cell whose weights are all different."""
  cell = shared_cell.SharedCell(2, WORDS, FILTERS, first, seed, name="cell")
  cell.build(images().shape)
  rng = np.random.default_rng(seed)
  for bank in cell.banks:
    bank.rows.assign(rng.normal(size=bank.rows.shape))
  return cell


def arc_of(text):
  return tf.constant(SPACE.encode(SPACE.parse(text)))


# The normal cell: node 2 reads 0 and 1, node 3 reads 2 twice. The reduction
# cell: nobody reads node 2.
ARC = arc_of("0 0 1 2 2 3 2 0  1 1 1 3 0 0 1 1")


def by_hand(cell, arc, x0, x1):
  """Computes a cell in the plain way, one node after the other."""
  dictionary = cell.shared
  decoded = SPACE.decode(arc.numpy())
  description = decoded.reduction if cell.first else decoded.normal
  nodes = [x0, x1]
  for i, node in enumerate(description):
    results = []
    for side, (previous, word) in enumerate((node[:2], node[2:])):
      entry = dictionary[i, side, previous, word]
      rows = cell.bank.rows.value[entry.rows]
      y, _ = operations.get(word).run(nodes[previous], rows)
      results.append(y)
    nodes.append(results[0] + results[1])
  kernels = tf.reshape(cell.output_bank.rows.value, [-1, FILTERS, FILTERS])
  loose = micro.loose_ends(description)
  x = sum(tf.nn.relu(nodes[i]) @ kernels[i] for i in loose)
  mean, variance = tf.nn.moments(x, [0, 1, 2])
  return (x - mean) / tf.sqrt(variance + 1e-5)


@functools.cache
def functions_of(words):
  """Returns functions that many tests can use, as they take time to trace."""
  return mixed_functions.Functions(words)


def dictionary(*cells):
  """Returns the shared weights of several cells, as a supernet has them."""
  return {
    (layer, *key): weights
    for layer, cell in enumerate(cells)
    for key, weights in cell.shared.items()
  }


def mixed(x, op, rows, words: tuple[str, ...]):
  """Returns the operation number `op` of `words`, applied to x."""
  functions = functions_of(words).of(x.shape[1:])

  @tf.custom_gradient
  def call(x, rows):
    y, *saved = functions.forward(x, op, rows)
    y.set_shape(x.shape)

    def gradient(dy):
      dx, *saved_back = functions.input_gradient(dy, op, rows, saved)
      dx.set_shape(x.shape)
      drows = functions.weight_gradient(op, rows, saved, saved_back)
      drows.set_shape(rows.shape)
      return dx, drows

    return y, gradient

  return call(x, rows)
