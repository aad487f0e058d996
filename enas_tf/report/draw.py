"""Pictures of architectures, where matplotlib (an extra) is installed.

An arc describes itself by `arc.graphs()`. A graph is drawn in columns, inputs
at the left: a node stands one column after the latest that it reads, and each
operation is a box before the node that adds it. An edge that skips a column
gets a lane there, as if it were a node, so that nothing lies upon a label.
"""

import collections
import pathlib
from typing import NamedTuple

import numpy as np

from enas_tf.spaces import base

_INCHES, _DPI = 0.75, 100  # Of a unit; of an inch.
_COLUMN = 3.6  # From one column to the next; lengths are in units.
_NODE, _NODE_HEIGHT, _OP, _OP_HEIGHT = 1.1, 0.8, 1.3, 0.42
_LANE, _GAP = 0.2, 0.3
_OP_X = -1.55  # The middle of an operation's box, from its node's.
_MARGIN = 1.0
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
  """Where everything is, in units; `columns[i]` is the column of node i.

  `ys[column, node]` is the height of a node or of the lane of its edges;
  `top` is that of the upper edge, as far from 0 as the lower one.
  """

  columns: list[int]
  ys: dict[tuple[int, int], float]
  top: float

  @property
  def width(self) -> float:
    return max(self.columns) * _COLUMN + 2 * _MARGIN


def draw(arc: base.Arc) -> np.ndarray | None:
  """Returns a picture, uint8 [height, width, 4]; None without matplotlib."""
  canvas = _canvas(arc.graphs())
  if canvas is None:
    return None
  canvas.draw()
  return np.array(canvas.buffer_rgba())


def save_png(arc: base.Arc, path: pathlib.Path) -> bool:
  """Writes the picture; returns whether matplotlib was there to draw it."""
  canvas = _canvas(arc.graphs())
  if canvas is not None:
    canvas.print_png(str(path))
  return canvas is not None


def _canvas(graphs: tuple[base.Graph, ...]):
  """Returns a canvas with the graphs side by side, or None."""
  try:
    from matplotlib import figure
    from matplotlib.backends import backend_agg
  except ImportError:
    return None
  layouts = [_layout(graph) for graph in graphs]
  width = sum(layout.width for layout in layouts)
  top = max(layout.top for layout in layouts)
  picture = figure.Figure(
    figsize=(width * _INCHES, (2 * top + 0.4) * _INCHES), dpi=_DPI
  )
  canvas = backend_agg.FigureCanvasAgg(picture)
  axes = picture.add_axes((0, 0, 1, 1))
  axes.set_axis_off()
  axes.set_xlim(0, width)
  axes.set_ylim(-top, top + 0.4)
  left = 0.0
  for graph, layout in zip(graphs, layouts, strict=True):
    axes.text(
      left + layout.width / 2, top - 0.2, graph.title, ha="center", size=14
    )
    _draw_graph(axes, graph, layout, left + _MARGIN)
    left += layout.width
  return canvas


def _layout(graph: base.Graph) -> _Layout:
  """Puts nodes and lanes into columns, near to what they come from."""
  columns = [0] * len(graph.nodes)
  for edge in sorted(graph.edges, key=lambda edge: edge.end):
    columns[edge.end] = max(columns[edge.end], columns[edge.start] + 1)
  members = collections.defaultdict(dict)  # Of a column: node -> its sources.
  for node, column in enumerate(columns):
    members[column][node] = []
  for edge in graph.edges:
    members[columns[edge.end]][edge.end].append(edge.start)
    for column in range(columns[edge.start] + 1, columns[edge.end]):
      members[column][edge.start] = [edge.start]  # A lane.
  ys, top = {}, 0.0
  for column in sorted(members):
    sources = members[column]

    def wish(node, column=column, sources=sources):
      above = [ys[column - 1, source] for source in sources[node]]
      return -np.mean(above) if above else node

    heights = {
      node: _height(graph, node) if columns[node] == column else _LANE
      for node in sources
    }
    y = (sum(heights.values()) + _GAP * (len(heights) - 1)) / 2
    top = max(top, y + _GAP)
    for node in sorted(sources, key=wish):
      ys[column, node] = y - heights[node] / 2
      y -= heights[node] + _GAP
  return _Layout(columns, ys, top)


def _height(graph: base.Graph, node: int) -> float:
  num_ops = sum(edge.end == node and edge.label != "" for edge in graph.edges)
  return max(_NODE_HEIGHT, num_ops * (_OP_HEIGHT + 0.1))


def _draw_graph(axes, graph: base.Graph, layout: _Layout, left: float) -> None:
  for node, name in enumerate(graph.nodes):
    column = layout.columns[node]
    x, y = left + column * _COLUMN, layout.ys[column, node]
    label = name.replace(" ", "\n")
    _box(axes, (x, y), (_NODE, _NODE_HEIGHT), label, "white", "black")
    incoming = [edge for edge in graph.edges if edge.end == node]
    # The boxes stand in the order of what they read: fewer lines cross.
    incoming.sort(key=lambda edge: -layout.ys[column - 1, edge.start])
    for place, edge in enumerate(incoming):
      color = _EDGE_COLORS[edge.start % len(_EDGE_COLORS)]
      end = x - _NODE / 2, y
      if edge.label:
        op_y = y + ((len(incoming) - 1) / 2 - place) * (_OP_HEIGHT + 0.1)
        op = x + _OP_X, op_y
        fill = _OP_COLORS.get(edge.label[:3], "#444444")
        # Behind the word of an operation can be its range of channels.
        text = edge.label.replace(" ", "\n").replace("_", " ")
        _box(axes, op, (_OP, _OP_HEIGHT), text, fill, "white")
        _arrow(axes, [(op[0] + _OP / 2, op_y), end], "black")
        end = op[0] - _OP / 2, op_y
      _arrow(axes, [*_way(edge, layout, left), end], color)


def _way(edge: base.Edge, layout: _Layout, left: float):
  """Returns the points of an edge from its start through its lanes."""
  first = layout.columns[edge.start]
  start = left + first * _COLUMN + _NODE / 2, layout.ys[first, edge.start]
  points = [start]
  for column in range(first + 1, layout.columns[edge.end]):
    x, y = left + column * _COLUMN, layout.ys[column, edge.start]
    points += [(x + _OP_X - _OP / 2, y), (x + _NODE / 2, y)]
  return points


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
    )  # fmt: skip
  )
  axes.text(
    *middle, text, ha="center", va="center", size=8, color=color, zorder=4
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
    )  # fmt: skip
  )
