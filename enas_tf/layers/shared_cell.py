"""A cell of the micro supernet, which runs the cell that an arc describes."""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from enas_tf import seeds
from enas_tf.layers import (
  cell_wiring,
  dataflow,
  mixed,
  norm,
  operations,
  shared,
  stages,
)


class SharedCell(keras.layers.Layer):
  """A cell of the micro supernet: runs the cell that an arc describes.

  Its weights are a dictionary keyed by (node, input, previous node, op): the
  two operations of a node have weights of their own for each earlier node that
  they can read (ENAS, section 2.4). The dictionary is stored as one bank.

  Args:
    num_nodes: nodes in the cell.
    ops: the operations of the space.
    filters: channels of both inputs and of the output.
    first: index of the cell's first integer in the arc.
    seed: of the initial weights.
    parts: what the cell has in common with the others of its network; default:
      nothing.
    **kwargs: of a Keras layer, such as `name`.
  """

  def __init__(
    self,
    num_nodes: int,
    ops: Sequence[str],
    filters: int,
    first: int,
    seed: int,
    parts: cell_wiring.CommonParts | None = None,
    **kwargs: Any,
  ) -> None:
    super().__init__(**kwargs)
    self.num_nodes = num_nodes
    self.ops = tuple(ops)
    self._parts = parts or cell_wiring.CommonParts(num_nodes, ops)
    self.filters = filters
    self.first = first
    catalogue = [operations.get(op) for op in ops]
    # Edge: (node, input, previous node); node k reads any of k + 2 nodes.
    edges_before = np.cumsum(
      [0, *np.repeat(np.arange(num_nodes) + 2, 2)], dtype=np.int32
    )
    self._first_edges, edges = edges_before[:-1], edges_before[-1]
    initial = [
      operation.initialize(edges, filters, seeds.derive(seed, operation.name))
      for operation in catalogue
    ]
    self.bank = shared.Bank(
      [operation.num_rows(filters) for operation in catalogue] * edges,
      filters,
      tf.reshape(tf.concat(initial, 1), [-1, filters]),
      name="bank",
    )
    project = stages.Weight((1, 1, filters, filters), "he")
    self.output_bank = shared.Bank(
      [filters] * (num_nodes + 2),
      filters,
      tf.reshape(
        project.initialize(
          num_nodes + 2, filters, seeds.derive(seed, "output_bank")
        ),
        [-1, filters],
      ),
      name="output_bank",
    )
    self.norm = norm.BatchNorm(moving_statistics=False, name="output_bn")

  def block(
    self,
    node: int,
    side: int,
    previous: int | np.ndarray,
    op: int | np.ndarray,
  ) -> int | np.ndarray:
    """Returns the block of the bank that holds the weights of one choice.

    Args:
      node: which node, from 0.
      side: 0 for the first operation of the node, 1 for the second.
      previous: the node that is read, from 0 (the first input of the cell).
      op: index of the operation in `ops`.
    """
    edge = self._first_edges[2 * node + side] + previous
    return edge * len(self.ops) + op

  @property
  def banks(self) -> list[shared.Bank]:
    """The bank of the operations and that of the convolutions behind them."""
    return [self.bank, self.output_bank]

  @property
  def shared(self) -> dict[tuple[int, int, int, str], shared.SharedWeights]:
    """The weights of each (node, input, previous node, operation's name)."""
    return shared.entries(self.bank.rows, keys(self.num_nodes, self.ops))

  def build(self, input_shape: Sequence[int | None]) -> None:
    """Makes the variables, for inputs [batch, height, width, filters].

    Args:
      input_shape: of an input, [batch, height, width, filters].
    """
    # Not in the constructor: the variables' paths begin with the cell's name.
    for bank in self.banks:
      bank.build()
    self.norm.build(input_shape)

  def chosen(self, arc: tf.Tensor) -> list[tf.Tensor]:
    """Returns the blocks of each of `banks` that an arc uses, int32 [n].

    Args:
      arc: int32 [num_decisions].
    """
    wiring = self._wiring(arc)
    return [self._blocks(wiring), wiring.loose]

  def call(
    self,
    x0: tf.Tensor,
    x1: tf.Tensor,
    arc: tf.Tensor,
    gates: tf.Tensor | None = None,
  ) -> tf.Tensor:
    """Returns float32 [batch, height, width, filters].

    Args:
      x0: the output of the cell before the previous one, float32 [batch,
        height, width, filters].
      x1: the output of the previous cell, likewise.
      arc: int32 [num_decisions].
      gates: of the decisions, float32 [num_decisions], or None. Those of an
        edge, its input and its operation, both multiply what the operation
        gives: most of them normalize, and would undo a factor of their input.
    """
    run = self._run_in_graph if tf.executing_eagerly() else self._run
    return self.norm(run(x0, x1, arc, gates))

  @functools.cached_property
  def _run_in_graph(self) -> Any:
    return tf.function(self._run, autograph=False)

  def _run(
    self,
    x0: tf.Tensor,
    x1: tf.Tensor,
    arc: tf.Tensor,
    gates: tf.Tensor | None,
  ) -> tf.Tensor:
    wiring = self._wiring(arc)
    rows = self.bank.split(self._blocks(wiring))
    kernels = tf.reshape(
      self.output_bank(wiring.loose), [-1, 1, 1, self.filters, self.filters]
    )

    factors = [] if gates is None else [self._factors(gates)]

    @tf.custom_gradient
    def run(
      x0: tf.Tensor, x1: tf.Tensor, kernels: tf.Tensor, *others: tf.Tensor
    ) -> tuple[tf.Tensor, Any]:
      functions = self._parts.functions.of(x0.shape[1:])
      rows, factors = others[: len(wiring.edges)], others[len(wiring.edges) :]
      one_run = _Run(functions, wiring, rows, kernels, *factors)
      return one_run.forward(x0, x1), one_run.gradient

    return run(x0, x1, kernels, *rows, *factors)

  def _factors(self, gates: tf.Tensor) -> tf.Tensor:
    """Returns what the result of each edge is multiplied by, [edges]."""
    own = gates[self.first : self.first + 4 * self.num_nodes]
    return tf.reduce_prod(tf.reshape(own, [-1, 2]), 1)

  def _wiring(self, arc: tf.Tensor) -> cell_wiring.Wiring:
    return self._parts.wiring(arc, self.first)

  def _blocks(self, wiring: cell_wiring.Wiring) -> tf.Tensor:
    """Returns the blocks of the bank that the cell uses, [2 * num_nodes]."""
    edges = self._first_edges + wiring.previous
    return edges * len(self.ops) + wiring.ops

  def compute_output_spec(
    self,
    x0: keras.KerasTensor,
    x1: keras.KerasTensor,
    arc: keras.KerasTensor,
    gates: keras.KerasTensor | None = None,
  ) -> keras.KerasTensor:
    """Returns the shape of the output, which is that of an input.

    Args:
      x0: see `call`.
      x1: see `call`.
      arc: see `call`.
      gates: see `call`.
    """
    del x1, arc, gates
    return keras.KerasTensor(x0.shape, x0.dtype)


def keys(
  num_nodes: int, ops: Sequence[str]
) -> Iterator[tuple[int, int, int, str]]:
  """Yields the keys of the blocks of a cell's bank, in order.

  Args:
    num_nodes: nodes in the cell.
    ops: the operations of the space.

  Yields:
    (node, input, previous node, name of the operation), numbers from 0.
  """
  for node in range(num_nodes):
    for side in range(2):
      for previous in range(node + 2):
        for op in ops:
          yield node, side, previous, op


class _Run:
  """One run of a cell, forward and then backward.

  The gradient is written by hand: TensorFlow's own would make a node wait for
  nodes that it does not read.

  Args:
    functions: the mixed operation.
    wiring: of the cell.
    rows: the weights of each edge, [its number of rows, filters].
    kernels: of the loose ends, [m, 1, 1, filters, filters].
    factors: of the results of the edges, [edges], or None.
  """

  def __init__(
    self,
    functions: mixed.Mixed,
    wiring: cell_wiring.Wiring,
    rows: Sequence[tf.Tensor],
    kernels: tf.Tensor,
    factors: tf.Tensor | None = None,
  ) -> None:
    self._functions = functions
    self._wiring = wiring
    self._rows = rows
    self._kernels = kernels
    self._factors = None if factors is None else tf.unstack(factors)
    self._results: list[tf.Tensor] = []  # Of the edges, if they have factors.
    self._saved: list[list[tf.Tensor]] = []

  def forward(self, x0: tf.Tensor, x1: tf.Tensor) -> tf.Tensor:
    """Returns the output of the cell, as large as an input."""
    nodes = [x0, x1]
    for _ in range(self._wiring.num_nodes):
      results = []
      for _ in range(2):
        edge = len(self._saved)
        op, _, reads = self._wiring.edges[edge]
        x = dataflow.merge(*map(dataflow.when, reads, nodes))
        y, *saved = self._functions.forward(x, op, self._rows[edge])
        y.set_shape(x0.shape)
        if self._factors is not None:
          self._results.append(y)
          y *= self._factors[edge]
        results.append(y)
        self._saved.append(saved)
      nodes.append(results[0] + results[1])
    return self._join(nodes)

  def _join(self, nodes: list[tf.Tensor]) -> tf.Tensor:
    """Returns relu, then a 1x1 convolution, of the concatenated loose ends.

    It is the sum of a convolution of each, which needs no concatenation.
    """
    self._joined = []
    total = dataflow.Sum()
    for x, (is_loose, index) in zip(
      nodes, self._wiring.loose_ends, strict=True
    ):
      x = tf.nn.relu(dataflow.when(is_loose, x))
      kernel = tf.gather(dataflow.when(is_loose, self._kernels), index)
      total.add(tf.nn.conv2d(x, kernel, 1, "SAME"), is_loose)
      self._joined.append((x, kernel))
    return total.value

  def gradient(self, dy: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Returns the gradients of x0, x1, the kernels, all rows and factors."""
    nodes = _NodeGradients(dy.shape, self._wiring.num_nodes + 2)
    kernels = self._gradient_of_join(dy, nodes)
    rows: list[tf.Tensor] = []
    factors: list[tf.Tensor] = []
    for node in reversed(range(self._wiring.num_nodes)):
      dnode = nodes.read(node + 2)
      inputs = []
      for edge in (2 * node + 1, 2 * node):
        op, previous, _ = self._wiring.edges[edge]
        arguments = op, self._rows[edge], self._saved[edge]
        dresult = dnode
        if self._factors is not None:
          factors.append(tf.reduce_sum(dnode * self._results[edge]))
          dresult *= self._factors[edge]
        dx, *saved = self._functions.input_gradient(dresult, *arguments)
        drows = self._functions.weight_gradient(*arguments, saved)
        drows.set_shape(self._rows[edge].shape)
        inputs.append((previous, dx))
        rows.append(drows)
      nodes.add(inputs)
    dx0, dx1 = nodes.read(0), nodes.read(1)
    if self._factors is None:
      return dx0, dx1, kernels, *reversed(rows)
    return dx0, dx1, kernels, *reversed(rows), tf.stack(factors[::-1])

  def _gradient_of_join(
    self, dy: tf.Tensor, nodes: "_NodeGradients"
  ) -> tf.Tensor:
    """Adds to the gradients of the nodes; returns that of the kernels."""
    size = tf.shape(dy)
    options = {"strides": [1, 1, 1, 1], "padding": "SAME"}
    unused = tf.zeros(self._kernels.shape[1:])
    kernels = []
    for i, ((x, kernel), (is_loose, _)) in enumerate(
      zip(self._joined, self._wiring.loose_ends, strict=True)
    ):
      dy_of_end = dataflow.when(is_loose, dy)
      dx = tf.raw_ops.Conv2DBackpropInput(
        input_sizes=size, filter=kernel, out_backprop=dy_of_end, **options
      )
      dx = tf.raw_ops.ReluGrad(gradients=dx, features=x)
      nodes.set_if(is_loose, i, dx)
      dkernel = tf.raw_ops.Conv2DBackpropFilter(
        input=x,
        filter_sizes=unused.shape,
        out_backprop=dy_of_end,
        **options,
      )
      skipped, _ = dataflow.split(unused, is_loose)
      kernels.append(dataflow.merge(skipped, dkernel))
    return tf.gather(tf.stack(kernels), self._wiring.loose)


class _NodeGradients:
  """The gradients of all nodes, as a list that is added to without copies.

  Args:
    shape: of each gradient.
    num_nodes: how many there are.
  """

  def __init__(self, shape: tf.TensorShape, num_nodes: int) -> None:
    self._shape = shape
    self._sizes = tf.constant([size or -1 for size in shape])
    self._empty = tf.raw_ops.TensorListReserve(
      element_shape=self._sizes,
      num_elements=num_nodes,
      element_dtype=tf.float32,
    )
    self._list = self._empty

  def set_if(self, flag: tf.Tensor, i: int, value: tf.Tensor) -> None:
    """Writes the gradient of a node that has none yet, if flag."""
    keep, change = dataflow.split(self._list, flag)
    self._list = dataflow.merge(keep, _with_item(change, i, value))

  def add(self, items: list[tuple[tf.Tensor, tf.Tensor]]) -> None:
    """Adds to the gradients of nodes: items are (node, value)."""
    lists = [_with_item(self._empty, i, value) for i, value in items]
    self._list = tf.raw_ops.AddN(inputs=[self._list, *lists])

  def read(self, i: int) -> tf.Tensor:
    """Returns the gradient of a node."""
    value = tf.raw_ops.TensorListGetItem(
      input_handle=self._list,
      index=i,
      element_shape=self._sizes,
      element_dtype=tf.float32,
    )
    value.set_shape(self._shape)
    return value


def _with_item(
  handle: tf.Tensor, i: int | tf.Tensor, value: tf.Tensor
) -> tf.Tensor:
  return tf.raw_ops.TensorListSetItem(input_handle=handle, index=i, item=value)
