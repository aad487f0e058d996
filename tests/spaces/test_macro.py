import dataclasses
import doctest
import json

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.spaces import base, graphviz, macro

SPACE = macro.MacroSpace(num_layers=4)
TEXT = "0  3 1  5 0 1  2 1 0 1"
ARC = SPACE.parse(TEXT)


def test_examples_in_the_docstrings():
  result = doctest.testmod(macro)
  assert result.attempted > 0
  assert result.failed == 0


def test_decisions_of_three_layers():
  op = (macro.PAPER_OPS, "operation", None)
  skip = ((0, 1), "skip", None)
  assert macro.MacroSpace(num_layers=3).decisions == (
    ("layer_0/op", *op),
    ("layer_1/op", *op),
    ("layer_1/skip_0", *skip),
    ("layer_2/op", *op),
    ("layer_2/skip_0", *skip),
    ("layer_2/skip_1", *skip),
  )


@pytest.mark.parametrize("num_layers", [1, 2, 5, 12, 24])
def test_later_layers_have_more_bits(num_layers):
  space = macro.MacroSpace(num_layers, ops=("conv_3x3", "a", "b"))
  options = [d.num_options for d in space.decisions]
  assert options == [
    each for layer in range(num_layers) for each in [3] + layer * [2]
  ]
  assert space.num_decisions == num_layers * (num_layers + 1) // 2


def test_decode_by_hand():
  assert ARC.layers == (
    macro.Layer("conv_3x3", ()),
    macro.Layer("sep_conv_5x5", (True,)),
    macro.Layer("max_pool_3x3", (False, True)),
    macro.Layer("conv_5x5", (True, False, True)),
  )
  assert str(ARC) == TEXT


@pytest.mark.parametrize("op", range(6))
def test_integers_of_the_original(op):
  words = (
    "conv_3x3",
    "sep_conv_3x3",
    "conv_5x5",
    "sep_conv_5x5",
    "avg_pool_3x3",
    "max_pool_3x3",
  )
  (layer,) = macro.MacroSpace(num_layers=1).decode([op]).layers
  assert layer.op == words[op]


def test_bits_are_bools_whatever_they_came_from():
  arcs = [
    ARC,
    SPACE.decode(np.array(TEXT.split(), np.int64)),
    SPACE.decode([0, 3, True, 5, False, True, 2, True, False, True]),
  ]
  for arc in arcs:
    assert arc == ARC and str(arc) == TEXT
    assert all(type(bit) is bool for each in arc.layers for bit in each.skips)


def test_encode_is_int32():
  row = SPACE.encode(ARC)
  assert row.dtype == np.int32
  assert row.tolist() == [0, 3, 1, 5, 0, 1, 2, 1, 0, 1]


def test_triangle_is_the_form_of_the_scripts():
  assert ARC.triangle() == "0\n3 1\n5 0 1\n2 1 0 1"
  assert SPACE.parse(ARC.triangle()) == ARC
  assert SPACE.parse(f"\n{ARC.triangle()}\n") == ARC


@pytest.mark.parametrize("num_layers", [1, 2, 5, 12])
@pytest.mark.parametrize(
  "ops", [macro.PAPER_OPS, ("conv_3x3",), macro.PAPER_OPS[::-1]]
)
def test_round_trips(num_layers, ops):
  space = macro.MacroSpace(num_layers, ops)
  rng = np.random.default_rng(num_layers)
  for _ in range(30):
    arc = space.random(rng)
    assert space.decode(space.encode(arc)) == arc
    assert space.parse(str(arc)) == arc
    assert space.parse(arc.triangle()) == arc
    assert space.from_json(arc.to_json()) == arc
    text = json.dumps(arc.to_json())
    assert space.parse(text) == arc
    assert hash(space.parse(text)) == hash(arc)


def test_arcs_are_frozen_and_hashable():
  assert len({ARC, SPACE.decode(SPACE.encode(ARC))}) == 1
  with pytest.raises(dataclasses.FrozenInstanceError):
    ARC.layers = ()


def test_json_form():
  arc = macro.MacroSpace(num_layers=3).parse("0  3 0  4 0 1")
  assert arc.to_json() == {
    "space": "macro",
    "ops": list(macro.PAPER_OPS),
    "layers": [
      ["conv_3x3", []],
      ["sep_conv_5x5", [0]],
      ["avg_pool_3x3", [0, 1]],
    ],
  }
  assert "true" not in json.dumps(arc.to_json())


def test_json_bits_may_be_booleans():
  value = ARC.to_json()
  value["layers"][3][1] = [True, False, True]
  assert SPACE.from_json(value) == ARC


def test_json_carries_words_so_the_order_of_ops_is_free():
  reverse = macro.MacroSpace(num_layers=4, ops=macro.PAPER_OPS[::-1])
  arc = reverse.from_json(ARC.to_json())
  assert arc.layers == ARC.layers
  # The integers follow the space's own order, also of another space's arc.
  expected = [5, 2, 1, 0, 0, 1, 3, 1, 0, 1]
  assert reverse.encode(arc).tolist() == expected
  assert reverse.encode(ARC).tolist() == expected
  assert str(arc) == "5  2 1  0 0 1  3 1 0 1"


@pytest.mark.parametrize("layer", range(4))
def test_an_unknown_operation_is_named(layer):
  value = ARC.to_json()
  value["layers"][layer][0] = "conv_9x9"
  with pytest.raises(errors.ArcError) as info:
    SPACE.from_json(value)
  message = str(info.value)
  assert f"layer_{layer}/op=conv_9x9" in message
  assert "'conv_9x9' is not in this space" in message
  assert "`child_ops`" in message


def test_an_operation_outside_of_the_space():
  small = macro.MacroSpace(num_layers=4, ops=("conv_3x3", "conv_5x5"))
  with pytest.raises(errors.ArcError, match="'sep_conv_5x5' is not in this"):
    small.encode(ARC)


@pytest.mark.parametrize("bit", [-1, 2])
def test_a_bit_out_of_range_is_named(bit):
  value = ARC.to_json()
  value["layers"][2][1][1] = bit
  with pytest.raises(
    errors.ArcError, match=rf"Integer 5 .*layer_2/skip_1.*\[0, 2\).*: {bit}$"
  ):
    SPACE.from_json(value)


@pytest.mark.parametrize("layer, bits", [(0, [1]), (2, [0]), (3, [0, 0, 0, 1])])
def test_a_wrong_number_of_bits_is_named(layer, bits):
  value = ARC.to_json()
  value["layers"][layer][1] = bits
  with pytest.raises(errors.ArcError) as info:
    SPACE.from_json(value)
  message = str(info.value)
  assert f"Layer {layer} of a macro arc has {layer} skip bits" in message
  assert message.endswith(f"Received: layer_{layer}/skips={bits}")


def test_bits_moved_to_another_layer_are_not_overlooked():
  value = ARC.to_json()
  value["layers"][2][1].append(value["layers"][3][1].pop())
  with pytest.raises(errors.ArcError, match="layer_2/skips"):
    SPACE.from_json(value)


def test_an_arc_of_another_size():
  with pytest.raises(errors.ArcError, match="12 layers.*num_layers=4.*4 layer"):
    macro.MacroSpace().encode(ARC)
  with pytest.raises(errors.ArcError, match="78 integers, this one has 10"):
    macro.MacroSpace().parse(TEXT)


@pytest.mark.parametrize(
  "layers",
  [
    None,
    3,
    [1, 2, 3, 4],
    [["conv_3x3"]] * 4,
    [["conv_3x3", [], []]] * 4,
    [["conv_3x3", 0]] * 4,
    [["conv_3x3", None]] * 4,
    [["conv_3x3", [0.5]]] * 4,
    [["conv_3x3", ["0"]]] * 4,
    [["conv_3x3", "0"]] * 4,
  ],
)
def test_malformed_json_shows_the_form(layers):
  with pytest.raises(errors.ArcError, match=r'\["op", \[skip_0, skip_1'):
    SPACE.from_json(ARC.to_json() | {"layers": layers})


@pytest.mark.parametrize("value", [{}, [], [1, 2], None, {"normal": []}])
def test_json_without_layers(value):
  with pytest.raises(errors.ArcError, match='key "layers"'):
    SPACE.from_json(value)


@pytest.mark.parametrize("num_layers", [0, -1])
def test_a_network_needs_a_layer(num_layers):
  with pytest.raises(errors.ConfigError, match="`child_num_layers`"):
    macro.MacroSpace(num_layers)


@pytest.mark.parametrize("ops", [(), ("conv_3x3", "conv_3x3")])
def test_operations_must_differ(ops):
  with pytest.raises(errors.ConfigError, match="`child_ops`"):
    macro.MacroSpace(2, ops)


def test_graph_by_hand():
  (graph,) = ARC.graphs()
  assert graph.title == "macro network"
  assert graph.nodes == (
    "stem",
    "layer 1",
    "layer 2",
    "layer 3",
    "layer 4",
    "output",
  )
  assert graph.edges == (
    base.Edge(0, 1, "conv_3x3"),
    base.Edge(1, 2, "sep_conv_5x5"),
    base.Edge(0, 2),
    base.Edge(2, 3, "max_pool_3x3"),
    base.Edge(1, 3),
    base.Edge(3, 4, "conv_5x5"),
    base.Edge(0, 4),
    base.Edge(2, 4),
    base.Edge(4, 5),
  )


def test_no_pair_of_nodes_has_two_edges():
  space = macro.MacroSpace(num_layers=8)
  (graph,) = space.decode([d.num_options - 1 for d in space.decisions]).graphs()
  pairs = [(edge.start, edge.end) for edge in graph.edges]
  # Each of the nine tensors to every later one; the last alone to the output.
  assert len(set(pairs)) == len(pairs) == 9 * 8 // 2 + 1


def test_dot_draws_every_edge():
  dot = graphviz.to_dot("macro", ARC.graphs())
  assert dot.startswith("digraph") and dot.count("{") == dot.count("}")
  for line in (
    'macro_0 [label="stem"]',
    'macro_out [label="output"]',
    'macro_0 -> macro_1 [label="conv_3x3"]',
    "macro_2 -> macro_4",
    "macro_4 -> macro_out",
  ):
    assert f"{line};" in dot
  assert dot.count(" -> ") == 4 + 4 + 1


# The arc that the original's scripts/cifar10_macro_final.sh passes, layer by
# layer: the operation, and which tensors are skipped to it (0 is the stem, i
# the output of the layer in line i).
LAYERS = (
  ("conv_3x3", ()),
  ("sep_conv_5x5", ()),
  ("conv_3x3", (0,)),
  ("conv_5x5", (2,)),
  ("conv_5x5", ()),
  ("sep_conv_5x5", (0, 1, 3)),
  ("conv_5x5", (5,)),
  ("conv_5x5", (1, 2, 4, 5, 6)),
  ("sep_conv_3x3", (1, 2, 3, 5, 7)),
  ("conv_3x3", ()),
  ("conv_5x5", (5,)),
  ("conv_3x3", (0, 3, 4, 9, 10)),
  ("conv_5x5", (1, 7, 9, 10)),
  ("sep_conv_3x3", (2, 6, 7, 8, 10, 12)),
  ("conv_3x3", (0, 1, 3, 5, 11)),
  ("conv_5x5", (2, 10, 12, 14)),
  ("conv_5x5", (1, 5, 8, 9, 10, 11, 14)),
  ("conv_5x5", (4, 6, 8, 11, 13, 16)),
  ("sep_conv_5x5", (1, 2, 4, 10, 12, 14)),
  ("sep_conv_5x5", (1, 2, 12, 13, 18)),
  ("conv_3x3", (0, 3, 5, 6, 10, 16, 17)),
  ("sep_conv_5x5", (1, 3, 4, 7, 9, 10, 12, 13, 15, 18)),
  ("conv_3x3", (0, 2, 4, 13, 15, 18)),
  ("conv_3x3", (0, 1, 5, 6, 7, 9, 13, 15, 18, 19)),
)


def test_enas_macro_by_hand():
  arc = macro.PUBLISHED["enas_macro"]
  assert len(arc.layers) == len(LAYERS) == 24
  for i, (layer, (op, skips)) in enumerate(
    zip(arc.layers, LAYERS, strict=True)
  ):
    assert layer == (op, tuple(j in skips for j in range(i))), i


def macro_child_parameters(arc, channels, separable):
  """Counts the weights of the original's final child by hand.

  Args:
    arc: of the macro space.
    channels: in the first layers; doubled at each of the two pools.
    separable: whether the separable convolutions are; the original builds
      plain ones in their place.
  """
  pools = (len(arc.layers) // 3 - 1, 2 * (len(arc.layers) // 3) - 1)
  total = 3 * 3 * 3 * channels + 2 * channels  # A normalization: scale, offset.
  for i, layer in enumerate(arc.layers):
    size = int(layer.op[-1]) ** 2
    total += channels**2 + 2 * channels
    if separable and layer.op.startswith("sep"):
      total += size * channels + channels**2 + 2 * channels
    else:
      total += size * channels**2 + 2 * channels
    if i > 0:
      total += (sum(layer.skips) + 1) * channels**2 + 2 * channels
    if i in pools:
      # The stem's output and the i + 1 layers', each by two convolutions of
      # one pixel to half of the new channels.
      total += (i + 2) * (2 * channels**2 + 2 * 2 * channels)
      channels *= 2
  return total + 10 * channels


@pytest.mark.parametrize(
  "channels, separable, expected",
  [
    (96, False, 42_559_392),
    (128, False, 75_636_608),
    (96, True, 30_947_424),
    (128, True, 54_976_640),
  ],
)
def test_enas_macro_has_the_parameters_of_the_original(
  channels, separable, expected
):
  arc = macro.PUBLISHED["enas_macro"]
  assert macro_child_parameters(arc, channels, separable) == expected


def test_a_macro_space_offers_what_it_contains():
  assert set(macro.MacroSpace(24).published) == set(macro.PUBLISHED)
  assert set(macro.MacroSpace(24, macro.PAPER_OPS[:4]).published) == {
    "enas_macro"
  }
  assert macro.MacroSpace().published == {}
  assert macro.MacroSpace(24, macro.PAPER_OPS[:3]).published == {}


def test_a_macro_space_writes_it_in_its_own_order():
  reverse = macro.MacroSpace(24, macro.PAPER_OPS[::-1])
  arc = reverse.published["enas_macro"]
  assert arc.layers == macro.PUBLISHED["enas_macro"].layers
  assert arc.ops == reverse.ops
  assert str(arc).startswith("5  2 0  5 1 0  3 0 0 1")
  assert reverse.parse("enas_macro") == reverse.parse(arc.triangle())
