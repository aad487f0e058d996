import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf.layers import norm
from tests import golden


def images(seed=0):
  rng = np.random.default_rng(seed)
  return rng.normal(3, 2, size=(4, 5, 5, 3)).astype(np.float32)


def normalized(x):
  """Returns x with mean 0 and variance 1 in each channel."""
  axes = (0, 1, 2)
  return (x - x.mean(axes)) / np.sqrt(x.var(axes) + 1e-5)


def test_training_by_numpy():
  layer = norm.BatchNorm()
  layer.build((None, 5, 5, 3))
  layer.gamma.assign([1.0, 2.0, 3.0])
  layer.beta.assign([0.5, 0.0, -0.5])
  expected = normalized(images()) * [1.0, 2.0, 3.0] + [0.5, 0.0, -0.5]
  found = layer(images(), training=True)
  np.testing.assert_allclose(found, expected, 1e-4, 1e-5)


def test_moving_averages_by_numpy():
  layer = norm.BatchNorm()
  mean, variance = np.zeros(3), np.ones(3)
  for step in range(3):
    x = images(step)
    layer(x, training=True)
    mean = 0.9 * mean + 0.1 * x.mean((0, 1, 2))
    # As in the original, of the unbiased variance.
    variance = 0.9 * variance + 0.1 * x.var((0, 1, 2), ddof=1)
  np.testing.assert_allclose(layer.moving_mean, mean, 1e-4)
  np.testing.assert_allclose(layer.moving_variance, variance, 1e-4)
  x = images(9)
  expected = (x - mean) / np.sqrt(variance + 1e-5)
  np.testing.assert_allclose(layer(x), expected, 1e-4, 1e-5)
  np.testing.assert_allclose(layer.moving_mean, mean, 1e-4)  # Unchanged.


def test_as_the_original():
  arrays, _ = golden.load("components")
  layer = norm.BatchNorm()
  layer.build((None, 3, 3, 4))
  for i in range(3):
    step = golden.under(arrays, f"bn_image_ops/step{i}/")
    found = layer(step["x"], training=True)
    np.testing.assert_allclose(found, step["train"], 1e-4, 1e-5)
    # The original corrects the averages for their start; then they agree.
    correction = 1 - 0.9 ** (i + 1)
    for average, start, name in (
      (layer.moving_mean, 0, "mean"),
      (layer.moving_variance, 1, "variance"),
    ):
      ours = (average.numpy() - start * 0.9 ** (i + 1)) / correction
      expected = step[f"bn/moving_{name}"]
      np.testing.assert_allclose(ours, expected, 1e-4, 1e-5, err_msg=name)
    twin = norm.BatchNorm()
    twin.build((None, 3, 3, 4))
    twin.moving_mean.assign(step["bn/moving_mean"])
    twin.moving_variance.assign(step["bn/moving_variance"])
    np.testing.assert_allclose(twin(step["x"]), step["eval_after"], 1e-4, 1e-5)


def test_without_moving_statistics_the_batch_always_counts():
  layer = norm.BatchNorm(moving_statistics=False)
  for training in (True, False):
    found = layer(images(), training=training)
    np.testing.assert_allclose(found, normalized(images()), 1e-4, 1e-5)
  assert len(layer.weights) == 2
  assert len(norm.BatchNorm().weights) == 0  # Not before it is built.


def test_gradients_by_the_moments():
  layer = norm.BatchNorm()
  x = tf.constant(images())
  with tf.GradientTape() as tape:
    tape.watch(x)
    loss = tf.reduce_sum(layer(x, training=True) * images(1))
  found = tape.gradient(loss, [x, layer.gamma.value, layer.beta.value])
  gamma, beta = tf.ones([3]), tf.zeros([3])
  with tf.GradientTape() as tape:
    tape.watch([x, gamma, beta])
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    y = tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-5)
    loss = tf.reduce_sum(y * images(1))
  expected = tape.gradient(loss, [x, gamma, beta])
  for value, other in zip(found, expected, strict=True):
    np.testing.assert_allclose(value, other, 1e-3, 1e-4)


@pytest.mark.parametrize("moving_statistics", [True, False])
def test_serializes_and_traces(moving_statistics):
  layer = norm.BatchNorm(moving_statistics=moving_statistics, name="bn")
  model = keras.Sequential([keras.Input((5, 5, 3)), layer])
  twin = keras.Sequential.from_config(model.get_config())
  assert twin.layers[0].moving_statistics == moving_statistics
  eager = model(images(), training=True)
  traced = tf.function(twin)(images(), training=True)
  np.testing.assert_allclose(eager, traced, 1e-5, 1e-6)
  for mine, theirs in zip(model.weights, twin.weights, strict=True):
    np.testing.assert_allclose(mine, theirs, 1e-5)
