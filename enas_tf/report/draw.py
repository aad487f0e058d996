"""Pictures of architectures, where matplotlib (an extra) is installed.

An arc describes itself by `arc.graphs()`; they stand one above the other. A
graph is drawn in columns, inputs at the left: a node stands one column after
the latest that it reads, and each operation is a box before the node that adds
it. An edge that skips a column gets a lane there, as if it were a node, so that
nothing lies upon a label. Columns that are too many for the width go on in the
next row, as words do: each edge that is cut goes on at the same height, behind
the name of the node that it comes from.
"""

import collections
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from enas_tf import files
from enas_tf.spaces import base

_INCHES, _DPI = 0.7, 100  # Of a unit; of an inch.
_WIDTH = 23.0  # Of a row at most; lengths are in units.
_COLUMN, _SHORT = 3.3, 1.8  # To the next column, with and without operations.
_NODE, _NODE_HEIGHT, _OP, _OP_HEIGHT = 1.0, 0.8, 1.3, 0.42
_LINE = 0.2  # What a second line adds to the height of an operation's box.
_LANE, _GAP = 0.2, 0.3
_OP_X = -1.45  # The middle of an operation's box, from its node's.
_MARGIN, _STUB, _TITLE = 0.7, 0.35, 0.7
_LETTER = 0.075  # The width of a letter of the names before cut edges.
# By the first letters of the word.
_OP_COLORS = {
  "sep": "#4c78a8",
  "dil": "#3d8f8a",
  "con": "#54843f",
  "avg": "#c26a00",
  "max": "#c23b3d",
  "ide": "#6f6f6f",
  "tan": "#4c78a8",
  "rel": "#54843f",
  "sig": "#c26a00",
}
_EDGE_COLORS = (
  "#222222",
  "#9a6fb0",
  "#59a14f",
  "#b07a3c",
  "#d0609b",
  "#3a9bc1",
)


class _Layout(NamedTuple):
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

  def place(self, column: int, node: int) -> tuple[float, float]:
    """Returns the middle of a node or lane."""
    y = self.middles[self.rows[column]] + self.ys[column, node]
    return self.xs[column], y

  def begins_row(self, column: int) -> bool:
    return column > 0 and self.rows[column] > self.rows[column - 1]

  def entrance(self, column: int, node: int) -> tuple[float, float]:
    """Returns where an edge that was cut before a column goes on."""
    y = self.middles[self.rows[column]] + self.ys[column - 1, node]
    return self.entry, y


def draw(arc: base.Arc) -> np.ndarray | None:
  """Returns a picture, uint8 [height, width, 4]; None without matplotlib."""
  canvas = _canvas(arc.graphs())
  if canvas is None:
    return None
  canvas.draw()
  return np.array(canvas.buffer_rgba())


def save_png(arc: base.Arc, path: pathlib.Path) -> bool:
  """Writes the picture; returns whether matplotlib was there to draw it.

  Raises:
    OutputDirError: if it cannot be written.
  """
  canvas = _canvas(arc.graphs())
  if canvas is not None:
    with files.replacing(path) as temporary:
      canvas.print_png(str(temporary))
  return canvas is not None


def _canvas(graphs: Sequence[base.Graph]):
  """Returns a canvas with the graphs from top to bottom, or None."""
  try:
    from matplotlib import figure
    from matplotlib.backends import backend_agg
  except ImportError:
    return None
  layouts, bottom = [], 0.0
  for graph in graphs:
    layouts.append(_layout(graph, bottom))
    bottom = layouts[-1].bottom
  width = max(max(layout.xs) for layout in layouts) + _MARGIN + _STUB
  size = width * _INCHES, -bottom * _INCHES
  picture = figure.Figure(figsize=size, dpi=_DPI)
  canvas = backend_agg.FigureCanvasAgg(picture)
  axes = picture.add_axes((0, 0, 1, 1))
  axes.set_axis_off()
  axes.set_xlim(0, width)
  axes.set_ylim(bottom, 0)
  top = 0.0
  for graph, layout in zip(graphs, layouts, strict=True):
    axes.text(
      width / 2,
      top - _TITLE / 2,
      graph.title,
      ha="center",
      va="center",
      size=14,
    )
    _draw_graph(axes, graph, layout)
    top = layout.bottom
  return canvas


def _layout(graph: base.Graph, top: float) -> _Layout:
  """Puts a graph below a height: first columns, then rows of them."""
  columns = [0] * len(graph.nodes)
  for edge in sorted(graph.edges, key=lambda edge: edge.end):
    columns[edge.end] = max(columns[edge.end], columns[edge.start] + 1)
  # The names of what was cut stand before it.
  longest = max(map(len, graph.nodes))
  entry = max(_MARGIN + _NODE / 2, _LETTER * longest + 0.2)
  rows, xs = _wrap(graph, columns, entry - _NODE / 2)
  ys, reaches = _heights(graph, columns)
  middles, bottom = [], top - _TITLE
  for row in range(max(rows) + 1):
    # With the column before it, whose edges come in.
    inside = [
      reach
      for column, reach in enumerate(reaches)
      if row in rows[column : column + 2]
    ]
    middles.append(bottom - max(inside))
    bottom -= 2 * max(inside)
  return _Layout(columns, rows, xs, middles, ys, entry, bottom)


def _wrap(
  graph: base.Graph, columns: Sequence[int], indent: float
) -> tuple[list[int], list[float]]:
  """Returns the row of each column, and its middle.

  Rows but the first begin as if a node stood at `indent`.
  """
  with_ops = {columns[edge.end] for edge in graph.edges if edge.label}
  rows, xs = [0], [_MARGIN]
  for column in range(1, max(columns) + 1):
    step = _COLUMN if column in with_ops else _SHORT
    is_full = xs[-1] + step + _MARGIN > _WIDTH
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
  members = collections.defaultdict(dict)  # Of a column: node -> its sources.
  for node, column in enumerate(columns):
    members[column][node] = []
  for edge in graph.edges:
    members[columns[edge.end]][edge.end].append(edge.start)
    for column in range(columns[edge.start] + 1, columns[edge.end]):
      members[column][edge.start] = [edge.start]  # A lane.
  ys, reaches = {}, []
  for column in sorted(members):
    sources = members[column]

    def wish(node, column=column, sources=sources):
      above = [ys[column - 1, source] for source in sources[node]]
      return -np.mean(above) if above else node

    # Lanes lie close to each other, and keep away from nodes.
    heights = {
      node: _height(graph, node) + _GAP if columns[node] == column else _LANE
      for node in sources
    }
    y = sum(heights.values()) / 2
    reaches.append(y + _GAP / 2)
    for node in sorted(sources, key=wish):
      ys[column, node] = y - heights[node] / 2
      y -= heights[node]
  return ys, reaches


def _height(graph: base.Graph, node: int) -> float:
  incoming = [edge for edge in graph.edges if edge.end == node]
  return max(_NODE_HEIGHT, sum(_slots(incoming)))


def _slots(incoming: Sequence[base.Edge]) -> list[float]:
  """Returns the heights that the edges to a node take before it.

  Where there are operations, the edges without one pass between their boxes.
  """
  if not any(edge.label for edge in incoming):
    return [0.0] * len(incoming)
  return [_op_height(edge) + 0.1 if edge.label else _LANE for edge in incoming]


def _op_height(edge: base.Edge) -> float:
  return _OP_HEIGHT + _LINE * edge.label.count(" ")


def _draw_graph(axes, graph: base.Graph, layout: _Layout) -> None:
  for node, name in enumerate(graph.nodes):
    place = layout.place(layout.columns[node], node)
    label = name.replace(" ", "\n")
    _box(axes, place, (_NODE, _NODE_HEIGHT), label, "white", "black")
    _draw_edges(axes, graph, layout, node)
  for column in filter(layout.begins_row, range(len(layout.rows))):
    for cut in (node for place, node in layout.ys if place == column - 1):
      x, y = layout.entrance(column, cut)
      axes.text(
        x - 0.1,
        y,
        graph.nodes[cut],
        ha="right",
        va="center",
        size=7,
        color=_color(cut),
      )


def _draw_edges(axes, graph: base.Graph, layout: _Layout, node: int) -> None:
  """Draws what leads to a node, with the operations on the way."""
  column = layout.columns[node]
  x, y = layout.place(column, node)
  incoming = [edge for edge in graph.edges if edge.end == node]
  # The boxes stand in the order of what they read: fewer lines cross.
  incoming.sort(key=lambda edge: -layout.ys[column - 1, edge.start])
  slots = _slots(incoming)
  total = sum(slots)
  slot_y = y + total / 2
  for edge, slot in zip(incoming, slots, strict=True):
    slot_y -= slot / 2
    # They arrive in the order of their slots, along most of the node's side.
    spread = min(1, 0.7 * _NODE_HEIGHT / max(total, 0.1))
    end = x - _NODE / 2, y + (slot_y - y) * spread
    left = x + _OP_X - _OP / 2, slot_y
    right = x + _OP_X + _OP / 2, slot_y
    *cut, way = _ways(edge, layout)
    for points in cut:
      _arrow(axes, points, _color(edge.start))
    if edge.label:
      fill = _OP_COLORS.get(edge.label[:3], "#444444")
      # Behind the word of an operation can be its range of channels.
      text = edge.label.replace(" ", "\n").replace("_", " ")
      middle, size = (x + _OP_X, slot_y), (_OP, _op_height(edge))
      _box(axes, middle, size, text, fill, "white")
      _arrow(axes, [*way, left], _color(edge.start))
      _arrow(axes, [right, end], "black")
    else:
      passing = [left, right] if slot else []
      _arrow(axes, [*way, *passing, end], _color(edge.start))
    slot_y -= slot / 2


def _ways(edge: base.Edge, layout: _Layout) -> list[list[tuple[float, float]]]:
  """Returns the points of an edge through its lanes, but for its end.

  There is a list of points for each row that it goes through.
  """
  first = layout.columns[edge.start]
  x, y = layout.place(first, edge.start)
  ways = [[(x + _NODE / 2, y)]]
  for column in range(first + 1, layout.columns[edge.end] + 1):
    if layout.begins_row(column):
      x, y = ways[-1][-1]
      ways[-1].append((x + _STUB, y))
      ways.append([layout.entrance(column, edge.start)])
    if column < layout.columns[edge.end]:
      x, y = layout.place(column, edge.start)
      ways[-1] += [(x + _OP_X - _OP / 2, y), (x + _NODE / 2, y)]
  return ways


def _color(node: int) -> str:
  return _EDGE_COLORS[node % len(_EDGE_COLORS)]


def _box(axes, middle, size, text, fill, color) -> None:
  from matplotlib import patches

  corner = middle[0] - size[0] / 2, middle[1] - size[1] / 2
  axes.add_patch(
    patches.FancyBboxPatch(
      corner,
      *size,
      boxstyle="round,pad=0,rounding_size=0.12",
      facecolor=fill,
      edgecolor="black" if fill == "white" else fill,
      zorder=3,
    )
  )
  longest = max(map(len, text.split("\n")))
  # A box holds a dozen letters at this size.
  axes.text(
    *middle,
    text,
    ha="center",
    va="center",
    size=8 * min(1, 13 / longest),
    color=color,
    zorder=4,
  )


def _arrow(axes, points, color) -> None:
  """Draws a smooth line through the points, level at each of them."""
  from matplotlib import patches, path

  vertices = [points[0]]
  for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
    middle = (x0 + x1) / 2
    vertices += [(middle, y0), (middle, y1), (x1, y1)]
  codes = [path.Path.MOVETO] + [path.Path.CURVE4] * (len(vertices) - 1)
  axes.add_patch(
    patches.FancyArrowPatch(
      path=path.Path(vertices, codes),
      arrowstyle="-|>",
      color=color,
      mutation_scale=9,
      linewidth=1.2,
      zorder=2,
      shrinkA=0,
      shrinkB=0,
    )
  )
