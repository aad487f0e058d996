import numpy as np
import pytest

from enas_tf.networks import counts, macro_channels_child, macro_child
from enas_tf.spaces import macro_channels

SPACE = macro_channels.MacroChannelsSpace(2, 4, ("conv_3x3", "avg_pool_3x3"))
ARC = SPACE.parse("0 3 2 1  1 2 0 4 1")


def build(**changed):
  return macro_channels_child.build(
    ARC, image_shape=(8, 8, 3), num_classes=5, **{"out_filters": 4} | changed
  )


def by_hand(filters, last):
  """Parameters of the child; `last` is those of the end of its 2nd layer."""
  fraction = filters // 4
  total = 27 * filters + 2 * filters + 5 * filters  # Stem and classifier.
  for conv, pool in ((3 * fraction, fraction), (2 * fraction, 4 * fraction)):
    total += filters**2 + 2 * filters + 9 * filters * conv + 2 * conv
    total += filters * pool + 2 * pool
    total += (conv + pool) * filters + 2 * filters
  return total + last


@pytest.mark.parametrize(
  ("changed", "filters"),
  [({}, 4), ({"out_filters": 8}, 8), ({"out_filters": 12}, 12)],
)
def test_parameters_by_hand(changed, filters):
  # The second layer joins the stem to itself and projects.
  last = 2 * filters * filters + 2 * filters
  model = macro_child.inference(build(**changed))
  assert counts.parameters(model) == by_hand(filters, last)


def test_as_searched_adds_its_skips():
  model = macro_child.inference(build(as_searched=True))
  assert counts.parameters(model) == by_hand(4, 2 * 4)


def test_answers():
  logits = build()(np.zeros((2, 8, 8, 3), np.float32))["logits"]
  assert logits.shape == (2, 5)


@pytest.mark.parametrize("as_searched", [False, True])
def test_arcs_of_one_canonical_row_compute_the_same(as_searched):
  other = SPACE.parse("1 3 0 1  2 2 0 4 1")
  assert other != ARC
  rows = [SPACE.canonical(SPACE.encode(arc)) for arc in (ARC, other)]
  assert rows[0] == rows[1]
  model, same = (
    macro_channels_child.build(
      arc,
      out_filters=8,
      image_shape=(8, 8, 3),
      num_classes=5,
      as_searched=as_searched,
      seed=seed,
    )
    for seed, arc in enumerate((ARC, other))
  )
  same.set_weights(model.get_weights())
  images = np.random.default_rng(0).normal(size=(2, 8, 8, 3))
  np.testing.assert_array_equal(same(images)["logits"], model(images)["logits"])
