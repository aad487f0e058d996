"""The micro search space: a normal and a reduction cell (ENAS, section 2.4).

A cell has two inputs (numbered 0 and 1: the outputs of the two cells before
it) and B nodes (numbered 2, 3, ...). A node adds the results of two
operations, each on an earlier node. The nodes that no other node reads, the
loose ends, are joined into the output of the cell.
"""

import dataclasses
import functools
import operator
from collections.abc import Sequence
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
CELLS = ("normal", "reduction")
_FIELDS = ("index_1", "op_1", "index_2", "op_2")


class Node(NamedTuple):
  """One node: op_1(node index_1) + op_2(node index_2); the ops are words."""

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
    ops: the words of the space; an operation's integer is its place here.
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
    return tuple(_graph(cell, getattr(self, cell)) for cell in CELLS)


def _graph(cell: str, nodes: Sequence[Node]) -> base.Graph:
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
  return base.Graph(f"{cell} cell", (*names, "output"), tuple(edges))


def loose_ends(nodes: Sequence[Node]) -> tuple[int, ...]:
  """Returns the nodes that no node reads, in order.

  The two inputs of the cell (0 and 1) are among them when nothing reads them,
  as in the original.
  """
  read = {node.index_1 for node in nodes} | {node.index_2 for node in nodes}
  return tuple(i for i in range(len(nodes) + 2) if i not in read)


@dataclasses.dataclass(frozen=True)
class MicroSpace(base.Space):
  """All pairs of cells with `num_cells` nodes over `ops`.

  Attributes:
    num_cells: nodes in a cell (B in the paper; the original's word for a node
      is "cell"), at least 1.
    ops: the words of the operations, in the order of their integers.
  """

  num_cells: int = 5
  ops: tuple[str, ...] = PAPER_OPS
  name = "micro"

  def __post_init__(self):
    if self.num_cells < 1:
      raise errors.ConfigError(
        "A cell needs at least one node: raise `child_num_cells`. "
        f"Received: num_cells={self.num_cells}"
      )
    if not self.ops or len(set(self.ops)) != len(self.ops):
      raise errors.ConfigError(
        "The operations must be one or more different words: change "
        f"`child_ops`. Received: ops={','.join(self.ops)}"
      )

  @functools.cached_property
  def decisions(self) -> tuple[base.Decision, ...]:
    return tuple(
      base.Decision(
        f"{cell}/node_{node}/{field}",
        node + 2 if field.startswith("index") else len(self.ops),
      )
      for cell in CELLS
      for node in range(self.num_cells)
      for field in _FIELDS
    )

  def encode(self, arc: MicroArc) -> np.ndarray:
    return np.array(str(self.from_json(arc.to_json())).split(), np.int32)

  def decode(self, row: Sequence[int]) -> MicroArc:
    row = [int(value) for value in row]
    self.check(row)
    nodes = [
      Node(index_1, self.ops[op_1], index_2, self.ops[op_2])
      for index_1, op_1, index_2, op_2 in zip(*[iter(row)] * 4, strict=True)
    ]
    return MicroArc(
      tuple(nodes[: self.num_cells]), tuple(nodes[self.num_cells :]), self.ops
    )

  def from_json(self, value: Any) -> MicroArc:
    try:
      nodes = {
        f"{cell}/node_{i}": Node(
          operator.index(index_1), op_1, operator.index(index_2), op_2
        )
        for cell in CELLS
        for i, (index_1, op_1, index_2, op_2) in enumerate(value[cell])
      }
      sizes = [len(value[cell]) for cell in CELLS]
    except (TypeError, KeyError, ValueError) as error:
      raise errors.ArcError(
        'A micro arc in JSON has the keys "normal" and "reduction", each a '
        'list of nodes [index_1, "op_1", index_2, "op_2"]: write it as a '
        f"run's best_arc.json does. Received: {value}"
      ) from error
    if sizes[0] != sizes[1]:
      raise errors.ArcError(
        "Both cells must have the same number of nodes. Received: "
        f"normal={sizes[0]}, reduction={sizes[1]}"
      )
    row = [
      number
      for place, node in nodes.items()
      for number in (
        node.index_1,
        self._integer(node.op_1, f"{place}/op_1"),
        node.index_2,
        self._integer(node.op_2, f"{place}/op_2"),
      )
    ]
    return self.decode(row)

  @functools.cached_property
  def published(self) -> dict[str, MicroArc]:
    from enas_tf.spaces import published  # It imports this module.

    return {
      name: self.from_json(arc.to_json())
      for name, arc in published.MICRO.items()
      if len(arc.normal) == self.num_cells
      and all(
        op in self.ops
        for node in arc.normal + arc.reduction
        for op in (node.op_1, node.op_2)
      )
    }

  def _integer(self, op: str, place: str) -> int:
    if op not in self.ops:
      raise errors.ArcError(
        f"The operation {op!r} is not in this space "
        f"({', '.join(self.ops)}): add it to `child_ops`. "
        f"Received: {place}={op}"
      )
    return self.ops.index(op)
