"""The micro search space: a normal and a reduction cell (ENAS, section 2.4).

A cell has two inputs (numbered 0 and 1: the outputs of the two cells before
it) and B nodes (numbered 2, 3, ...). A node adds the results of two
operations, each on an earlier node. The nodes that no other node reads, the
loose ends, are joined into the output of the cell.
"""

import dataclasses
import functools
import operator
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from enas_tf import errors
from enas_tf.spaces import base

# In the order of the original's integers (enas, micro_child.py).
PAPER_OPS = (
  "sep_conv_3x3",
  "sep_conv_5x5",
  "avg_pool_3x3",
  "max_pool_3x3",
  "identity",
)
# All that come with the library, those of the paper first.
KNOWN_OPS = (
  *PAPER_OPS,
  "sep_conv_7x7",
  "dil_conv_3x3",
  "dil_conv_5x5",
  "conv_1x1",
  "conv_3x3",
  "conv_5x5",
  "max_pool_5x5",
)
CELLS = ("normal", "reduction")


class Node(NamedTuple):
  """One node: op_1(node index_1) + op_2(node index_2).

  Attributes:
    index_1: the node that the first operation reads.
    op_1: the name of the first operation.
    index_2: the node that the second operation reads.
    op_2: the name of the second operation.
  """

  index_1: int
  op_1: str
  index_2: int
  op_2: str


@dataclasses.dataclass(frozen=True)
class MicroArc:
  """A normal and a reduction cell.

  `str(arc)` is the original's string of integers: index_1 op_1 index_2 op_2 of
  each node, the normal cell first.

  >>> arc = MicroSpace(num_cells=1).parse("0 2 1 4 1 0 0 3")
  >>> arc.normal
  (Node(index_1=0, op_1='avg_pool_3x3', index_2=1, op_2='identity'),)
  >>> str(arc)
  '0 2 1 4 1 0 0 3'

  Attributes:
    normal: the nodes of the normal cell.
    reduction: the nodes of the reduction cell.
    ops: the operations of the space; an operation's integer is its index.
  """

  normal: tuple[Node, ...]
  reduction: tuple[Node, ...]
  ops: tuple[str, ...] = PAPER_OPS

  def __str__(self) -> str:
    return " ".join(
      f"{n.index_1} {self.ops.index(n.op_1)} "
      f"{n.index_2} {self.ops.index(n.op_2)}"
      for n in self.normal + self.reduction
    )

  def to_json(self) -> dict[str, Any]:
    """Returns a value for `json.dumps`; `MicroSpace.from_json` reads it."""
    return {
      "space": "micro",
      "ops": list(self.ops),
      "normal": [list(node) for node in self.normal],
      "reduction": [list(node) for node in self.reduction],
    }

  def graphs(self) -> tuple[base.Graph, ...]:
    """Returns both cells as graphs, for pictures."""
    return tuple(_graph(cell, getattr(self, cell), self.ops) for cell in CELLS)


def _graph(
  cell: str, nodes: Sequence[Node], ops: tuple[str, ...]
) -> base.Graph:
  out = len(nodes) + 2
  edges = []
  for i, node in enumerate(nodes, start=2):
    edges += [
      base.Edge(node.index_1, i, node.op_1),
      base.Edge(node.index_2, i, node.op_2),
    ]
  edges += [base.Edge(i, out) for i in loose_ends(nodes)]
  names = ["previous previous cell", "previous cell"]
  names += [f"node {i}" for i in range(2, out)]
  return base.Graph(f"{cell} cell", (*names, "output"), tuple(edges), ops)


def loose_ends(nodes: Sequence[Node]) -> tuple[int, ...]:
  """Returns the nodes that no node reads, in order.

  The two inputs of the cell (0 and 1) are among them when nothing reads them,
  as in the original.

  Args:
    nodes: of a cell.
  """
  read = {node.index_1 for node in nodes} | {node.index_2 for node in nodes}
  return tuple(i for i in range(len(nodes) + 2) if i not in read)


@dataclasses.dataclass(frozen=True)
class MicroSpace(base.Space):
  """All pairs of cells with `num_cells` nodes over `ops`.

  Attributes:
    num_cells: nodes in a cell (B in the paper; the original's word for a node
      is "cell"), at least 1.
    ops: the names of the operations, in the order of their integers.
  """

  num_cells: int = 5
  ops: tuple[str, ...] = PAPER_OPS
  name = "micro"

  def __post_init__(self) -> None:
    if self.num_cells < 1:
      raise errors.ConfigError(
        "A cell needs at least one node: raise `child_num_cells`. "
        f"Received: num_cells={self.num_cells}"
      )
    base.check_distinct(
      self.ops, "operations", field="ops", setting="child_ops"
    )

  @functools.cached_property
  def decisions(self) -> tuple[base.Decision, ...]:
    decisions = []
    for cell in CELLS:
      for node in range(self.num_cells):
        name, inputs = f"{cell}/node_{node}", tuple(range(node + 2))
        decisions += [
          base.Decision(f"{name}/index_1", inputs, "input"),
          base.Decision(f"{name}/op_1", self.ops, "operation"),
          base.Decision(f"{name}/index_2", inputs, "input"),
          base.Decision(f"{name}/op_2", self.ops, "operation"),
        ]
    return tuple(decisions)

  def encode(self, arc: base.Arc) -> np.ndarray:
    arc = base.expect(arc, MicroArc)
    return self._to_row(self._integers_of([arc.normal, arc.reduction]))

  def decode(self, row: base.Row) -> MicroArc:
    row = [int(value) for value in row]
    self.check(row)
    nodes = [
      Node(index_1, self.ops[op_1], index_2, self.ops[op_2])
      for index_1, op_1, index_2, op_2 in zip(*[iter(row)] * 4, strict=True)
    ]
    return MicroArc(
      tuple(nodes[: self.num_cells]), tuple(nodes[self.num_cells :]), self.ops
    )

  def canonical(self, row: base.Row) -> tuple[int, ...]:
    """Returns the row of which no node's two reads are in another order.

    A node adds what it reads. Every other part reaches the output: what nobody
    reads is joined into it, and it makes a difference in which order.

    Args:
      row: `num_decisions` integers.
    """
    nodes = np.reshape(row, [-1, 2, 2]).tolist()
    return tuple(
      value for reads in nodes for read in sorted(reads) for value in read
    )

  def from_json(self, value: Any) -> MicroArc:
    try:
      cells = [
        [
          Node(operator.index(index_1), op_1, operator.index(index_2), op_2)
          for index_1, op_1, index_2, op_2 in value[cell]
        ]
        for cell in CELLS
      ]
    except (TypeError, KeyError, ValueError) as error:
      raise errors.ArcError(
        'A micro arc in JSON has the keys "normal" and "reduction", each a '
        'list of nodes [index_1, "op_1", index_2, "op_2"]: write it as a '
        f"run's best_arc.json does. Received: {value}"
      ) from error
    return self.decode(self._integers_of(cells))

  def _candidates(self) -> Mapping[str, MicroArc]:
    return PUBLISHED

  def _integers_of(self, cells: Sequence[Sequence[Node]]) -> list[int]:
    """Returns the integers of the two cells, which may come from outside."""
    sizes = [len(nodes) for nodes in cells]
    if sizes[0] != sizes[1]:
      raise errors.ArcError(
        "Both cells must have the same number of nodes. Received: "
        f"normal={sizes[0]}, reduction={sizes[1]}"
      )
    row = []
    for cell, nodes in zip(CELLS, cells, strict=True):
      for i, node in enumerate(nodes):
        name = f"{cell}/node_{i}"
        row += [
          node.index_1,
          self._index(node.op_1, f"{name}/op_1"),
          node.index_2,
          self._index(node.op_2, f"{name}/op_2"),
        ]
    return row

  def _index(self, op: Any, name: str) -> int:
    return base.index_of(
      op, self.ops, "operation", name=name, setting="child_ops"
    )


# Pham et al. 2018, https://arxiv.org/abs/1802.03268, figure 8; the integers
# stand in the original's scripts/cifar10_micro_final.sh.
_ENAS_MICRO = (
  "0 2 0 0 0 4 0 1 0 4 1 1 1 0 0 1 0 2 1 1 "
  "1 0 1 0 0 3 0 2 1 1 3 1 1 0 0 4 0 3 1 1"
)

PUBLISHED = {
  "enas_micro": MicroSpace(num_cells=5).decode(
    [int(each) for each in _ENAS_MICRO.split()]
  )
}
