import dataclasses
import doctest
import json

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.spaces import graphviz, micro

SPACE = micro.MicroSpace(num_cells=2)
ARC = SPACE.parse("0 2 1 4 2 0 0 3 1 1 1 0 0 4 2 2")


def test_examples_in_the_docstrings():
  result = doctest.testmod(micro)
  assert result.attempted > 0
  assert result.failed == 0


def test_decisions_of_one_node():
  index = ((0, 1), "input", None)
  op = (micro.PAPER_OPS, "operation", None)
  assert micro.MicroSpace(num_cells=1).decisions == (
    ("normal/node_0/index_1", *index),
    ("normal/node_0/op_1", *op),
    ("normal/node_0/index_2", *index),
    ("normal/node_0/op_2", *op),
    ("reduction/node_0/index_1", *index),
    ("reduction/node_0/op_1", *op),
    ("reduction/node_0/index_2", *index),
    ("reduction/node_0/op_2", *op),
  )


@pytest.mark.parametrize("num_cells", [1, 2, 5, 7])
def test_later_nodes_can_read_more(num_cells):
  space = micro.MicroSpace(num_cells, ops=("identity", "avg_pool_3x3"))
  options = [d.num_options for d in space.decisions]
  one_cell = [
    each for node in range(num_cells) for each in (node + 2, 2, node + 2, 2)
  ]
  assert options == 2 * one_cell
  assert space.num_decisions == 8 * num_cells


def test_decode_by_hand():
  assert ARC.normal == (
    micro.Node(0, "avg_pool_3x3", 1, "identity"),
    micro.Node(2, "sep_conv_3x3", 0, "max_pool_3x3"),
  )
  assert ARC.reduction == (
    micro.Node(1, "sep_conv_5x5", 1, "sep_conv_3x3"),
    micro.Node(0, "identity", 2, "avg_pool_3x3"),
  )
  assert str(ARC) == "0 2 1 4 2 0 0 3 1 1 1 0 0 4 2 2"


def test_encode_is_int32():
  row = SPACE.encode(ARC)
  assert row.dtype == np.int32
  assert row.tolist() == [0, 2, 1, 4, 2, 0, 0, 3, 1, 1, 1, 0, 0, 4, 2, 2]


@pytest.mark.parametrize("num_cells", [1, 2, 5, 9])
@pytest.mark.parametrize(
  "ops", [micro.PAPER_OPS, ("identity",), micro.PAPER_OPS[::-1]]
)
def test_round_trips(num_cells, ops):
  space = micro.MicroSpace(num_cells, ops)
  rng = np.random.default_rng(num_cells)
  for _ in range(30):
    arc = space.random(rng)
    assert space.decode(space.encode(arc)) == arc
    assert space.parse(str(arc)) == arc
    assert space.from_json(arc.to_json()) == arc
    text = json.dumps(arc.to_json())
    assert space.parse(text) == arc
    assert hash(space.parse(text)) == hash(arc)


def test_arcs_are_frozen_and_hashable():
  assert len({ARC, SPACE.decode(SPACE.encode(ARC))}) == 1
  with pytest.raises(dataclasses.FrozenInstanceError):
    ARC.normal = ()


def test_json_form():
  arc = micro.MicroSpace(num_cells=1).parse("0 2 1 4 1 0 0 3")
  assert arc.to_json() == {
    "space": "micro",
    "ops": list(micro.PAPER_OPS),
    "normal": [[0, "avg_pool_3x3", 1, "identity"]],
    "reduction": [[1, "sep_conv_3x3", 0, "max_pool_3x3"]],
  }


def test_json_carries_words_so_the_order_of_ops_is_free():
  reverse = micro.MicroSpace(num_cells=2, ops=micro.PAPER_OPS[::-1])
  arc = reverse.from_json(ARC.to_json())
  assert arc.normal == ARC.normal
  assert arc.reduction == ARC.reduction
  # The integers follow the space's own order, also of another space's arc.
  ops = np.arange(SPACE.num_decisions) % 2 == 1
  row = SPACE.encode(ARC)
  expected = np.where(ops, 4 - row, row)
  np.testing.assert_array_equal(reverse.encode(arc), expected)
  np.testing.assert_array_equal(reverse.encode(ARC), expected)
  assert str(arc) == " ".join(map(str, expected))


@pytest.mark.parametrize("cell", micro.CELLS)
@pytest.mark.parametrize("node", [0, 1])
@pytest.mark.parametrize("field", ["op_1", "op_2"])
def test_an_unknown_operation_is_named(cell, node, field):
  value = ARC.to_json()
  value[cell][node][micro.Node._fields.index(field)] = "conv_9x9"
  with pytest.raises(errors.ArcError) as info:
    SPACE.from_json(value)
  message = str(info.value)
  assert f"{cell}/node_{node}/{field}" in message
  assert "'conv_9x9' is not in this space" in message
  assert "`child_ops`" in message


def test_an_operation_outside_of_the_space():
  small = micro.MicroSpace(num_cells=2, ops=("identity", "sep_conv_3x3"))
  with pytest.raises(errors.ArcError, match="'avg_pool_3x3' is not in this"):
    small.encode(ARC)


def test_an_index_out_of_range_is_named():
  value = ARC.to_json()
  value["reduction"][1][2] = 3
  with pytest.raises(
    errors.ArcError, match=r"Integer 14 .*reduction/node_1/index_2.*\[0, 3\)"
  ):
    SPACE.from_json(value)


def test_an_arc_of_another_size():
  with pytest.raises(errors.ArcError, match="24 integers, this one has 16"):
    micro.MicroSpace(num_cells=3).encode(ARC)


def test_cells_of_different_sizes():
  value = ARC.to_json()
  value["reduction"].append([0, "identity", 1, "identity"])
  with pytest.raises(errors.ArcError, match="normal=2, reduction=3"):
    SPACE.from_json(value)


@pytest.mark.parametrize(
  "change",
  [
    {"normal": None},
    {"normal": 3},
    {"normal": [1, 2]},
    {"normal": [[0, "identity", 1]] * 2},
    {"normal": [[0, "identity", 1, "identity", 0]] * 2},
    {"normal": [[0.5, "identity", 1, "identity"]] * 2},
    {"normal": [["0", "identity", 1, "identity"]] * 2},
  ],
)
def test_malformed_json_shows_the_form(change):
  with pytest.raises(errors.ArcError, match='index_1, "op_1", index_2, "op_2"'):
    SPACE.from_json(ARC.to_json() | change)


@pytest.mark.parametrize("missing", micro.CELLS)
def test_json_without_a_cell(missing):
  value = ARC.to_json()
  del value[missing]
  with pytest.raises(errors.ArcError, match='keys "normal" and "reduction"'):
    SPACE.from_json(value)


@pytest.mark.parametrize("num_cells", [0, -1])
def test_a_cell_needs_a_node(num_cells):
  with pytest.raises(errors.ConfigError, match="`child_num_cells`"):
    micro.MicroSpace(num_cells)


@pytest.mark.parametrize("ops", [(), ("identity", "identity")])
def test_operations_must_differ(ops):
  with pytest.raises(errors.ConfigError, match="`child_ops`"):
    micro.MicroSpace(2, ops)


@pytest.mark.parametrize(
  "text, expected",
  [
    ("0 0 1 0 0 0 1 0", (2, 3)),  # Nobody reads the first node.
    ("0 0 1 0 2 0 2 0", (3,)),
    ("0 0 0 0 0 0 2 0", (1, 3)),  # An input that nothing reads.
    ("0 0 0 0 2 0 2 0", (1, 3)),
    ("1 0 1 0 1 0 1 0", (0, 2, 3)),
  ],
)
def test_loose_ends_by_hand(text, expected):
  arc = SPACE.parse(f"{text} 0 0 1 0 2 0 2 0")
  assert micro.loose_ends(arc.normal) == expected
  assert micro.loose_ends(arc.reduction) == (3,)


def test_there_is_always_a_loose_end():
  rng = np.random.default_rng(0)
  for _ in range(100):
    arc = micro.MicroSpace(4).random(rng)
    for nodes in (arc.normal, arc.reduction):
      assert micro.loose_ends(nodes)[-1] == 5  # The last node at least.


def test_dot_draws_every_edge():
  dot = graphviz.to_dot("micro", ARC.graphs())
  assert dot.startswith("digraph") and dot.count("{") == dot.count("}")
  for line in (
    'normal_0 -> normal_2 [label="avg_pool_3x3"]',
    'normal_1 -> normal_2 [label="identity"]',
    'normal_2 -> normal_3 [label="sep_conv_3x3"]',
    'normal_0 -> normal_3 [label="max_pool_3x3"]',
    "normal_3 -> normal_out",
    'reduction_0 -> reduction_3 [label="identity"]',
    'reduction_2 -> reduction_3 [label="avg_pool_3x3"]',
    "reduction_3 -> reduction_out",
  ):
    assert f"{line};" in dot
  assert dot.count("reduction_1 -> reduction_2") == 2
  # Two edges for each of four nodes, one loose end for each cell.
  assert dot.count(" -> ") == 10


# The arc that the original's scripts/cifar10_micro_final.sh passes, node by
# node; figure 8 of https://arxiv.org/abs/1802.03268 draws the same cells.
NORMAL = (
  (0, "avg_pool_3x3", 0, "sep_conv_3x3"),
  (0, "identity", 0, "sep_conv_5x5"),
  (0, "identity", 1, "sep_conv_5x5"),
  (1, "sep_conv_3x3", 0, "sep_conv_5x5"),
  (0, "avg_pool_3x3", 1, "sep_conv_5x5"),
)
REDUCTION = (
  (1, "sep_conv_3x3", 1, "sep_conv_3x3"),
  (0, "max_pool_3x3", 0, "avg_pool_3x3"),
  (1, "sep_conv_5x5", 3, "sep_conv_5x5"),
  (1, "sep_conv_3x3", 0, "identity"),
  (0, "max_pool_3x3", 1, "sep_conv_5x5"),
)


def test_enas_micro_by_hand():
  arc = micro.PUBLISHED["enas_micro"]
  assert arc.normal == NORMAL
  assert arc.reduction == REDUCTION


def test_all_loose_ends_of_enas_micro():
  arc = micro.PUBLISHED["enas_micro"]
  assert micro.loose_ends(arc.normal) == (2, 3, 4, 5, 6)
  assert micro.loose_ends(arc.reduction) == (2, 4, 5, 6)


def test_a_space_offers_what_it_contains():
  assert set(micro.MicroSpace().published) == set(micro.PUBLISHED)
  assert micro.MicroSpace(num_cells=4).published == {}
  assert micro.MicroSpace(ops=micro.PAPER_OPS[:4]).published == {}


def test_a_space_writes_it_in_its_own_order():
  reverse = micro.MicroSpace(ops=micro.PAPER_OPS[::-1])
  arc = reverse.published["enas_micro"]
  assert arc.normal == NORMAL
  assert arc.ops == reverse.ops
  assert reverse.parse("enas_micro") == reverse.parse(str(arc))


def test_the_order_of_a_nodes_reads_makes_no_difference():
  row = SPACE.encode(ARC)
  for first in range(0, len(row), 4):
    swapped = row.copy()
    swapped[first : first + 4] = np.roll(row[first : first + 4], 2)
    assert SPACE.canonical(swapped) == SPACE.canonical(row)
    # An operation stays with what it reads.
    torn = row.copy()
    torn[first + 1], torn[first + 3] = row[first + 3], row[first + 1]
    reads_one = row[first] == row[first + 2]
    assert (SPACE.canonical(torn) == SPACE.canonical(row)) == reads_one
