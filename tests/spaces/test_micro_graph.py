from enas_tf.spaces import base, graphviz, micro

ARC = micro.MicroSpace(num_cells=2).parse("0 2 1 4 2 0 0 3  1 0 1 1 0 4 1 2")


def test_graphs_describe_both_cells():
  normal, reduction = ARC.graphs()
  assert normal.title == "normal cell"
  assert normal.nodes == (
    "previous previous cell",
    "previous cell",
    "node 2",
    "node 3",
    "output",
  )
  assert normal.edges == (
    base.Edge(0, 2, "avg_pool_3x3"),
    base.Edge(1, 2, "identity"),
    base.Edge(2, 3, "sep_conv_3x3"),
    base.Edge(0, 3, "max_pool_3x3"),
    base.Edge(3, 4),
  )
  assert reduction.title == "reduction cell"
  assert reduction.edges[-2:] == (base.Edge(2, 4), base.Edge(3, 4))


def test_an_unread_input_is_a_loose_end():
  arc = micro.MicroSpace(num_cells=1).parse("0 0 0 0 1 0 1 0")
  normal, reduction = arc.graphs()
  assert normal.edges[-2:] == (base.Edge(1, 3), base.Edge(2, 3))
  assert reduction.edges[-2:] == (base.Edge(0, 3), base.Edge(2, 3))


def test_dot_is_the_graphs_word_for_word():
  arc = micro.MicroSpace(num_cells=1).parse("0 2 1 4 1 0 0 3")
  cell = """\
  subgraph cluster_{0} {{
    label="{0} cell";
    {0}_0 [label="previous previous cell"];
    {0}_1 [label="previous cell"];
    {0}_2 [label="node 2"];
    {0}_out [label="output"];
    {0}_{1} -> {0}_2 [label="{2}"];
    {0}_{3} -> {0}_2 [label="{4}"];
    {0}_2 -> {0}_out;
  }}
"""
  assert graphviz.to_dot("micro", arc.graphs()) == (
    "digraph micro {\n  rankdir=LR;\n  node [shape=box];\n"
    + cell.format("normal", 0, "avg_pool_3x3", 1, "identity")
    + cell.format("reduction", 1, "sep_conv_3x3", 0, "max_pool_3x3")
    + "}"
  )
