"""Closed counts agree with the networks that are built."""

import time

import keras
import numpy as np
import pytest

from enas_tf.layers import operations
from enas_tf.networks import (
  counting,
  counts,
  macro_channels_child,
  macro_child,
  macro_count,
  micro_child,
  micro_count,
)
from enas_tf.spaces import macro, macro_channels, micro

MICRO_OPS = operations.names("micro")
MACRO_OPS = tuple(
  name.removeprefix("macro/") for name in operations.names("macro")
)
ALL = {  # How an arc is built and counted, and of which spaces.
  "micro": (
    micro_child.build,
    micro_child.inference,
    micro_count.count,
    [micro.MicroSpace(2, MICRO_OPS), micro.MicroSpace(4)],
  ),
  "macro": (
    macro_child.build,
    macro_child.inference,
    macro_count.count,
    [macro.MacroSpace(4, MACRO_OPS), macro.MacroSpace(7)],
  ),
  "macro_channels": (
    macro_channels_child.build,
    macro_child.inference,
    macro_count.count,
    [
      macro_channels.MacroChannelsSpace(3, 4, MACRO_OPS),
      macro_channels.MacroChannelsSpace(6, 3),
    ],
  ),
}
# The sizes of networks, one after the other.
SIZES = [
  dict(out_filters=4, image_shape=(8, 8, 3), num_classes=10),
  dict(out_filters=6, image_shape=(9, 13, 1), num_classes=3, as_searched=True),
  dict(out_filters=10, image_shape=(5, 7, 2), num_classes=7),
  dict(out_filters=4, image_shape=(8, 8, 3), num_classes=2, as_searched=True),
]


def compare(word, number):
  """Compares the count of a random arc with that of its network."""
  build, inference, count, spaces = ALL[word]
  space = spaces[number % len(spaces)]
  arc = space.random(np.random.default_rng([7, number]))
  given = dict(SIZES[number // len(spaces) % len(SIZES)])
  if word == "micro":
    given |= {"num_layers": 1 + number % 5, "faithful": number % 3 == 0}
  elif word == "macro" and number % 3 == 0 and space.ops == macro.PAPER_OPS:
    # The original builds no pools.
    arc = macro.MacroSpace(7, space.ops[:4]).random(np.random.default_rng(0))
    given |= {"faithful": True}
  model = inference(build(arc, **given))
  found = count(arc, **given)
  assert found.parameters == counts.parameters(model), (arc, given)
  assert found.multiply_adds == counts.multiply_adds(model), (arc, given)


@pytest.mark.parametrize("word", ALL)
@pytest.mark.parametrize("number", range(4))
def test_a_few_random_arcs(word, number):
  compare(word, number)


@pytest.mark.slow
@pytest.mark.parametrize("word", ALL)
def test_200_random_arcs(word):
  """pytest -m slow tests/networks/test_counting.py"""
  for number in range(200):
    compare(word, number)
    keras.backend.clear_session()


def test_a_count_needs_no_network(monkeypatch):
  def build(*args, **kwargs):
    raise AssertionError("A network is built.")

  monkeypatch.setattr(keras.Model, "__init__", build)
  rng = np.random.default_rng(0)
  space = micro.MicroSpace(5)
  arcs = [space.random(rng) for _ in range(20)]
  sizes = dict(num_layers=15, out_filters=36, image_shape=(32, 32, 3))
  started = time.monotonic()
  found = [micro_count.count(a, num_classes=10, **sizes) for a in arcs]
  seconds = (time.monotonic() - started) / len(arcs)
  assert len({each.parameters for each in found}) > 10
  assert seconds < 0.05  # A network takes a second and more.


def test_operations_of_a_users_own_are_built_once(monkeypatch):
  calls = []

  def swish_conv(filters, strides=1):
    calls.append(filters)
    return keras.layers.Conv2D(filters, 3, strides, padding="same")

  operations.register("swish_conv", swish_conv)
  try:
    space = micro.MicroSpace(1, ("swish_conv", "identity"))
    arc = space.decode([0, 0] * 4)
    given = dict(
      num_layers=2, out_filters=4, image_shape=(8, 8, 1), num_classes=3
    )
    model = micro_child.inference(micro_child.build(arc, **given))
    found = micro_count.count(arc, **given)
    assert found.parameters == counts.parameters(model)
    assert found.multiply_adds == counts.multiply_adds(model)
    built = len(calls)
    assert micro_count.count(arc, **given).parameters == found.parameters
    assert len(calls) == built
  finally:
    operations._own.pop("swish_conv")


def test_counter_by_hand():
  counter = counting.Counter()
  x = counter.convolve(counting.Shape(5, 4, 3), 8, 3, stride=2)
  assert x == (3, 2, 8) and x.num_pixels == 6
  assert counter.parameters == 9 * 3 * 8
  assert counter.multiply_adds == 6 * 9 * 3 * 8
  counter.normalize(x)
  assert counter.parameters == 9 * 3 * 8 + 16
  assert counting.concatenated([x, x]) == (3, 2, 16)
