import numpy as np
import pytest
import tensorflow as tf

from enas_tf.networks import macro_channels_supernet
from enas_tf.spaces import macro_channels

SPACE = macro_channels.MacroChannelsSpace(3, 4, ("conv_3x3", "max_pool_3x3"))
# Starts and counts that leave room to both sides.
ARC = np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0], np.int32)


@pytest.fixture(scope="module")
def compute():
  net = macro_channels_supernet.MacroChannelsSupernet(
    SPACE, image_shape=(9, 8, 3), num_classes=5, keep_prob=1.0, seed=0
  )
  rng = np.random.default_rng(0)
  for variable in net.trainable_variables:
    variable.assign(variable + rng.normal(scale=0.2, size=variable.shape))
  images = tf.constant(rng.normal(size=(4, 9, 8, 3)), tf.float32)
  return tf.function(lambda arc: net({"images": images, "arc": arc})["logits"])


@pytest.mark.parametrize(
  "position", range(SPACE.num_decisions), ids=lambda i: SPACE.decisions[i].name
)
def test_every_decision_changes_the_output(compute, position):
  before = compute(tf.constant(ARC)).numpy()
  changed = ARC.copy()
  changed[position] = 1 - changed[position]
  SPACE.check(changed)
  assert np.abs(compute(tf.constant(changed)) - before).max() > 1e-3


def test_one_trace_for_all_arcs(compute):
  rng = np.random.default_rng(0)
  for _ in range(3):
    compute(tf.constant(SPACE.encode(SPACE.random(rng))))
  assert compute.experimental_get_tracing_count() == 1
