import pytest

from enas_tf.report import graph_layout
from enas_tf.spaces import base
from tests.report import arcs


@pytest.mark.parametrize("arc", arcs.ARCS.values(), ids=arcs.ARCS)
def test_layout_leads_from_left_to_right_without_collisions(arc):
  for graph in arc.graphs():
    layout = graph_layout.lay_out(graph, 0.0)
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
          graph_layout.height(graph, node)
          if columns[node] == column
          else graph_layout.LANE
          for node in (below, above)
        ]
        assert high - low >= sum(heights) / 2 - 1e-9


def test_long_names_of_operations_go_on_in_the_next_line():
  one = base.Edge(0, 1, "max_pool_3x3")
  assert graph_layout.op_lines(one) == ["max pool 3x3"]
  long = base.Edge(0, 1, "dilated_conv_of_11x11", "[0:12]")
  lines = ["dilated conv", "of 11x11", "[0:12]"]
  assert graph_layout.op_lines(long) == lines
  assert graph_layout.op_height(long) > graph_layout.op_height(one)
