"""What a cell of the micro supernet connects with what, in an arc."""

import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from enas_tf.layers import mixed


class Wiring:
  """What one cell of an arc connects with what, as tensors.

  Its edges are (node, input), two for each node.

  Args:
    cell: the integers of the cell, int32 [4 * num_nodes].
    num_nodes: nodes in the cell.

  Attributes:
    previous: the node that each edge reads, int32 [edges].
    ops: the operation of each edge, int32 [edges].
    loose: the nodes that no other node reads, int32 [m].
  """

  def __init__(self, cell: tf.Tensor, num_nodes: int) -> None:
    self.num_nodes = num_nodes
    self.previous, self.ops = tf.unstack(tf.reshape(cell, [-1, 2]), axis=1)
    nodes = np.arange(num_nodes + 2, dtype=np.int32)
    self._reads = self.previous[:, None] == nodes  # [edges, nodes].
    self._is_loose = ~tf.reduce_any(self._reads, 0)
    self.loose = tf.cast(tf.where(self._is_loose)[:, 0], tf.int32)

  @functools.cached_property
  def edges(self) -> list[tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]]:
    """For each edge (op, previous node, whether it reads node 0, 1, ...)."""
    reads = [tf.unstack(row) for row in tf.unstack(self._reads)]
    return list(
      zip(tf.unstack(self.ops), tf.unstack(self.previous), reads, strict=True)
    )

  @functools.cached_property
  def loose_ends(self) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """For each node (whether it is loose, its index among the loose ends)."""
    indices = tf.cumsum(tf.cast(self._is_loose, tf.int32), exclusive=True)
    return list(
      zip(tf.unstack(self._is_loose), tf.unstack(indices), strict=True)
    )


class CommonParts:
  """What the cells of a network have in common: small graphs start faster.

  Args:
    num_nodes: nodes in each cell.
    ops: the operations of the space.

  Attributes:
    functions: the mixed operations.
  """

  def __init__(self, num_nodes: int, ops: Sequence[str]) -> None:
    self.functions = mixed.Functions(ops)
    self._num_nodes = num_nodes
    # Of each kind of cell, by its first integer, the wiring that was asked for
    # last, with the arc and the graph that it belongs to.
    self._last: dict[int, tuple[tf.Tensor, tf.Graph, Wiring]] = {}

  def wiring(self, arc: tf.Tensor, first: int) -> Wiring:
    """Returns the wiring of a cell; the same in one graph for all of a kind.

    Args:
      arc: int32 [num_decisions].
      first: index of the cell's first integer in the arc.
    """
    # Where the wiring is computed may not be where the arc is.
    graph = tf.compat.v1.get_default_graph()
    last = self._last.get(first)
    if last is None or last[0] is not arc or last[1] is not graph:
      cell = arc[first : first + 4 * self._num_nodes]
      last = arc, graph, Wiring(cell, self._num_nodes)
      self._last[first] = last
    return last[2]
