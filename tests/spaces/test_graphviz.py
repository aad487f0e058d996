from enas_tf.spaces import base, graphviz


def test_dot_of_any_titles_and_names():
  graphs = [
    base.Graph('2-in "one"', ("a", 'b"\\'), (base.Edge(0, 1, "op", "[0:1]"),)),
    base.Graph("2-in two", ("a", "b"), (base.Edge(0, 1, "op"),)),
    base.Graph("", ("a", "b"), (base.Edge(0, 1),)),
  ]
  dot = graphviz.to_dot("my-space", graphs)
  for line in (
    "digraph my_space {",
    r'label="2-in \"one\"";',
    r'_2_in_out [label="b\"\\"];',
    '_2_in_0 -> _2_in_out [label="op [0:1]"];',
    '_2_in_1_0 -> _2_in_1_out [label="op"];',
    "graph_0 -> graph_out;",
  ):
    assert line in dot
