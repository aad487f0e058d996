from enas_tf.spaces import micro, published

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
