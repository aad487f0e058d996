"""Where the parts of a picture of an architecture stand.

Graphs stand one above the other. A graph is drawn in columns, inputs at the
left: a node stands one column after the latest that it reads, and each
operation is a box before the node that adds it. An edge that skips a column
gets a lane there, as if it were a node, so that nothing lies upon a label.
Columns that are too many for the width go on in the next row, as words do: each
edge that is cut goes on at the same height, behind the name of the node that it
comes from. Lengths are in units, heights grow upwards from 0 at the top.
"""

import collections
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from enas_tf.spaces import base

WIDTH = 23.0  # Of a row at most.
MARGIN, STUB, TITLE = 0.7, 0.35, 0.7
NODE, NODE_HEIGHT, OP = 1.0, 0.8, 1.3
OP_X = -1.45  # The middle of an operation's box, from its node's.
LANE = 0.2
_COLUMN, _SHORT = 3.3, 1.8  # To the next column, with and without operations.
_OP_HEIGHT = 0.42
_LINE = 0.2  # What another line adds to the height of an operation's box.
_LETTERS = 14  # Of a line of an operation's box.
_GAP = 0.3
_LETTER = 0.075  # The width of a letter of the names before cut edges.


class Layout(NamedTuple):
  """Where everything is, in units.

  Attributes:
    columns: the column of each node.
    rows: the row of each column.
    xs: the middle of the nodes of each column.
    middles: the height of the middle of each row.
    ys: the height, above the middle of the row, of a node or of the lane of
      its edges, by (column, node).
    entry: where edges that were cut go on, from the left.
    bottom: the height of the lower edge.
  """

  columns: list[int]
  rows: list[int]
  xs: list[float]
  middles: list[float]
  ys: dict[tuple[int, int], float]
  entry: float
  bottom: float

  def position(self, column: int, node: int) -> tuple[float, float]:
    """Returns the middle of a node, or of a lane of its edges.

    Args:
      column: where it is.
      node: index of the node.
    """
    y = self.middles[self.rows[column]] + self.ys[column, node]
    return self.xs[column], y

  def begins_row(self, column: int) -> bool:
    """Returns whether edges to a column are cut before it.

    Args:
      column: its index.
    """
    return column > 0 and self.rows[column] > self.rows[column - 1]

  def entrance(self, column: int, node: int) -> tuple[float, float]:
    """Returns where an edge that was cut before a column goes on.

    Args:
      column: its index.
      node: index of the node that the edge comes from.
    """
    y = self.middles[self.rows[column]] + self.ys[column - 1, node]
    return self.entry, y


def lay_out(graph: base.Graph, top: float) -> Layout:
  """Puts a graph below a height: first columns, then rows of them.

  Args:
    graph: of an arc.
    top: the height.
  """
  columns = [0] * len(graph.nodes)
  for edge in sorted(graph.edges, key=lambda edge: edge.end):
    columns[edge.end] = max(columns[edge.end], columns[edge.start] + 1)
  # The names of what was cut stand before it.
  longest = max(map(len, graph.nodes))
  entry = max(MARGIN + NODE / 2, _LETTER * longest + 0.2)
  rows, xs = _wrap(graph, columns, entry - NODE / 2)
  ys, reaches = _heights(graph, columns)
  middles, bottom = [], top - TITLE
  for row in range(max(rows) + 1):
    # With the column before it, whose edges come in.
    inside = [
      reach
      for column, reach in enumerate(reaches)
      if row in rows[column : column + 2]
    ]
    middles.append(bottom - max(inside))
    bottom -= 2 * max(inside)
  return Layout(columns, rows, xs, middles, ys, entry, bottom)


def _wrap(
  graph: base.Graph, columns: Sequence[int], indent: float
) -> tuple[list[int], list[float]]:
  """Returns the row of each column, and its middle.

  Rows but the first begin as if a node stood at `indent`.
  """
  with_ops = {columns[edge.end] for edge in graph.edges if edge.label}
  rows, xs = [0], [MARGIN]
  for column in range(1, max(columns) + 1):
    step = _COLUMN if column in with_ops else _SHORT
    is_full = xs[-1] + step + MARGIN > WIDTH
    rows.append(rows[-1] + is_full)
    xs.append((indent if is_full else xs[-1]) + step)
  return rows, xs


def _heights(
  graph: base.Graph, columns: Sequence[int]
) -> tuple[dict[tuple[int, int], float], list[float]]:
  """Puts nodes and lanes into columns, near to what they come from.

  Returns:
    The height of each above the middle of its row, by (column, node), and how
    far each column reaches from there, up as well as down.
  """
  # Of a column: node -> its sources.
  members: dict[int, dict[int, list[int]]] = collections.defaultdict(dict)
  for node, column in enumerate(columns):
    members[column][node] = []
  for edge in graph.edges:
    members[columns[edge.end]][edge.end].append(edge.start)
    for column in range(columns[edge.start] + 1, columns[edge.end]):
      members[column][edge.start] = [edge.start]  # A lane.
  ys: dict[tuple[int, int], float] = {}
  reaches: list[float] = []
  for column in sorted(members):
    sources = members[column]
    above = {
      node: [ys[column - 1, source] for source in sources[node]]
      for node in sources
    }
    wishes = {
      node: -float(np.mean(each)) if each else node
      for node, each in above.items()
    }
    # Lanes lie close to each other, and keep away from nodes.
    heights = {
      node: height(graph, node) + _GAP if columns[node] == column else LANE
      for node in sources
    }
    y = sum(heights.values()) / 2
    reaches.append(y + _GAP / 2)
    for node in sorted(sources, key=wishes.__getitem__):
      ys[column, node] = y - heights[node] / 2
      y -= heights[node]
  return ys, reaches


def height(graph: base.Graph, node: int) -> float:
  """Returns the height of a node with the operations before it.

  Args:
    graph: of an arc.
    node: index of the node.
  """
  incoming = [edge for edge in graph.edges if edge.end == node]
  return max(NODE_HEIGHT, sum(slots(incoming)))


def slots(incoming: Sequence[base.Edge]) -> list[float]:
  """Returns the heights that the edges to a node take before it.

  Where there are operations, the edges without one pass between their boxes.

  Args:
    incoming: the edges.
  """
  if not any(edge.label for edge in incoming):
    return [0.0] * len(incoming)
  return [op_height(edge) + 0.1 if edge.label else LANE for edge in incoming]


def op_lines(edge: base.Edge) -> list[str]:
  """Returns what stands in the box of an operation.

  Args:
    edge: one with a label.
  """
  label = edge.label.replace("_", " ")
  lines = textwrap.wrap(label, _LETTERS, break_long_words=False)
  return [*lines, edge.detail] if edge.detail else lines


def op_height(edge: base.Edge) -> float:
  """Returns the height of the box of an operation.

  Args:
    edge: one with a label.
  """
  return _OP_HEIGHT + _LINE * (len(op_lines(edge)) - 1)
