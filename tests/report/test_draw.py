import sys

import numpy as np
import pytest

from enas_tf.report import draw, graph_layout
from enas_tf.spaces import base, micro
from tests.report import arcs

SPACE = micro.MicroSpace()
PUBLISHED = SPACE.published["enas_micro"]

each_arc = pytest.mark.parametrize("arc", arcs.ARCS.values(), ids=arcs.ARCS)


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


@pytest.mark.parametrize("name", ["micro", "toy", "few_ranges"])
def test_draw_shows_every_node_and_operation(name):
  pytest.importorskip("matplotlib")
  arc = arcs.ARCS[name]
  axes = draw._canvas(arc.graphs()).figure.axes[0]
  shown = sorted(text.get_text() for text in axes.texts)
  expected = []
  for graph in arc.graphs():
    expected += [graph.title, *(n.replace(" ", "\n") for n in graph.nodes)]
    for edge in filter(lambda edge: edge.label, graph.edges):
      expected.append("\n".join(graph_layout.op_lines(edge)))
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
  assert min(label.get_size() for label in axes.texts) >= 5  # Is legible.
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


def test_a_chain_is_wrapped_into_rows_that_name_what_goes_on():
  pytest.importorskip("matplotlib")
  names = tuple(f"layer {i}" for i in range(20))
  edges = tuple(base.Edge(i, i + 1, "conv_3x3") for i in range(19))
  graph = base.Graph("chain", names, (*edges, base.Edge(0, 19)))
  layout = graph_layout.lay_out(graph, 0.0)
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


def fills(graphs):
  """Returns the colours of the boxes, by their text."""
  colors = pytest.importorskip("matplotlib.colors")
  axes = draw._canvas(graphs).figure.axes[0]
  texts = {text.get_position(): text.get_text() for text in axes.texts}
  found = {}
  for patch in axes.patches:
    if hasattr(patch, "get_boxstyle"):
      box = patch.get_bbox()
      middle = box.x0 + box.width / 2, box.y0 + box.height / 2
      [text] = [t for p, t in texts.items() if np.allclose(p, middle)]
      fill = colors.to_hex(patch.get_facecolor())
      found.setdefault(text.split("\n")[0], set()).add(fill)
  return found


def test_an_operation_has_one_colour_in_all_pictures_of_a_space():
  pytest.importorskip("matplotlib")
  rng = np.random.default_rng(0)
  found = {}
  for _ in range(5):
    for text, colors in fills(SPACE.random(rng).graphs()).items():
      found.setdefault(text, set()).update(colors)
  found = {op: found[op.replace("_", " ")] for op in SPACE.ops}
  assert all(len(colors) == 1 for colors in found.values())
  assert len(set.union(*found.values())) == len(SPACE.ops)


def test_ranges_of_an_operation_have_its_colour():
  pytest.importorskip("matplotlib")
  found = fills(arcs.ARCS["few_ranges"].graphs())
  assert len(found["conv 3x3"]) == len(found["max pool 3x3"]) == 1
  assert found["conv 3x3"] != found["max pool 3x3"]


def test_operations_that_no_space_names_have_colours_too():
  graphs = [
    base.Graph("one", ("a", "b"), (base.Edge(0, 1, "z"), base.Edge(0, 1, "y"))),
    base.Graph("two", ("a", "b"), (base.Edge(0, 1, "x"),), ("z",)),
  ]
  colors = draw.operation_colors(graphs)
  assert list(colors) == ["z", "x", "y"]
  assert len(set(colors.values())) == 3
