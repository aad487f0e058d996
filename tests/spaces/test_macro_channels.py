import dataclasses
import doctest
import json

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.spaces import base, macro, macro_channels

OPS = ("conv_3x3", "max_pool_3x3")
SPACE = macro_channels.MacroChannelsSpace(3, 12, OPS)
TEXT = "0 12 11 1  3 4 0 5 1  6 6 2 9 0 1"
ARC = SPACE.parse(TEXT)


def test_examples_in_the_docstrings():
  result = doctest.testmod(macro_channels)
  assert result.attempted > 0
  assert result.failed == 0


def test_decisions_of_two_layers():
  starts, counts = (0, 1, 2), (1, 2, 3)
  assert macro_channels.MacroChannelsSpace(2, 3, OPS).decisions == (
    ("layer_0/conv_3x3/start", starts, "channel", None),
    ("layer_0/conv_3x3/count", counts, "channel", "layer_0/conv_3x3/start"),
    ("layer_0/max_pool_3x3/start", starts, "channel", None),
    (
      "layer_0/max_pool_3x3/count",
      counts,
      "channel",
      "layer_0/max_pool_3x3/start",
    ),
    ("layer_1/conv_3x3/start", starts, "channel", None),
    ("layer_1/conv_3x3/count", counts, "channel", "layer_1/conv_3x3/start"),
    ("layer_1/max_pool_3x3/start", starts, "channel", None),
    (
      "layer_1/max_pool_3x3/count",
      counts,
      "channel",
      "layer_1/max_pool_3x3/start",
    ),
    ("layer_1/skip_0", (0, 1), "skip", None),
  )


def test_the_defaults_are_those_of_the_original_search():
  space = macro_channels.MacroChannelsSpace()
  assert space == macro_channels.MacroChannelsSpace(12, 36, macro.PAPER_OPS)
  assert space.num_decisions == 12 * 2 * 6 + 12 * 11 // 2


@pytest.mark.parametrize("start", range(12))
def test_counts_depend_on_the_start(start):
  """All channels from the start on are allowed, and no more."""
  row = SPACE.encode(ARC)
  row[2] = start
  assert SPACE.num_options(row[:2]) == 12
  assert SPACE.num_options(row[:3]) == 12 - start
  row[3] = 11 - start
  layer = SPACE.decode(row).layers[0]
  assert layer.ranges[1] == (start, 12 - start)
  row[3] += 1
  with pytest.raises(
    errors.ArcError,
    match=rf"Integer 3 .*max_pool_3x3/count.*\[0, {12 - start}\)",
  ):
    SPACE.decode(row)


def test_decode_by_hand():
  assert ARC.layers == (
    macro_channels.Layer(((0, 12), (11, 1)), ()),
    macro_channels.Layer(((3, 4), (0, 5)), (True,)),
    macro_channels.Layer(((6, 6), (2, 9)), (False, True)),
  )
  assert (ARC.out_filters, ARC.ops) == (12, OPS)
  assert str(ARC) == TEXT


def test_encoded_counts_begin_at_zero():
  row = SPACE.encode(ARC)
  assert row.dtype == np.int32
  assert row.tolist() == [0, 11, 11, 0, 3, 3, 0, 4, 1, 6, 5, 2, 8, 0, 1]


def test_values_are_python_integers_and_bools():
  arc = SPACE.decode(SPACE.encode(ARC))
  assert arc == ARC
  for ranges, skips in arc.layers:
    assert all(type(each) is int for pair in ranges for each in pair)
    assert all(type(bit) is bool for bit in skips)


@pytest.mark.parametrize("num_layers", [1, 2, 5])
@pytest.mark.parametrize("out_filters", [1, 2, 36])
def test_round_trips(num_layers, out_filters):
  space = macro_channels.MacroChannelsSpace(num_layers, out_filters)
  rng = np.random.default_rng(num_layers)
  for _ in range(10):
    arc = space.random(rng)
    assert space.decode(space.encode(arc)) == arc
    assert space.parse(str(arc)) == arc
    assert space.parse(str(arc).replace("  ", "\n")) == arc
    text = json.dumps(arc.to_json())
    assert space.parse(text) == arc
    assert hash(space.parse(text)) == hash(arc)


def test_random_ranges_have_their_share():
  space = macro_channels.MacroChannelsSpace(1, 3, ("conv_3x3",))
  rng = np.random.default_rng(0)
  arcs = [space.random(rng).layers[0].ranges[0] for _ in range(3000)]
  expected = {
    (0, 1): 1 / 9,
    (0, 2): 1 / 9,
    (0, 3): 1 / 9,
    (1, 1): 1 / 6,
    (1, 2): 1 / 6,
    (2, 1): 1 / 3,
  }
  assert set(arcs) == set(expected)
  for each, share in expected.items():
    noise = np.sqrt(3000 * share * (1 - share))
    assert abs(arcs.count(each) - 3000 * share) < 5 * noise, each


def test_arcs_are_frozen_and_hashable():
  assert len({ARC, SPACE.decode(SPACE.encode(ARC))}) == 1
  with pytest.raises(dataclasses.FrozenInstanceError):
    ARC.layers = ()


def test_json_form():
  assert ARC.to_json() == {
    "space": "macro_channels",
    "out_filters": 12,
    "ops": list(OPS),
    "layers": [
      [{"conv_3x3": [0, 12], "max_pool_3x3": [11, 1]}, []],
      [{"conv_3x3": [3, 4], "max_pool_3x3": [0, 5]}, [1]],
      [{"conv_3x3": [6, 6], "max_pool_3x3": [2, 9]}, [0, 1]],
    ],
  }
  assert "true" not in json.dumps(ARC.to_json())


def test_json_carries_words_so_the_order_of_ops_is_free():
  reverse = macro_channels.MacroChannelsSpace(3, 12, OPS[::-1])
  arc = reverse.from_json(ARC.to_json())
  assert str(arc) == "11 1 0 12  0 5 3 4 1  2 9 6 6 0 1"
  np.testing.assert_array_equal(reverse.encode(ARC), reverse.encode(arc))
  assert SPACE.from_json(arc.to_json()) == ARC


@pytest.mark.parametrize(
  "ops", [("conv_3x3",), (*OPS, "conv_5x5"), ("conv_3x3", "conv_5x5")]
)
def test_the_operations_must_be_those_of_the_space(ops):
  space = macro_channels.MacroChannelsSpace(3, 12, ops)
  with pytest.raises(errors.ArcError) as info:
    space.encode(ARC)
  message = str(info.value)
  assert f"({', '.join(ops)})" in message and "`child_ops`" in message
  assert message.endswith("Received: layer_0=conv_3x3, max_pool_3x3")


BAD_RANGES = [[0, 13], [12, 1], [11, 2], [-1, 3], [3, 0], [3, -1]]


@pytest.mark.parametrize("each", [*BAD_RANGES, [], [1], [1, 2, 3]])
def test_a_range_outside_of_the_channels_is_named(each):
  value = ARC.to_json()
  value["layers"][1][0]["max_pool_3x3"] = each
  with pytest.raises(errors.ArcError) as info:
    SPACE.from_json(value)
  message = str(info.value)
  assert "ends at 12" in message
  assert message.endswith(f"Received: layer_1/max_pool_3x3={each}")


@pytest.mark.parametrize("start, count", [(0, 13), (12, 1), (11, 2), (3, 0)])
def test_a_range_in_text_is_named_as_it_was_written(start, count):
  with pytest.raises(errors.ArcError) as info:
    SPACE.parse(TEXT.replace("3 4", f"{start} {count}"))
  assert str(info.value).endswith(
    f"Received: layer_1/conv_3x3={[start, count]}"
  )


def test_a_bit_out_of_range_is_named():
  with pytest.raises(errors.ArcError, match=r"Integer 14 .*layer_2/skip_1"):
    SPACE.parse(TEXT[:-1] + "2")


@pytest.mark.parametrize("layer, bits", [(0, [1]), (1, []), (2, [0])])
def test_a_wrong_number_of_bits_is_named(layer, bits):
  value = ARC.to_json()
  value["layers"][layer][1] = bits
  with pytest.raises(
    errors.ArcError, match=rf"layer_{layer}/skips={bits}".replace("[", r"\[")
  ):
    SPACE.from_json(value)


def test_an_arc_of_another_size():
  with pytest.raises(errors.ArcError, match="4 layers.*num_layers=3.*3 layer"):
    macro_channels.MacroChannelsSpace(4, 12, OPS).encode(ARC)
  with pytest.raises(errors.ArcError, match="`child_out_filters=12`"):
    macro_channels.MacroChannelsSpace(3, 24, OPS).encode(ARC)
  # A macro arc, whose integers are no ranges.
  with pytest.raises(errors.ArcError, match="15 integers, this one has 6"):
    SPACE.parse("0  3 1  5 0 1")
  with pytest.raises(errors.ArcError, match="15 integers, this one has 16"):
    SPACE.parse(TEXT + " 0")


@pytest.mark.parametrize(
  "layers",
  [
    None,
    3,
    [1, 2, 3],
    [["conv_3x3", []]] * 3,
    [[{"conv_3x3": 1}, []]] * 3,
    [[{"conv_3x3": [0, 0.5]}, []]] * 3,
    [[{"conv_3x3": "01"}, []]] * 3,
    [[[[0, 1]], []]] * 3,
    [[{"conv_3x3": [0, 1]}, 0]] * 3,
    [[{"conv_3x3": [0, 1]}]] * 3,
  ],
)
def test_malformed_json_shows_the_form(layers):
  with pytest.raises(errors.ArcError, match=r'\{"op": \[start, count\]'):
    SPACE.from_json(ARC.to_json() | {"layers": layers})


@pytest.mark.parametrize(
  "value", [{}, [], None, {"layers": []}, {"out_filters": "12", "layers": []}]
)
def test_json_without_its_keys(value):
  with pytest.raises(errors.ArcError, match='keys "out_filters" and "layers"'):
    SPACE.from_json(value)


def test_json_of_the_macro_space_is_refused():
  arc = macro.MacroSpace(3).parse("0  3 1  5 0 1")
  with pytest.raises(errors.ArcError, match="out_filters"):
    SPACE.from_json(arc.to_json())


def test_sizes_are_checked():
  make = macro_channels.MacroChannelsSpace
  with pytest.raises(errors.ConfigError, match="`child_num_layers`"):
    make(num_layers=0)
  with pytest.raises(errors.ConfigError, match="`child_out_filters`"):
    make(out_filters=0)
  for ops in ((), ("conv_3x3", "conv_3x3")):
    with pytest.raises(errors.ConfigError, match="`child_ops`"):
      make(ops=ops)


def test_nothing_is_published():
  assert SPACE.published == {}


def test_graph_by_hand():
  (graph,) = ARC.graphs()
  assert graph.nodes == ("stem", "layer 1", "layer 2", "layer 3", "output")
  assert graph.edges == (
    base.Edge(0, 1, "conv_3x3", "[0:12]"),
    base.Edge(0, 1, "max_pool_3x3", "[11:12]"),
    base.Edge(1, 2, "conv_3x3", "[3:7]"),
    base.Edge(1, 2, "max_pool_3x3", "[0:5]"),
    base.Edge(0, 2),
    base.Edge(2, 3, "conv_3x3", "[6:12]"),
    base.Edge(2, 3, "max_pool_3x3", "[2:11]"),
    base.Edge(1, 3),
    base.Edge(3, 4),
  )


def test_it_makes_no_difference_where_a_range_begins():
  space = macro_channels.MacroChannelsSpace(2, 8, ("conv_3x3", "avg_pool_3x3"))
  first, same, longer, joined = (
    space.canonical(space.encode(space.parse(text)))
    for text in (
      "0 2 6 2  3 1 0 4 1",
      "1 2 0 2  0 1 4 4 1",
      "0 3 6 2  3 1 0 4 1",
      "0 2 6 2  3 1 0 4 0",
    )
  )
  assert first == same
  assert len({first, longer, joined}) == 3
