import sys

import numpy as np
import pytest

from enas_tf.report import draw
from enas_tf.spaces import macro_channels, micro

SPACE = micro.MicroSpace()
PUBLISHED = SPACE.published["enas_micro"]
# Each node reads the one before it: as many columns as there can be.
DEEP = SPACE.parse(
  "0 0 1 1 2 2 0 3 3 4 1 0 4 1 2 2 5 3 0 4 "
  "0 0 0 0 0 4 2 1 0 3 3 2 2 0 4 4 1 2 5 3"
)


def _arcs():
  rng = np.random.default_rng(0)
  ranges = macro_channels.MacroChannelsSpace(3, 256).random(rng)
  return [PUBLISHED, DEEP, ranges, *(SPACE.random(rng) for _ in range(9))]


def test_draw_is_a_picture_that_is_not_empty():
  pytest.importorskip("matplotlib")
  picture = draw.draw(PUBLISHED)
  assert picture.dtype == np.uint8 and picture.shape[2] == 4
  assert 200 < picture.shape[0] < picture.shape[1] < 4000
  assert len(np.unique(picture.reshape(-1, 4), axis=0)) > 50


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


@pytest.mark.parametrize("arc", _arcs(), ids=str)
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
  titles = [graph.title for graph in arc.graphs()]
  for text, label in zip(texts, axes.texts, strict=True):
    if label.get_text() not in titles:
      assert any(is_inside(text, box) for box in boxes), label


def is_inside(inner, outer) -> bool:
  return outer.contains(inner.x0, inner.y0) and outer.contains(
    inner.x1, inner.y1
  )


@pytest.mark.parametrize("arc", _arcs(), ids=str)
def test_layout_leads_from_left_to_right_without_collisions(arc):
  for graph in arc.graphs():
    columns, ys, _ = draw._layout(graph)
    for edge in graph.edges:
      assert columns[edge.start] < columns[edge.end]
      for column in range(columns[edge.start], columns[edge.end]):
        assert (column, edge.start) in ys
    for column in set(columns):
      items = sorted(
        (y, node) for (place, node), y in ys.items() if place == column
      )
      for (low, below), (high, above) in zip(items, items[1:], strict=False):
        heights = [
          draw._height(graph, node) if columns[node] == column else draw._LANE
          for node in (below, above)
        ]
        assert high - low >= sum(heights) / 2 + draw._GAP - 1e-9


def test_save_png_writes_a_picture(tmp_path):
  pytest.importorskip("matplotlib")
  assert draw.save_png(PUBLISHED, tmp_path / "arc.png")
  assert (tmp_path / "arc.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_nothing_is_drawn(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "matplotlib", None)
  assert draw.draw(PUBLISHED) is None
  assert not draw.save_png(PUBLISHED, tmp_path / "arc.png")
  assert list(tmp_path.iterdir()) == []
