import numpy as np
import pytest
import tensorflow as tf

from enas_tf.layers import channel_ranges, operations

WORDS = ("macro/conv_3x3", "macro/sep_conv_3x3", "macro/max_pool_3x3")
FILTERS = 4
# Behind one integer that is not of this layer: start and count - 1 of each.
ARC = (9, 1, 2, 0, 0, 2, 1)


def images(seed=0):
  rng = np.random.default_rng(seed)
  return tf.constant(rng.normal(size=(3, 5, 5, FILTERS)), tf.float32)


@pytest.fixture(scope="module")
def layer():
  layer = channel_ranges.ChannelRanges(WORDS, FILTERS, 1, seed=0)
  layer.build(images().shape)
  rng = np.random.default_rng(0)
  for variable in layer.trainable_variables:
    variable.assign(variable + rng.normal(scale=0.3, size=variable.shape))
  return layer


def by_hand(layer, x, arc):
  """Computes all channels, then takes those of the ranges."""
  parts, rows = [], []
  for i, word in enumerate(WORDS):
    operation = operations.get(word)
    weights = [
      tf.reshape(getattr(layer, f"op_{i}_{j}"), [-1, FILTERS])
      for j in range(len(operation.weights(FILTERS)))
    ]
    y, _ = operation.run(x, tf.concat(weights, 0))
    start, count = arc[1 + 2 * i], arc[2 + 2 * i] + 1
    parts.append(y[..., start : start + count])
    first = i * FILTERS + start
    rows.append(layer.kernel[0, 0, first : first + count])
  x = tf.concat(parts, -1) @ tf.concat(rows, 0)
  mean, variance = tf.nn.moments(x, [0, 1, 2])
  scale, offset = layer.norm.gamma, layer.norm.beta
  return tf.nn.relu((x - mean) / tf.sqrt(variance + 1e-5) * scale + offset)


@pytest.mark.parametrize(
  "arc", [ARC, (9, 0, 3, 0, 3, 0, 3), (9, 3, 0, 3, 0, 3, 0)]
)
def test_takes_the_ranges(layer, arc):
  found = layer(images(), arc=tf.constant(arc))
  np.testing.assert_allclose(
    found, by_hand(layer, images(), arc), atol=1e-4, rtol=1e-4
  )


def test_only_the_ranges_have_gradients(layer):
  with tf.GradientTape() as tape:
    y = layer(images(), arc=tf.constant(ARC))
    loss = tf.reduce_sum(y * images(1))
  gradients = tape.gradient(loss, [layer.op_0_3.value, layer.kernel.value])
  used = np.abs(gradients[0]).sum((0, 1, 2)) > 0  # Channels 1, 2 and 3.
  assert used.tolist() == [False, True, True, True]
  used = np.abs(gradients[1]).sum((0, 1, 3)) > 0
  assert np.flatnonzero(used).tolist() == [1, 2, 3, 4, 10, 11]


def test_one_trace_for_all_arcs(layer):
  run = tf.function(lambda arc: layer(images(), arc=arc))
  for arc in (ARC, (9, 0, 3, 0, 3, 0, 3)):
    run(tf.constant(arc))
  assert run.experimental_get_tracing_count() == 1


def test_adds_what_is_chosen():
  add = channel_ranges.ChosenSum(2)
  x, y, z = images(0), images(1), images(2)
  found = add(x, y, z, arc=tf.constant([5, 5, 0, 1]))
  np.testing.assert_allclose(found, x + z)


@pytest.mark.parametrize(
  ("word", "place"),
  [("macro/conv_3x3", 3), ("macro/sep_conv_3x3", 4), ("macro/max_pool_3x3", 0)],
)
def test_last_convolution(word, place):
  assert channel_ranges.last_convolution(operations.get(word)) == place
