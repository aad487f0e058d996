"""Gates: the gradient of a loss with respect to what an arc chose."""

import numpy as np
import pytest
import tensorflow as tf

from enas_tf.networks import (
  macro_channels_supernet,
  macro_supernet,
  micro_supernet,
  rnn_supernet,
)
from enas_tf.spaces import macro, macro_channels, micro, rnn
from enas_tf.tasks import image_steps, language_steps

IMAGES = dict(image_shape=(7, 6, 3), num_classes=5, keep_prob=1.0, seed=0)
RNG = np.random.default_rng(0)
# Arcs: all operations; skips that are there and that are not; two layers that
# read one. Behind layers 0 and 1 of the macro net is a pool.
MICRO = [0, 0, 1, 4, 1, 1, 2, 3, 0, 2, 1, 3, 2, 0, 0, 4]
MACRO = [0, 1, 1, 4, 0, 1, 5, 1, 0, 1]
CHANNELS = [1, 1, 0, 2, 0, 0, 2, 1, 1, 1, 2, 0, 3, 1, 0]
RNN = [0, 1, 1, 0, 1, 2, 0, 3]


def make_micro():
  return micro_supernet.MicroSupernet(
    micro.MicroSpace(2),
    num_layers=2,
    out_filters=4,
    use_aux_heads=False,
    **IMAGES,
  )


def make_macro():
  return macro_supernet.MacroSupernet(
    macro.MacroSpace(4), out_filters=4, **IMAGES
  )


def make_channels():
  space = macro_channels.MacroChannelsSpace(3, 4, ("conv_3x3", "avg_pool_3x3"))
  return macro_channels_supernet.MacroChannelsSupernet(space, **IMAGES)


def make_rnn():
  return rnn_supernet.RnnSupernet(rnn.RnnSpace(4), vocab_size=11, hidden_size=6)


SPACES = {
  "micro": (make_micro, MICRO),
  "macro": (make_macro, MACRO),
  "macro_channels": (make_channels, CHANNELS),
  "rnn": (make_rnn, RNN),
}


class Gated:
  """A supernet with an arc, and its loss on a batch as a function of gates."""

  def __init__(self, make, arc):
    self.net = make()
    self.net.space.check(arc)
    self.arc = tf.constant(arc, tf.int32)
    self.scale = 1.0 if "tokens" in self.net.input else 0.3
    for variable in self.net.trainable_variables:
      noise = RNG.normal(scale=self.scale, size=variable.shape)
      variable.assign(variable + noise)
    if "tokens" in self.net.input:
      words = RNG.integers(0, 11, (2, 2, 6))
      self.steps = language_steps.LanguageSteps(6, bptt_steps=6)
      self.batch = (*tf.unstack(tf.constant(words, tf.int32)), False)
      state = RNG.normal(size=(2, 6)).astype(np.float32)
      self.carried = (tf.constant(state),)
    else:
      images = RNG.normal(size=(8, 7, 6, 3)).astype(np.float32)
      labels = RNG.integers(0, 5, 8).astype(np.int32)
      self.steps = image_steps.ImageSteps()
      self.batch, self.carried = (tf.constant(images), labels), ()

  @tf.function(autograph=False)
  def measure(self, arc):
    """Returns what is measured without gates."""
    return self.steps.measure(self.net, self.batch, arc, self.carried)

  @tf.function(autograph=False)
  def differentiate(self, gates):
    """Returns what is measured, and the gradient of its loss."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(gates)
      found = self.steps.measure(
        self.net, self.batch, self.arc, self.carried, gates
      )
    return found, tape.gradient(found.loss, gates)

  def gradient(self, gates):
    return self.differentiate(tf.constant(gates))[1].numpy()

  def difference(self, gates, i, step=5e-4):
    """Returns (loss(gates + step) - loss(gates - step)) / (2 step) of one."""
    move = (step * np.eye(len(gates))[i]).astype(np.float32)
    up, down = (
      float(self.differentiate(tf.constant(each))[0].loss)
      for each in (gates + move, gates - move)
    )
    return (up - down) / (2 * step)


@pytest.fixture(scope="module", params=SPACES)
def gated(request):
  return Gated(*SPACES[request.param])


def random_gates(gated):
  """Returns gates that are not 1, so that no factor can be missing."""
  rng = np.random.default_rng(1)
  return rng.uniform(0.7, 1.3, len(gated.arc)).astype(np.float32)


@pytest.mark.parametrize("at_one", [True, False])
def test_gradients_are_differences(gated, at_one):
  gates = random_gates(gated)
  gates = np.ones_like(gates) if at_one else gates
  found = gated.gradient(gates)
  expected = [gated.difference(gates, i) for i in range(len(gates))]
  # Steps over the kinks of relu and pools are felt in so small a network.
  np.testing.assert_allclose(found, expected, rtol=0.03, atol=2e-3)
  assert np.count_nonzero(np.abs(found) > 0.02) > len(gates) / 2


def test_gates_of_1_change_nothing(gated):
  ones = tf.ones(len(gated.arc))
  found, expected = gated.differentiate(ones)[0], gated.measure(gated.arc)
  assert expected.loss is None
  assert found.total == expected.total
  for one, other in zip(found.carried, expected.carried, strict=True):
    np.testing.assert_array_equal(one, other)


def test_what_is_not_chosen_has_no_gradient(gated):
  found = gated.gradient(np.ones(len(gated.arc), np.float32))
  decisions = gated.net.space.decisions
  for decision, option, each in zip(decisions, gated.arc, found, strict=True):
    if decision.kind == "skip" and option == 0:
      assert each == 0


def test_one_trace_for_all_arcs(gated):
  rng = np.random.default_rng(0)
  space = gated.net.space
  for _ in range(3):
    gated.measure(tf.constant(space.encode(space.random(rng))))
  assert gated.measure.experimental_get_tracing_count() == 1
