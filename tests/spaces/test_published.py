import pytest

from enas_tf.spaces import macro, micro, published, rnn

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


def test_enas_micro_by_hand():
  arc = published.MICRO["enas_micro"]
  assert arc.normal == NORMAL
  assert arc.reduction == REDUCTION


def test_all_loose_ends_of_enas_micro():
  arc = published.MICRO["enas_micro"]
  assert micro.loose_ends(arc.normal) == (2, 3, 4, 5, 6)
  assert micro.loose_ends(arc.reduction) == (2, 4, 5, 6)


def test_a_space_offers_what_it_contains():
  assert set(micro.MicroSpace().published) == set(published.MICRO)
  assert micro.MicroSpace(num_cells=4).published == {}
  assert micro.MicroSpace(ops=micro.PAPER_OPS[:4]).published == {}


def test_a_space_writes_it_in_its_own_order():
  reverse = micro.MicroSpace(ops=micro.PAPER_OPS[::-1])
  arc = reverse.published["enas_micro"]
  assert arc.normal == NORMAL
  assert arc.ops == reverse.ops
  assert reverse.parse("enas_micro") == reverse.parse(str(arc))


def test_enas_macro_by_hand():
  arc = published.MACRO["enas_macro"]
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
  arc = published.MACRO["enas_macro"]
  assert macro_child_parameters(arc, channels, separable) == expected


def test_a_macro_space_offers_what_it_contains():
  assert set(macro.MacroSpace(24).published) == set(published.MACRO)
  assert set(macro.MacroSpace(24, macro.PAPER_OPS[:4]).published) == {
    "enas_macro"
  }
  assert macro.MacroSpace().published == {}
  assert macro.MacroSpace(24, macro.PAPER_OPS[:3]).published == {}


def test_a_macro_space_writes_it_in_its_own_order():
  reverse = macro.MacroSpace(24, macro.PAPER_OPS[::-1])
  arc = reverse.published["enas_macro"]
  assert arc.layers == published.MACRO["enas_macro"].layers
  assert arc.ops == reverse.ops
  assert str(arc).startswith("5  2 0  5 1 0  3 0 0 1")
  assert reverse.parse("enas_macro") == reverse.parse(arc.triangle())


def rnn_child_parameters(arc, hidden, vocabulary=10_000):
  """Counts the weights of a language model around the cell by hand."""
  # The embedding is the softmax too; node 0 reads two vectors, the later nodes
  # one, and each makes two.
  return vocabulary * hidden + (4 + 2 * len(arc.nodes)) * hidden**2


def test_enas_lm_by_hand():
  arc = published.RNN["enas_lm"]
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
  arc = published.RNN["enas_ptb"]
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
      str(published.RNN["enas_ptb"])
    )
  )
