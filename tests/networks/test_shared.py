"""Every supernet shows its shared weights by one interface."""

import numpy as np
import pytest
import tensorflow as tf

from enas_tf import errors
from enas_tf.networks import (
  inherit,
  macro_channels_supernet,
  macro_supernet,
  rnn_child,
  rnn_supernet,
)
from enas_tf.spaces import macro, macro_channels, rnn

SHAPE = dict(image_shape=(6, 6, 3), num_classes=5, keep_prob=1.0, seed=0)
RNN = rnn.RnnSpace(3, ("tanh", "relu", "identity"))
SIZES = dict(vocab_size=11, hidden_size=4, output="all")


def make_macro():
  space = macro.MacroSpace(2, ("conv_3x3", "max_pool_3x3"))
  return macro_supernet.MacroSupernet(space, out_filters=4, **SHAPE)


def make_channels():
  space = macro_channels.MacroChannelsSpace(2, 4, ("conv_3x3", "max_pool_3x3"))
  return macro_channels_supernet.MacroChannelsSupernet(space, **SHAPE)


def make_rnn():
  return rnn_supernet.RnnSupernet(RNN, seed=1, **SIZES)


CONV = [(1, 1, 4, 4), (4,), (4,), (3, 3, 4, 4), (4,), (4,)]


@pytest.mark.parametrize(
  ("make", "number", "key", "shapes"),
  [
    (make_macro, 2 * 2, (1, "conv_3x3"), CONV),
    (make_channels, 2 * 2, (1, "conv_3x3"), CONV),
    (make_rnn, 3 * (1 + 2 + 3), (2, "relu", 1), [(4, 8)]),
  ],
)
def test_entries_are_read_and_written(make, number, key, shapes):
  net = make()
  assert len(net.shared) == number
  assert [each.shape for each in net.shared[key].read()] == shapes
  before = {k: entry.read() for k, entry in net.shared.items()}
  values = [np.full(shape, i, np.float32) for i, shape in enumerate(shapes)]
  net.shared[key].assign(values)
  for other, entry in net.shared.items():
    expected = values if other == key else before[other]
    for found, value in zip(entry.read(), expected, strict=True):
      np.testing.assert_array_equal(found, value)


def tokens_and_state():
  rng = np.random.default_rng(0)
  return {
    "tokens": tf.constant(rng.integers(0, 11, (2, 5)), tf.int32),
    "state": tf.constant(rng.normal(size=(2, 4)), tf.float32),
  }


@pytest.mark.parametrize("number", range(3))
def test_a_recurrent_child_inherits_them_all(number):
  net, inputs = make_rnn(), tokens_and_state()
  arc = RNN.random(np.random.default_rng(number))
  child = rnn_child.build(arc, seed=2, **SIZES)
  copied = inherit.from_supernet(
    child, arc, {v.path: v.numpy() for v in net.variables}
  )
  assert copied == len(child.trainable_variables)
  row = tf.constant(RNN.encode(arc))
  expected = net(inputs | {"arc": row})["logits"]
  np.testing.assert_allclose(child(inputs)["logits"], expected, 1e-4, 1e-5)


def test_another_recurrent_supernet_is_refused():
  arc = RNN.random(np.random.default_rng(0))
  child = rnn_child.build(arc, **(SIZES | {"hidden_size": 6}))
  variables = {v.path: v.numpy() for v in make_rnn().variables}
  with pytest.raises(errors.ConfigError, match="child_hidden_size=6"):
    inherit.from_supernet(child, arc, variables)
  with pytest.raises(errors.CheckpointError, match="`search_for=rnn`"):
    inherit.from_supernet(child, arc, {"w": np.zeros(1)})
