import dataclasses
import doctest
import itertools
import json

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.spaces import base, rnn

SPACE = rnn.RnnSpace(num_nodes=4)
TEXT = "0 2 1 0 1 3 0 1"
ARC = SPACE.parse(TEXT)
PAPER = rnn.RnnSpace(3, rnn.PAPER_FUNCTIONS, first_function=True)


def test_examples_in_the_docstrings():
  result = doctest.testmod(rnn)
  assert result.attempted > 0
  assert result.failed == 0


def test_decisions_by_hand():
  function = (rnn.ENAS_LM_FUNCTIONS, "operation", None)
  assert rnn.RnnSpace(num_nodes=2).decisions == (
    ("node_1/previous", (0,), "input", None),
    ("node_1/function", *function),
    ("node_2/previous", (0, 1), "input", None),
    ("node_2/function", *function),
  )
  function = (("a", "b"), "operation", None)
  assert rnn.RnnSpace(1, ("a", "b"), first_function=True).decisions == (
    ("node_0/function", *function),
    ("node_1/previous", (0,), "input", None),
    ("node_1/function", *function),
  )


def test_decode_by_hand():
  assert ARC.nodes == (
    rnn.Node(0, "sigmoid"),
    rnn.Node(1, "tanh"),
    rnn.Node(1, "identity"),
    rnn.Node(0, "relu"),
  )
  assert ARC.first_function is None and ARC.function(0) == "tanh"
  assert [ARC.function(i) for i in range(1, 5)] == [
    node.function for node in ARC.nodes
  ]
  assert str(ARC) == TEXT
  assert SPACE.encode(ARC).tolist() == [0, 2, 1, 0, 1, 3, 0, 1]


def test_the_two_codes_number_functions_differently():
  enas_lm = rnn.RnnSpace(num_nodes=1)
  paper = rnn.RnnSpace(num_nodes=1, functions=rnn.PAPER_FUNCTIONS)
  for i, word in enumerate(("tanh", "relu", "sigmoid", "identity")):
    assert enas_lm.decode([0, i]).nodes == ((0, word),)
  for i, word in enumerate(("tanh", "relu", "identity", "sigmoid")):
    assert paper.decode([0, i]).nodes == ((0, word),)
  assert str(paper.from_json(enas_lm.parse("0 2").to_json())) == "0 3"


def test_a_first_function_stands_first():
  arc = PAPER.parse("1 0 3 1 2 0 0")
  assert arc.first_function == arc.function(0) == "relu"
  assert arc.nodes == ((0, "sigmoid"), (1, "identity"), (0, "tanh"))
  assert str(arc) == "1 0 3 1 2 0 0"


@pytest.mark.parametrize("functions", [("tanh",), rnn.PAPER_FUNCTIONS])
@pytest.mark.parametrize("first_function", [False, True])
@pytest.mark.parametrize("num_nodes", [1, 2, 8, 11])
def test_round_trips(num_nodes, first_function, functions):
  space = rnn.RnnSpace(num_nodes, functions, first_function)
  rng = np.random.default_rng(num_nodes)
  for _ in range(20):
    arc = space.random(rng)
    assert space.decode(space.encode(arc)) == arc
    assert space.parse(str(arc)) == arc
    assert space.from_json(arc.to_json()) == arc
    assert space.parse(json.dumps(arc.to_json())) == arc
    assert space.from_json(arc.to_dag()) == arc
    assert space.parse(json.dumps(arc.to_dag())) == arc
    assert space.from_paper(arc.to_paper()) == arc


def test_arcs_are_frozen_and_hashable():
  assert len({ARC, SPACE.decode(SPACE.encode(ARC))}) == 1
  with pytest.raises(dataclasses.FrozenInstanceError):
    ARC.nodes = ()


def test_json_form():
  assert ARC.to_json() == {
    "space": "rnn",
    "functions": list(rnn.ENAS_LM_FUNCTIONS),
    "nodes": [[0, "sigmoid"], [1, "tanh"], [1, "identity"], [0, "relu"]],
  }
  arc = PAPER.parse("1 0 3 1 2 0 0")
  assert arc.to_json()["first_function"] == "relu"


def test_words_may_be_in_any_case():
  value = ARC.to_json()
  value["nodes"][3][1] = "ReLU"
  assert SPACE.from_json(value) == ARC


def test_the_layouts_convert_where_node_0_is_tanh():
  with_first = rnn.RnnSpace(4, first_function=True)
  arc = with_first.from_json(ARC.to_json())
  assert arc.nodes == ARC.nodes and arc.first_function == "tanh"
  assert str(arc) == f"0 {TEXT}"
  assert arc != ARC
  assert SPACE.from_json(arc.to_json()) == ARC
  assert SPACE.encode(arc).tolist() == SPACE.encode(ARC).tolist()


def test_the_string_of_the_original():
  assert ARC.to_paper() == "0 0 3 1 0 1 2 0 1"
  assert SPACE.from_paper("0 0 3 1 0 1 2 0 1") == ARC
  assert PAPER.from_paper("1 0 3 1 2 0 0") == PAPER.parse("1 0 3 1 2 0 0")
  assert PAPER.parse("1 0 3 1 2 0 0").to_paper() == "1 0 3 1 2 0 0"


def test_another_function_of_node_0_needs_the_decision():
  with pytest.raises(errors.ArcError, match="Node 0 is always tanh") as info:
    SPACE.from_paper("1 0 3 1 0 1 2 0 1")
  assert str(info.value).endswith("Received: node_0/function=relu")


@pytest.mark.parametrize("text", ["", "0", "0 0", "0 0 3 1"])
def test_the_original_has_an_odd_number_of_integers(text):
  with pytest.raises(errors.ArcError, match="an odd number"):
    SPACE.from_paper(text)


def test_functions_that_the_original_lacks():
  arc = rnn.RnnSpace(1, ("sine",)).parse("0 0")
  with pytest.raises(errors.ArcError, match="'sine' is not in this space"):
    arc.to_paper()


@pytest.mark.parametrize("node", range(4))
def test_an_unknown_function_is_named(node):
  value = ARC.to_json()
  value["nodes"][node][1] = "softplus"
  with pytest.raises(errors.ArcError) as info:
    SPACE.from_json(value)
  message = str(info.value)
  assert f"node_{node + 1}/function=softplus" in message
  assert "'softplus' is not in this space" in message
  assert "`child_functions`" in message


@pytest.mark.parametrize("previous", [-1, 2, 3])
def test_a_node_reads_an_earlier_one(previous):
  value = ARC.to_json()
  value["nodes"][1][0] = previous
  with pytest.raises(
    errors.ArcError, match=rf"node_2/previous.*\[0, 2\).*: {previous}$"
  ):
    SPACE.from_json(value)


def test_an_arc_of_another_size():
  with pytest.raises(errors.ArcError, match="9 nodes.*num_nodes=4.*4 nodes"):
    rnn.RnnSpace().encode(ARC)
  with pytest.raises(errors.ArcError, match="18 integers, this one has 8"):
    rnn.RnnSpace().parse(TEXT)


@pytest.mark.parametrize(
  "nodes",
  [
    None,
    3,
    [1, 2, 3, 4],
    [[0]] * 4,
    [[0, "tanh", 0]] * 4,
    [["0", "tanh"]] * 4,
    [[0.5, "tanh"]] * 4,
  ],
)
def test_malformed_json_shows_the_forms(nodes):
  with pytest.raises(errors.ArcError, match=r'\[previous, "function"\].*DAG'):
    SPACE.from_json(ARC.to_json() | {"nodes": nodes})


@pytest.mark.parametrize("value", [{}, [], [1, 2], None, {"layers": []}])
def test_json_without_nodes(value):
  with pytest.raises(errors.ArcError, match='key "nodes"'):
    SPACE.from_json(value)


@pytest.mark.parametrize("function", [None, 0, ["tanh"]])
def test_a_function_is_a_word(function):
  value = ARC.to_json()
  value["nodes"][0][1] = function
  with pytest.raises(errors.ArcError, match="is not in this space"):
    SPACE.from_json(value)


@pytest.mark.parametrize("num_nodes", [0, -1])
def test_a_cell_needs_a_node(num_nodes):
  with pytest.raises(errors.ConfigError, match="`child_num_nodes`"):
    rnn.RnnSpace(num_nodes)


@pytest.mark.parametrize("functions", [(), ("a", "a"), ("relu", "ReLU")])
def test_functions_must_differ(functions):
  with pytest.raises(errors.ConfigError, match="`child_functions`"):
    rnn.RnnSpace(2, functions)


def test_loose_ends_by_hand():
  assert rnn.loose_ends(ARC.nodes) == (2, 3, 4)
  assert rnn.loose_ends(SPACE.parse("0 0 1 0 2 0 3 0").nodes) == (4,)
  assert rnn.loose_ends(SPACE.parse("0 0 0 0 0 0 0 0").nodes) == (1, 2, 3, 4)


def test_graph_by_hand():
  (graph,) = ARC.graphs()
  assert graph.title == "recurrent cell"
  assert graph.nodes == (
    "input",
    "state",
    "node 0",
    "node 1",
    "node 2",
    "node 3",
    "node 4",
    "output",
  )
  assert graph.edges == (
    base.Edge(0, 2, "tanh"),
    base.Edge(1, 2, "tanh"),
    base.Edge(2, 3, "sigmoid"),
    base.Edge(3, 4, "tanh"),
    base.Edge(3, 5, "identity"),
    base.Edge(2, 6, "relu"),
    base.Edge(4, 7),
    base.Edge(5, 7),
    base.Edge(6, 7),
  )


def rnn_child_parameters(arc, hidden, vocabulary=10_000):
  """Counts the weights of a language model around the cell by hand."""
  # The embedding is the softmax too; node 0 reads two vectors, the later nodes
  # one, and each makes two.
  return vocabulary * hidden + (4 + 2 * len(arc.nodes)) * hidden**2


def test_enas_lm_by_hand():
  arc = rnn.PUBLISHED["enas_lm"]
  assert arc.first_function is None
  assert arc.nodes == (
    (0, "sigmoid"),
    (1, "tanh"),
    (2, "relu"),
    (2, "sigmoid"),
    (4, "tanh"),
    (5, "tanh"),
    (3, "sigmoid"),
    (6, "sigmoid"),
  )
  assert rnn.loose_ends(arc.nodes) == (7, 8)
  assert rnn_child_parameters(arc, 800) == 20_800_000
  assert rnn_child_parameters(arc, 850) == 22_950_000


def test_enas_ptb_by_hand():
  arc = rnn.PUBLISHED["enas_ptb"]
  assert arc.first_function == "tanh"
  assert arc.nodes == (
    (0, "tanh"),
    (1, "relu"),
    (2, "relu"),
    (2, "tanh"),
    (2, "tanh"),
    (5, "relu"),
    (1, "tanh"),
    (6, "relu"),
    (8, "relu"),
    (8, "relu"),
    (8, "relu"),
  )
  assert arc.to_paper() == str(arc)
  assert rnn_child_parameters(arc, 748) == 22_027_104


def test_an_rnn_space_offers_what_it_contains():
  assert set(rnn.RnnSpace(8).published) == {"enas_lm"}
  assert set(rnn.RnnSpace(8, first_function=True).published) == {"enas_lm"}
  # Its node 0 is tanh, so that both layouts hold it.
  assert set(rnn.RnnSpace(11).published) == {"enas_ptb"}
  assert rnn.RnnSpace(11).parse("enas_ptb").first_function is None
  assert rnn.RnnSpace(9).published == {}
  assert rnn.RnnSpace(8, ("tanh", "relu")).published == {}
  assert rnn.RnnSpace(11, ("relu", "tanh")).parse("enas_ptb") == (
    rnn.RnnSpace(11, ("relu", "tanh")).from_paper(
      str(rnn.PUBLISHED["enas_ptb"])
    )
  )


def canonical(text, space=None):
  space = space or rnn.RnnSpace(3)
  return space.canonical(space.encode(space.parse(text)))


def test_the_numbers_of_nodes_make_no_difference():
  # Node 0 is read by tanh and relu; what reads the relu is a sigmoid.
  assert (
    canonical("0 0 0 1 2 2")
    == canonical("0 1 0 0 1 2")
    == canonical("0 1 1 2 0 0")
  )
  # The sigmoid reads the tanh; one function more; one node deeper.
  others = [canonical(t) for t in ("0 0 0 1 1 2", "0 0 0 1 2 3", "0 0 1 1 2 2")]
  assert len({canonical("0 0 0 1 2 2"), *others}) == 4


def test_the_function_of_node_0_makes_a_difference():
  space = rnn.RnnSpace(2, first_function=True)
  assert canonical("1 0 2 0 0", space) == canonical("1 0 0 0 2", space)
  assert canonical("1 0 2 0 0", space) != canonical("0 0 2 0 0", space)


def test_as_many_arcs_as_there_are_trees():
  """Rooted trees of 4 nodes, 3 of them of one of 2 colours, are 26."""
  space = rnn.RnnSpace(3, ("tanh", "relu"))
  ranges = [range(each.num_options) for each in space.decisions]
  arcs = list(itertools.product(*ranges))
  assert len(arcs) == 48
  assert len({space.canonical(arc) for arc in arcs}) == 26


def test_a_long_cell_has_one_too():
  space = rnn.RnnSpace(1500)
  row = [x for node in range(1500) for x in (node, 0)]
  assert space.canonical(row) == tuple(row)
