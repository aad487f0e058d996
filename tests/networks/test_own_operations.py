"""Operations of a user's own from the search to the final child."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf import errors
from enas_tf.layers import operations, stages
from enas_tf.networks import (
  inherit,
  macro_channels_supernet,
  macro_child,
  macro_supernet,
  micro_child,
  micro_supernet,
)
from enas_tf.spaces import macro, macro_channels, micro
from enas_tf.training import graphs

IMAGES = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)
SHAPE = dict(image_shape=(8, 8, 3), num_classes=5)


class Gate(stages.Stage):
  """Its weights do not fill whole rows."""

  def weights(self, filters):
    return (stages.Weight((filters + 1,), "glorot_uniform"),)

  def forward(self, x, weights):
    return x * tf.tanh(weights[0][:-1] + weights[0][-1] * x)


def conv(filters, strides=1):
  return keras.layers.Conv2D(
    filters, 3, strides, padding="same", activation="tanh"
  )


def normalized(filters):
  return keras.Sequential(
    [
      keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False),
      keras.layers.BatchNormalization(),
    ]
  )


THINGS = {"own_gate": Gate, "own_conv": conv, "own_normalized": normalized}
OPS = (*THINGS, "conv_3x3")


@pytest.fixture(autouse=True, scope="module")
def registered():
  before = dict(operations._own)
  for name, thing in THINGS.items():
    operations.register(name, thing)
  yield
  operations._own.clear()
  operations._own.update(before)


def build(name, seed=0, **changed):
  """Returns a supernet of a space, with random weights."""
  sizes = SHAPE | dict(out_filters=4, keep_prob=1.0, seed=seed)
  if name == "macro":
    space = macro.MacroSpace(3, changed.get("ops", OPS))
    return macro_supernet.MacroSupernet(space, **sizes)
  space = micro.MicroSpace(2, changed.get("ops", OPS))
  return micro_supernet.MicroSupernet(
    space, num_layers=1, use_aux_heads=False, **sizes
  )


def build_child(name, arc, as_searched):
  options = SHAPE | dict(out_filters=4, as_searched=as_searched)
  if name == "macro":
    return macro_child.build(arc, **options)
  return micro_child.build(arc, num_layers=1, **options)


ARCS = {
  "micro": "0 0 1 1 2 2 0 3  1 1 0 0 1 3 2 2",
  "macro": "0  1 1  2 0 1",
}


@pytest.mark.parametrize("name", ARCS)
def test_a_child_as_searched_inherits_them_all(name):
  supernet = build(name)
  rng = np.random.default_rng(1)
  for variable in supernet.trainable_variables:
    variable.assign(variable + rng.normal(scale=0.2, size=variable.shape))
  arc = supernet.space.parse(ARCS[name])
  child = build_child(name, arc, as_searched=True)
  variables = {v.path: v.numpy() for v in supernet.variables}
  copied = inherit.from_supernet(child, arc, variables)
  assert copied == len(child.trainable_variables)
  row = tf.constant(supernet.space.encode(arc))
  expected = supernet({"images": tf.constant(IMAGES), "arc": row})["logits"]
  found = child(IMAGES, training=True)["logits"]
  np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("name", ARCS)
def test_the_final_child_is_saved_and_loaded(name, tmp_path):
  space = build(name).space
  child = build_child(name, space.parse(ARCS[name]), as_searched=False)
  twin = build_child(name, space.parse(ARCS[name]), as_searched=False)
  for one, other in zip(child.variables, twin.variables, strict=True):
    np.testing.assert_array_equal(one, other)
  child.save(tmp_path / "child.keras")
  loaded = keras.saving.load_model(tmp_path / "child.keras")
  np.testing.assert_array_equal(
    loaded(IMAGES)["logits"], child(IMAGES)["logits"]
  )


@pytest.mark.parametrize("name", ARCS)
def test_a_search_step_trains_them_with_one_trace(name):
  graphs.prepare()
  net = build(name)

  @tf.function(autograph=False)
  def step(arc):
    with tf.GradientTape() as tape:
      logits = net({"images": tf.constant(IMAGES), "arc": arc}, training=True)
      loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(
          [0, 1, 2, 3], logits["logits"]
        )
      )
    banks = [bank.rows.value for bank in net.banks]
    for bank, gradient in zip(banks, tape.gradient(loss, banks), strict=True):
      rows = tf.convert_to_tensor(gradient)
      bank.assign_sub(0.05 * rows)
    return loss

  arc = tf.constant(net.space.encode(net.space.parse(ARCS[name])))
  before = {key: entry.read() for key, entry in net.shared.items()}
  losses = [float(step(arc)) for _ in range(8)]
  assert losses[-1] < losses[0]
  for i in range(3):
    other = net.space.encode(net.space.random(np.random.default_rng(i)))
    assert np.isfinite(float(step(tf.constant(other))))
  assert step.experimental_get_tracing_count() == 1
  trained = {
    key[-1]
    for key, entry in net.shared.items()
    if any(
      np.any(a != b) for a, b in zip(entry.read(), before[key], strict=True)
    )
  }
  assert set(THINGS) <= trained


@pytest.mark.parametrize("name", ARCS)
def test_initial_weights_depend_on_names_alone(name):
  net, other = build(name), build(name, ops=OPS[::-1])
  assert set(net.shared) == set(other.shared)
  for key, entry in net.shared.items():
    for one, two in zip(entry.read(), other.shared[key].read(), strict=True):
      np.testing.assert_array_equal(one, two)


def test_channel_ranges_have_none():
  space = macro_channels.MacroChannelsSpace(2, 4, OPS)
  net = macro_channels_supernet.MacroChannelsSupernet
  with pytest.raises(
    errors.ConfigError,
    match="`controller_search_whole_channels`.*op=own_gate",
  ):
    net(space, keep_prob=1.0, seed=0, **SHAPE)
