"""Shared weights: banks of rows, and the dictionary that they store.

A bank is one variable [rows, filters] that is cut into blocks, one for each
key. An arc chooses blocks; one gather brings the rows of a block, and its
gradient touches these rows alone, so the cost of a step grows neither with the
number of keys nor with the number of operations.
"""

import collections.abc
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from enas_tf.layers import operations


class Bank(keras.layers.Layer):
  """One variable [rows, filters], cut into blocks of whole rows.

  Args:
    sizes: rows of each block, in order.
    filters: length of a row.
    initial: the initial rows, [sum(sizes), filters].

  Attributes:
    rows: the variable.
    starts: the first row of each block, int32 [blocks + 1].
    block_of_row: int32 [rows].
  """

  def __init__(self, sizes, filters: int, initial, **kwargs):
    super().__init__(**kwargs)
    self._sizes = np.asarray(sizes, np.int32)
    self.starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    self.block_of_row = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    self._filters = filters
    self._initial = initial

  def build(self, input_shape=None):
    del input_shape
    self.rows = self.add_weight(
      shape=(int(self.starts[-1]), self._filters),
      initializer=lambda shape, dtype: tf.cast(self._initial, dtype),
      name="rows",
    )
    del self._initial  # As large as the bank.

  def rows_of(self, blocks):
    """Returns the places of the rows of blocks [n], in order, int32 [m]."""
    return tf.raw_ops.RaggedRange(
      starts=tf.gather(self.starts, blocks),
      limits=tf.gather(self.starts[1:], blocks),
      deltas=1,
    ).rt_dense_values

  def call(self, blocks):
    """Returns the rows of blocks [n], in order, [m, filters]."""
    return tf.gather(self.rows.value, self.rows_of(blocks))

  def split(self, blocks) -> list:
    """Returns the rows of each of blocks [n], a list of [its rows, filters].

    One gather and one split for all: small graphs start faster.
    """
    return tf.split(self(blocks), tf.gather(self._sizes, blocks))


class SharedDictionary(collections.abc.Mapping):
  """The shared weights of a stack of cells, one entry for each choice.

  Keys are (layer, node, input, previous node, word of the operation), all
  numbers from 0; the values are `SharedWeights`. Operations without weights
  have entries of no rows.

  Args:
    cells: the cells of the stack, in order.
  """

  def __init__(self, cells: list):
    self._cells = cells
    self._keys = frozenset(self)

  def __getitem__(self, key) -> "SharedWeights":
    if key not in self._keys:
      raise KeyError(key)
    layer, node, side, previous, word = key
    cell = self._cells[layer]
    block = cell.block(node, side, previous, cell.words.index(word))
    start, stop = cell.bank.starts[block : block + 2]
    return SharedWeights(cell.bank.rows, slice(int(start), int(stop)), word)

  def __iter__(self):
    for layer, cell in enumerate(self._cells):
      for node in range(cell.num_nodes):
        for side in range(2):
          for previous in range(node + 2):
            for word in cell.words:
              yield layer, node, side, previous, word

  def __len__(self) -> int:
    return sum(1 for _ in self)


class SharedWeights(NamedTuple):
  """Where the weights of one choice are stored.

  Attributes:
    variable: the bank, [rows, filters].
    rows: which rows of it.
    word: the operation.
  """

  variable: keras.Variable
  rows: slice
  word: str

  def read(self) -> list[np.ndarray]:
    """Returns the weights in the order of `Operation.weights`."""
    value = self.variable.numpy()[self.rows]
    filters = value.shape[-1]
    weights = operations.get(self.word).weights(filters)
    ends = np.cumsum([weight.num_rows(filters) for weight in weights])
    return [
      part.reshape(weight.shape)
      for part, weight in zip(np.split(value, ends), weights, strict=False)
    ]

  def assign(self, values) -> None:
    """Writes weights in the order of `Operation.weights`."""
    bank = self.variable.numpy()
    filters = bank.shape[-1]
    weights = operations.get(self.word).weights(filters)
    parts = [
      np.reshape(value, (weight.num_rows(filters), filters))
      for value, weight in zip(values, weights, strict=True)
    ]
    bank[self.rows] = np.concatenate(parts) if parts else bank[:0]
    self.variable.assign(bank)
