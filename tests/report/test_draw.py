import sys

import numpy as np
import pytest

from enas_tf.report import draw
from enas_tf.spaces import base, macro, macro_channels, micro, rnn

SPACE = micro.MicroSpace()
PUBLISHED = SPACE.published["enas_micro"]
# Each node reads the one before it: as many columns as there can be.
DEEP = SPACE.parse(
  "0 0 1 1 2 2 0 3 3 4 1 0 4 1 2 2 5 3 0 4 "
  "0 0 0 0 0 4 2 1 0 3 3 2 2 0 4 4 1 2 5 3"
)


def _arcs():
  rng = np.random.default_rng(0)
  long = ("dilated_separable_conv_11x11", "identity")
  return {
    "micro": PUBLISHED,
    "micro_deep": DEEP,
    # Node i reads node i - 1 and the first input.
    "micro_wrapped": micro.MicroSpace(9).decode(
      2 * [x for i in range(9) for x in (i + 1, 0, 0, 0)]
    ),
    "micro_long_words": micro.MicroSpace(2, long).random(rng),
    "macro": macro.PUBLISHED["enas_macro"],
    "ranges": macro_channels.MacroChannelsSpace(12, 36).random(rng),
    "many_channels": macro_channels.MacroChannelsSpace(3, 4096).random(rng),
    "rnn": rnn.PUBLISHED["enas_lm"],
    "rnn_first_function": rnn.PUBLISHED["enas_ptb"],
  } | {f"random_{i}": SPACE.random(rng) for i in range(4)}


each_arc = pytest.mark.parametrize("arc", _arcs().values(), ids=_arcs())


def test_draw_is_a_picture_that_is_not_empty():
  pytest.importorskip("matplotlib")
  picture = draw.draw(PUBLISHED)
  assert picture.dtype == np.uint8 and picture.shape[2] == 4
  assert len(np.unique(picture.reshape(-1, 4), axis=0)) > 50


@each_arc
def test_pictures_fit_a_screen(arc):
  pytest.importorskip("matplotlib")
  height, width, _ = draw.draw(arc).shape
  assert max(height, width) < 1700
  # A thumbnail that is scaled to a width is not a thin strip.
  assert height > width / 5


def test_draw_tells_arcs_apart_and_repeats():
  pytest.importorskip("matplotlib")
  other = SPACE.parse(str(PUBLISHED).replace("0 2 0 0", "0 3 0 0", 1))
  picture = draw.draw(PUBLISHED)
  np.testing.assert_array_equal(picture, draw.draw(PUBLISHED))
  assert not np.array_equal(picture, draw.draw(other))


def test_draw_shows_every_node_and_operation():
  pytest.importorskip("matplotlib")
  axes = draw._canvas(PUBLISHED.graphs()).figure.axes[0]
  shown = sorted(text.get_text() for text in axes.texts)
  expected = []
  for graph in PUBLISHED.graphs():
    expected += [graph.title, *(n.replace(" ", "\n") for n in graph.nodes)]
    expected += [e.label.replace("_", " ") for e in graph.edges if e.label]
  assert shown == sorted(expected)


@each_arc
def test_labels_lie_in_boxes_and_none_overlaps_or_is_cut_off(arc):
  patches = pytest.importorskip("matplotlib.patches")
  canvas = draw._canvas(arc.graphs())
  canvas.draw()
  axes = canvas.figure.axes[0]
  texts = [text.get_window_extent() for text in axes.texts]
  for i, text in enumerate(texts):
    assert not any(text.overlaps(other) for other in texts[:i])
    assert is_inside(text, canvas.figure.bbox)
  boxes = [
    patch.get_window_extent()
    for patch in axes.patches
    if isinstance(patch, patches.FancyBboxPatch)
  ]
  # Titles, and the names of what was cut, stand beside no box.
  outside = [graph.title for graph in arc.graphs()]
  outside += [name for graph in arc.graphs() for name in graph.nodes]
  inside = 0
  for text, label in zip(texts, axes.texts, strict=True):
    is_in_box = any(is_inside(text, box) for box in boxes)
    inside += is_in_box
    assert is_in_box or label.get_text() in outside, label
    # What is beside the boxes touches none.
    assert is_in_box or not any(text.overlaps(box) for box in boxes), label
  assert inside == len(boxes)


def is_inside(inner, outer) -> bool:
  return outer.contains(inner.x0, inner.y0) and outer.contains(
    inner.x1, inner.y1
  )


@each_arc
def test_boxes_do_not_overlap(arc):
  patches = pytest.importorskip("matplotlib.patches")
  canvas = draw._canvas(arc.graphs())
  canvas.draw()
  boxes = [
    patch.get_window_extent().padded(-1)
    for patch in canvas.figure.axes[0].patches
    if isinstance(patch, patches.FancyBboxPatch)
  ]
  for i, box in enumerate(boxes):
    assert is_inside(box, canvas.figure.bbox)
    assert not any(box.overlaps(other) for other in boxes[:i])


@each_arc
def test_layout_leads_from_left_to_right_without_collisions(arc):
  for graph in arc.graphs():
    layout = draw._layout(graph, 0.0)
    columns, ys = layout.columns, layout.ys
    for edge in graph.edges:
      assert columns[edge.start] < columns[edge.end]
      for column in range(columns[edge.start], columns[edge.end]):
        assert (column, edge.start) in ys
    for column in range(1, max(columns) + 1):
      row = layout.rows[column]
      if row == layout.rows[column - 1]:
        assert layout.xs[column - 1] < layout.xs[column]
      else:
        assert row == layout.rows[column - 1] + 1
      items = sorted(
        (y, node) for (place, node), y in ys.items() if place == column
      )
      for (low, below), (high, above) in zip(items, items[1:], strict=False):
        heights = [
          draw._height(graph, node) if columns[node] == column else draw._LANE
          for node in (below, above)
        ]
        assert high - low >= sum(heights) / 2 - 1e-9


def test_a_chain_is_wrapped_into_rows_that_name_what_goes_on():
  pytest.importorskip("matplotlib")
  names = tuple(f"layer {i}" for i in range(20))
  edges = tuple(base.Edge(i, i + 1, "conv_3x3") for i in range(19))
  graph = base.Graph("chain", names, (*edges, base.Edge(0, 19)))
  layout = draw._layout(graph, 0.0)
  texts = draw._canvas([graph]).figure.axes[0].texts
  shown = [text.get_text() for text in texts]
  cut = [i - 1 for i in range(20) if layout.begins_row(i)]
  assert len(cut) >= 2
  assert sorted(text for text in shown if text in names) == sorted(
    [f"layer {i}" for i in cut] + ["layer 0"] * len(cut)
  )


def test_save_png_writes_a_picture(tmp_path):
  pytest.importorskip("matplotlib")
  assert draw.save_png(PUBLISHED, tmp_path / "arc.png")
  assert (tmp_path / "arc.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_nothing_is_drawn(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "matplotlib", None)
  assert draw.draw(PUBLISHED) is None
  assert not draw.save_png(PUBLISHED, tmp_path / "arc.png")
  assert list(tmp_path.iterdir()) == []
