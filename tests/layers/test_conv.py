import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf.layers import conv, norm
from tests import golden


def images(size, channels=3):
  rng = np.random.default_rng(0)
  return rng.normal(size=(2, size, size, channels)).astype(np.float32)


@pytest.mark.parametrize("size", [1, 2, 5, 6])
def test_by_numpy(size):
  layer = conv.FactorizedReduction(4)
  x = images(size)
  found = layer(x)
  shifted = np.zeros_like(x)  # One pixel further down and right, then zeros.
  shifted[:, :-1, :-1] = x[:, 1:, 1:]
  expected = np.concatenate(
    [
      x[:, ::2, ::2] @ layer.path1.numpy()[0, 0],
      shifted[:, ::2, ::2] @ layer.path2.numpy()[0, 0],
    ],
    -1,
  )
  np.testing.assert_allclose(found, expected, 1e-5, 1e-6)


@pytest.mark.parametrize("case", ["s2", "s2_odd"])
def test_as_the_original(case):
  arrays, _ = golden.load("components")
  case = golden.under(arrays, f"factorized_reduction_{case}/")
  x = case["in/0"]
  layers = [conv.FactorizedReduction(8), norm.BatchNorm()]
  model = keras.Sequential([keras.Input(x.shape[1:]), *layers])
  model.set_weights(
    [
      case[f"var/c/{name}"]
      for name in (
        "path1_conv/w",
        "path2_conv/w",
        "bn/scale",
        "bn/offset",
        "bn/moving_mean",
        "bn/moving_variance",
      )
    ]
  )
  np.testing.assert_allclose(model(x), case["eval/0"], golden.RTOL, golden.ATOL)
  np.testing.assert_allclose(
    model(x, training=True), case["train/0"], golden.RTOL, golden.ATOL
  )


def test_gradients_reach_both_paths():
  layer = conv.FactorizedReduction(4)
  x = tf.constant(images(4))
  with tf.GradientTape() as tape:
    y = layer(x)
    loss = tf.reduce_sum(y)
  first, second = tape.gradient(loss, [layer.path1.value, layer.path2.value])
  for gradient, pixels in ((first, x[:, ::2, ::2]), (second, x[:, 1::2, 1::2])):
    expected = np.sum(pixels, (0, 1, 2))[:, None]
    np.testing.assert_allclose(
      gradient[0, 0], np.tile(expected, (1, 2)), 1e-4, 1e-5
    )


@pytest.mark.parametrize("size", [5, 6])
def test_serializes_and_traces(size):
  layer = conv.FactorizedReduction(4)
  model = keras.Sequential([keras.Input((size, size, 3)), layer])
  assert model.output_shape == (None, 3, 3, 4)
  twin = keras.Sequential.from_config(model.get_config())
  twin.set_weights(model.get_weights())
  np.testing.assert_allclose(
    model(images(size)), tf.function(twin)(images(size)), 1e-5, 1e-6
  )


def test_an_odd_number_of_filters():
  with pytest.raises(ValueError, match="must be even.*filters=3"):
    conv.FactorizedReduction(3)
