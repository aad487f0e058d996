"""Shared weights: banks of rows, and the operation that an integer chooses.

A bank is one variable [rows, filters] that is cut into blocks, one for each
key. An arc chooses blocks; one gather brings the rows of a block, and its
gradient touches these rows alone, so the cost of a step grows neither with the
number of keys nor with the number of operations.
"""

import collections.abc
import functools
import itertools
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from enas_tf.layers import norm, operations


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


def mixed(x, op, rows, words: tuple[str, ...]):
  """Returns the operation number `op` of `words`, applied to x.

  Only the chosen operation runs. Its code is one function for each shape of x,
  shared by all the places that call it, which keeps the graph, and with it the
  start of a search, small. Backward, the gradient of x is ready before those
  of the weights are computed.

  Args:
    x: [batch, height, width, filters].
    op: int32 scalar, an index into `words`; one out of range runs the last.
    rows: the operation's rows of a bank, [its number of rows, filters].
    words: the operations of the space.

  Returns:
    [batch, height, width, filters].
  """
  functions = _mixed_functions(words, x.shape[1:])

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


@functools.cache
def _mixed_functions(words: tuple[str, ...], shape: tf.TensorShape):
  return _Mixed(words, tuple(shape))


class _Mixed:
  """The three functions of a mixed operation on [batch, *shape]."""

  def __init__(self, words, shape):
    self._operations = [operations.get(word) for word in words]
    image = tf.TensorSpec((None, *shape))
    op = tf.TensorSpec((), tf.int32)
    rows = tf.TensorSpec((None, shape[-1]))
    saved = [tf.TensorSpec(None)] * self._most("num_saved")
    saved_back = [tf.TensorSpec(None)] * self._most("num_saved_back")
    self.forward = _function(self._forward, image, op, rows)
    self.input_gradient = _function(
      self._input_gradient, image, op, rows, saved
    )
    self.weight_gradient = _function(
      self._weight_gradient, op, rows, saved, saved_back
    )

  def _forward(self, x, op, rows):
    def branch(operation):
      y, saved = operation.forward(x, rows)
      return [tf.identity(y), *self._pad(saved, "num_saved")]

    return self._switch(op, branch)

  def _input_gradient(self, dy, op, rows, saved):
    def branch(operation):
      dx, saved_back = operation.input_gradient(dy, rows, saved)
      return [tf.identity(dx), *self._pad(saved_back, "num_saved_back")]

    return self._switch(op, branch)

  def _weight_gradient(self, op, rows, saved, saved_back):
    return self._switch(
      op, lambda operation: operation.weight_gradient(rows, saved, saved_back)
    )

  def _switch(self, op, branch):
    """Runs branch(operation) for the chosen operation alone."""
    return tf.switch_case(
      op, [functools.partial(branch, each) for each in self._operations]
    )

  def _pad(self, tensors, count: str):
    """Pads with empty tensors, as all branches return equally many."""
    return [*tensors, *[tf.zeros([0])] * (self._most(count) - len(tensors))]

  def _most(self, count: str) -> int:
    return max(
      sum(getattr(stage, count) for stage in operation.stages)
      for operation in self._operations
    )


def _function(function, *signature):
  """Returns a graph function that is called, not copied, where it is used."""
  return tf.function(
    function,
    input_signature=signature,
    autograph=False,
    # Without this the graph, and the first step, grow tenfold.
    experimental_attributes={"_noinline": True},
  )


class SharedCell(keras.layers.Layer):
  """A cell of the micro supernet: runs the cell that an arc describes.

  Its weights are a dictionary keyed by (node, input, previous node, op): the
  two operations of a node have weights of their own for each earlier node that
  they can read (ENAS, section 2.4). The dictionary is stored as one bank.

  Args:
    num_nodes: nodes in the cell.
    words: the operations of the space.
    filters: channels of both inputs and of the output.
    first: place of the cell's first integer in the arc.
    seed: of the initial weights.
  """

  def __init__(
    self,
    num_nodes: int,
    words: tuple[str, ...],
    filters: int,
    first: int,
    seed: int,
    **kwargs,
  ):
    super().__init__(**kwargs)
    self.num_nodes = num_nodes
    self.words = tuple(words)
    self.filters = filters
    self.first = first
    catalogue = [operations.get(word) for word in words]
    # Edge: (node, input, previous node); node k reads any of k + 2 nodes.
    edges_before = np.cumsum(
      [0, *np.repeat(np.arange(num_nodes) + 2, 2)], dtype=np.int32
    )
    self._first_edges, edges = edges_before[:-1], edges_before[-1]
    initial = [
      operation.initialize(edges, filters, seed + 1000 * i)
      for i, operation in enumerate(catalogue)
    ]
    self.bank = Bank(
      [operation.num_rows(filters) for operation in catalogue] * edges,
      filters,
      tf.reshape(tf.concat(initial, 1), [-1, filters]),
      name="bank",
    )
    project = operations.Weight((1, 1, filters, filters), "he")
    self.output_bank = Bank(
      [filters] * (num_nodes + 2),
      filters,
      tf.reshape(
        project.initialize(num_nodes + 2, filters, seed + 999),
        [-1, filters],
      ),
      name="output_bank",
    )
    self.norm = norm.BatchNorm(moving_statistics=False, name="output_bn")

  def block(self, node: int, side: int, previous, op):
    """Returns the block of the bank that holds the weights of one choice.

    Args:
      node: which node, from 0.
      side: 0 for the first operation of the node, 1 for the second.
      previous: the node that is read, from 0 (the first input of the cell).
      op: the integer of the operation.
    """
    edge = self._first_edges[2 * node + side] + previous
    return edge * len(self.words) + op

  @property
  def banks(self) -> list[Bank]:
    return [self.bank, self.output_bank]

  def build(self, input_shape):
    # Not in the constructor: the variables' paths begin with the cell's name.
    for bank in self.banks:
      bank.build()
    self.norm.build(input_shape)

  def chosen(self, arc) -> list:
    """Returns the blocks of each of `banks` that an arc uses, int32 [n]."""
    previous, ops = self._cell(arc)
    return [self._blocks(previous, ops), self._loose_ends(previous)]

  def call(self, x0, x1, arc):
    """Returns [batch, height, width, filters].

    Args:
      x0: the output of the cell before the previous one, [batch, height,
        width, filters].
      x1: the output of the previous cell, likewise.
      arc: int32 [num_decisions].
    """
    previous, ops = self._cell(arc)
    rows = self.bank.split(self._blocks(previous, ops))
    choices = zip(tf.unstack(previous), tf.unstack(ops), rows, strict=True)
    # Reading an element of a TensorArray copies nothing, and its gradient
    # touches only what was read.
    nodes = tf.TensorArray(
      x0.dtype,
      self.num_nodes + 2,
      clear_after_read=False,
      element_shape=x0.shape,
    )
    nodes = nodes.write(0, x0).write(1, x1)
    for node in range(self.num_nodes):
      x, y = (
        mixed(nodes.read(previous), op, rows, self.words)
        for previous, op, rows in itertools.islice(choices, 2)
      )
      nodes = nodes.write(node + 2, x + y)
    return self.norm(self._join(nodes, self._loose_ends(previous)))

  def _cell(self, arc):
    """Returns (previous nodes, ops) of the cell, int32 [2 * nodes] each."""
    size = 4 * self.num_nodes
    cell = tf.reshape(arc[self.first : self.first + size], [-1, 2])
    return tf.unstack(cell, axis=1)

  def _blocks(self, previous, ops):
    """Returns the blocks of the bank that the cell uses, [2 * num_nodes]."""
    return (self._first_edges + previous) * len(self.words) + ops

  def _loose_ends(self, previous):
    """Returns the nodes that no other node reads, int32 [m]."""
    nodes = tf.range(self.num_nodes + 2)
    read = tf.reduce_any(previous[:, None] == nodes, axis=0)
    return tf.cast(tf.where(~read)[:, 0], tf.int32)

  def _join(self, nodes, loose):
    """Returns relu, then a 1x1 convolution, of the concatenated loose ends."""
    stacked = nodes.gather(loose)  # [m, batch, height, width, filters]
    x = tf.transpose(stacked, [1, 2, 3, 0, 4])
    x = tf.reshape(x, tf.concat([tf.shape(x)[:3], [-1]], 0))
    kernel = self.output_bank(loose)  # [m * filters, filters]
    return tf.nn.conv2d(tf.nn.relu(x), kernel[None, None], 1, "SAME")

  def compute_output_spec(self, x0, x1, arc):
    del x1, arc
    return keras.KerasTensor(x0.shape, x0.dtype)


class SharedDictionary(collections.abc.Mapping):
  """The shared weights of a stack of cells, one entry for each choice.

  Keys are (layer, node, input, previous node, word of the operation), all
  numbers from 0; the values are `SharedWeights`. Operations without weights
  have entries of no rows.

  Args:
    cells: the cells of the stack, in order.
  """

  def __init__(self, cells: list[SharedCell]):
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
    parts = [np.reshape(value, (-1, filters)) for value in values]
    bank[self.rows] = np.concatenate(parts) if parts else bank[:0]
    self.variable.assign(bank)
