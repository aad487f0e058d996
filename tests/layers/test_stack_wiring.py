import numpy as np
import pytest
import tensorflow as tf

from enas_tf.layers import stack_wiring
from enas_tf.spaces import macro

SPACE = macro.MacroSpace(4)
ARC = [2, 5, 1, 0, 0, 1, 3, 1, 0, 0]


def test_is_what_the_arc_says():
  wiring = stack_wiring.Wiring(tf.constant(ARC), 4)
  layers = SPACE.decode(ARC).layers
  ops = [SPACE.ops.index(each.op) for each in layers]
  assert wiring.ops.numpy().tolist() == ops
  assert [int(each) for each in wiring.op_of] == ops
  found = [tuple(map(bool, row)) for row in wiring.skips]
  assert found == [tuple(each.skips) for each in layers]
  for layer in range(4):
    assert ARC[wiring.decisions_of(layer)][0] == ops[layer]
    assert len(ARC[wiring.decisions_of(layer)]) == layer + 1


@pytest.mark.parametrize(
  ("layer", "tensor", "is_read"),
  [(0, 1, True), (0, 0, True), (1, 0, True), (1, 1, True), (2, 1, False),
   (2, 2, False), (2, 3, True)],
)  # fmt: skip
def test_what_is_read_later(layer, tensor, is_read):
  wiring = stack_wiring.Wiring(tf.constant(ARC), 4)
  assert bool(wiring.is_read_after(layer, tensor)) == is_read
  assert np.size(wiring.is_read_after(layer, tensor)) == 1
