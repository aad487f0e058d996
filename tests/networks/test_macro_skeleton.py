import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf.networks import macro_skeleton


@pytest.mark.parametrize(
  ("num_layers", "pool_layers"),
  [
    (1, ()),
    (2, ()),
    (3, (0, 1)),
    (4, (0, 1)),
    (5, (0, 1)),
    (6, (1, 3)),
    (8, (1, 3)),
    # The original's sizes: search, and final.
    (12, (3, 7)),
    (24, (7, 15)),
  ],
)
def test_where_networks_are_halved(num_layers, pool_layers):
  assert macro_skeleton.pool_layers(num_layers) == pool_layers


@pytest.mark.parametrize("moving_statistics", [False, True])
def test_stem_by_hand(moving_statistics):
  images = keras.Input((5, 4, 3))
  model = keras.Model(
    images,
    macro_skeleton.stem(images, 6, seed=0, moving_statistics=moving_statistics),
  )
  rng = np.random.default_rng(0)
  for variable in model.trainable_variables:
    variable.assign(rng.normal(size=variable.shape))
  assert [v.path for v in model.trainable_variables] == [
    "stem_conv/kernel",
    "stem_conv_bn/gamma",
    "stem_conv_bn/beta",
  ]
  kernel, gamma, beta = (v.numpy() for v in model.trainable_variables)
  x = rng.normal(size=(2, 5, 4, 3)).astype(np.float32)
  y = tf.nn.conv2d(x, kernel, 1, "SAME").numpy()
  by_batch = gamma * (y - y.mean((0, 1, 2))) / y.std((0, 1, 2)) + beta
  # The moving averages begin as 0 and 1.
  still = gamma * y + beta if moving_statistics else by_batch
  np.testing.assert_allclose(model(x, training=False), still, 1e-3, 1e-4)
  found = model(x, training=True).numpy()
  np.testing.assert_allclose(found, by_batch, 1e-3, 1e-4)
  assert found.min() < -0.5  # No ReLU.
