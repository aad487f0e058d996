"""Pictures of architectures, where matplotlib (an extra) is installed.

An arc describes itself by `arc.graphs()`; `graph_layout` says where their parts
stand. Nothing here knows a space.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from enas_tf import files
from enas_tf.report import graph_layout
from enas_tf.spaces import base

if TYPE_CHECKING:
  from matplotlib.axes import Axes
  from matplotlib.backends.backend_agg import FigureCanvasAgg

_INCHES, _DPI = 0.7, 100  # Of a unit; of an inch.
_FILLED = 0.9  # The most of a box that its text may take.
# Of operations; white letters can be read on each.
_OP_COLORS = (
  "#4c78a8",
  "#54843f",
  "#c26a00",
  "#c23b3d",
  "#6f6f6f",
  "#3d8f8a",
  "#8a5a9e",
  "#8c6239",
  "#b0487f",
  "#5b6abf",
)
_EDGE_COLORS = (
  "#222222",
  "#9a6fb0",
  "#59a14f",
  "#b07a3c",
  "#d0609b",
  "#3a9bc1",
)


def draw(arc: base.Arc) -> np.ndarray | None:
  """Returns a picture, uint8 [height, width, 4]; None without matplotlib.

  Args:
    arc: of any space.
  """
  canvas = _canvas(arc.graphs())
  if canvas is None:
    return None
  canvas.draw()
  return np.array(canvas.buffer_rgba())


def save_png(arc: base.Arc, path: pathlib.Path) -> bool:
  """Writes the picture; returns whether matplotlib was there to draw it.

  Args:
    arc: of any space.
    path: of the PNG file.

  Raises:
    OutputDirError: if it cannot be written.
  """
  canvas = _canvas(arc.graphs())
  if canvas is not None:
    with files.replacing(path) as temporary:
      canvas.print_png(str(temporary))
  return canvas is not None


def _canvas(graphs: Sequence[base.Graph]) -> "FigureCanvasAgg | None":
  """Returns a canvas with the graphs from top to bottom, or None."""
  try:
    from matplotlib import figure
    from matplotlib.backends import backend_agg
  except ImportError:
    return None
  layouts, bottom = [], 0.0
  for graph in graphs:
    layouts.append(graph_layout.lay_out(graph, bottom))
    bottom = layouts[-1].bottom
  width = (
    max(max(layout.xs) for layout in layouts)
    + graph_layout.MARGIN
    + graph_layout.STUB
  )
  size = width * _INCHES, -bottom * _INCHES
  picture = figure.Figure(figsize=size, dpi=_DPI)
  canvas = backend_agg.FigureCanvasAgg(picture)
  axes = picture.add_axes((0, 0, 1, 1))
  axes.set_axis_off()
  axes.set_xlim(0, width)
  axes.set_ylim(bottom, 0)
  colors = operation_colors(graphs)
  top = 0.0
  for graph, layout in zip(graphs, layouts, strict=True):
    middle, most = (
      (width / 2, top - graph_layout.TITLE / 2),
      (width, graph_layout.TITLE),
    )
    _write(axes, middle, graph.title, most, size=14)
    _draw_graph(axes, graph, layout, colors)
    top = layout.bottom
  return canvas


def operation_colors(graphs: Sequence[base.Graph]) -> dict[str, str]:
  """Returns the colour of each operation, by name.

  A space's operations have the same colours in all its pictures, and different
  ones until there are more than colours.

  Args:
    graphs: of an arc.
  """
  known = [op for graph in graphs for op in graph.operations]
  others = {edge.label for graph in graphs for edge in graph.edges}
  operations = dict.fromkeys([*known, *sorted(others - {""})])
  return {
    op: _OP_COLORS[i % len(_OP_COLORS)] for i, op in enumerate(operations)
  }


def _draw_graph(
  axes: "Axes",
  graph: base.Graph,
  layout: graph_layout.Layout,
  colors: Mapping[str, str],
) -> None:
  for node, name in enumerate(graph.nodes):
    position = layout.position(layout.columns[node], node)
    label = name.replace(" ", "\n")
    _box(
      axes,
      position,
      (graph_layout.NODE, graph_layout.NODE_HEIGHT),
      label,
      "white",
      "black",
    )
    _draw_edges(axes, graph, layout, node, colors)
  for column in filter(layout.begins_row, range(len(layout.rows))):
    for cut in (node for there, node in layout.ys if there == column - 1):
      x, y = layout.entrance(column, cut)
      end, most = (x - 0.1, y), (x - 0.15, graph_layout.LANE)
      style = {"ha": "right", "color": _color(cut)}
      _write(axes, end, graph.nodes[cut], most, size=7, **style)


def _draw_edges(
  axes: "Axes",
  graph: base.Graph,
  layout: graph_layout.Layout,
  node: int,
  colors: Mapping[str, str],
) -> None:
  """Draws what leads to a node, with the operations on the way."""
  column = layout.columns[node]
  x, y = layout.position(column, node)
  incoming = [edge for edge in graph.edges if edge.end == node]
  # The boxes stand in the order of what they read: fewer lines cross.
  incoming.sort(key=lambda edge: -layout.ys[column - 1, edge.start])
  slots = graph_layout.slots(incoming)
  total = sum(slots)
  slot_y = y + total / 2
  for edge, slot in zip(incoming, slots, strict=True):
    slot_y -= slot / 2
    # They arrive in the order of their slots, along most of the node's side.
    spread = min(1, 0.7 * graph_layout.NODE_HEIGHT / max(total, 0.1))
    end = x - graph_layout.NODE / 2, y + (slot_y - y) * spread
    left = x + graph_layout.OP_X - graph_layout.OP / 2, slot_y
    right = x + graph_layout.OP_X + graph_layout.OP / 2, slot_y
    *cut, way = _ways(edge, layout)
    for points in cut:
      _arrow(axes, points, _color(edge.start))
    if edge.label:
      text = "\n".join(graph_layout.op_lines(edge))
      middle, size = (
        (x + graph_layout.OP_X, slot_y),
        (graph_layout.OP, graph_layout.op_height(edge)),
      )
      _box(axes, middle, size, text, colors[edge.label], "white")
      _arrow(axes, [*way, left], _color(edge.start))
      _arrow(axes, [right, end], "black")
    else:
      passing = [left, right] if slot else []
      _arrow(axes, [*way, *passing, end], _color(edge.start))
    slot_y -= slot / 2


def _ways(
  edge: base.Edge, layout: graph_layout.Layout
) -> list[list[tuple[float, float]]]:
  """Returns the points of an edge through its lanes, but for its end.

  There is a list of points for each row that it goes through.
  """
  first = layout.columns[edge.start]
  x, y = layout.position(first, edge.start)
  ways = [[(x + graph_layout.NODE / 2, y)]]
  for column in range(first + 1, layout.columns[edge.end] + 1):
    if layout.begins_row(column):
      x, y = ways[-1][-1]
      ways[-1].append((x + graph_layout.STUB, y))
      ways.append([layout.entrance(column, edge.start)])
    if column < layout.columns[edge.end]:
      x, y = layout.position(column, edge.start)
      ways[-1] += [
        (x + graph_layout.OP_X - graph_layout.OP / 2, y),
        (x + graph_layout.NODE / 2, y),
      ]
  return ways


def _color(node: int) -> str:
  return _EDGE_COLORS[node % len(_EDGE_COLORS)]


def _box(
  axes: "Axes",
  middle: tuple[float, float],
  size: tuple[float, float],
  text: str,
  fill: str,
  color: str,
) -> None:
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
  _write(axes, middle, text, size, size=8, color=color, zorder=4)


def _write(
  axes: "Axes",
  position: tuple[float, float],
  text: str,
  most: tuple[float, float],
  *,
  size: float,
  ha: str = "center",
  **style: Any,
) -> None:
  """Writes a text, so small that it takes at most this width and height."""
  label = axes.text(*position, text, size=size, ha=ha, va="center", **style)
  canvas: Any = axes.figure.canvas
  extent = label.get_window_extent(canvas.get_renderer())
  room = [_FILLED * length * _INCHES * _DPI for length in most]
  scale = min(
    1.0, room[0] / max(extent.width, 1), room[1] / max(extent.height, 1)
  )
  label.set_fontsize(size * scale)


def _arrow(
  axes: "Axes", points: Sequence[tuple[float, float]], color: str
) -> None:
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
