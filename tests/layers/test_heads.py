import keras
import numpy as np
import pytest

from enas_tf.layers import heads


def images(size=4, channels=3):
  rng = np.random.default_rng(0)
  return rng.normal(size=(2, size, size, channels)).astype(np.float32)


def test_classifier_by_numpy():
  inputs = keras.Input((4, 4, 3))
  outputs = heads.classifier(inputs, 5, keras.layers.Identity(), seed=0)
  model = keras.Model(inputs, outputs)
  (kernel,) = model.get_weights()  # No bias.
  expected = np.maximum(images(), 0).mean((1, 2)) @ kernel
  np.testing.assert_allclose(model(images()), expected, 1e-5, 1e-6)


def test_classifier_drops_the_pooled_features():
  inputs = keras.Input((4, 4, 3))
  outputs = heads.classifier(inputs, 5, keras.layers.Rescaling(0.0), seed=0)
  np.testing.assert_array_equal(keras.Model(inputs, outputs)(images()), 0)


@pytest.mark.parametrize(
  "size, pooled",
  [(8, 2), (5, 1), (4, 1), (1, 1)],  # The pool is at most the image.
)
def test_auxiliary_sizes(size, pooled):
  inputs = keras.Input((size, size, 3))
  model = keras.Model(inputs, heads.auxiliary(inputs, 5, seed=0))
  assert model(images(size)).shape == (2, 5)
  assert {w.path: tuple(w.shape) for w in model.weights} == {
    "aux_proj_conv/kernel": (1, 1, 3, 128),
    "aux_proj_bn/gamma": (128,),
    "aux_proj_bn/beta": (128,),
    "aux_full_conv/kernel": (pooled, pooled, 128, 768),
    "aux_full_bn/gamma": (768,),
    "aux_full_bn/beta": (768,),
    "aux_dense/kernel": (768, 5),
  }


def test_auxiliary_by_numpy():
  inputs = keras.Input((4, 4, 3))
  model = keras.Model(inputs, heads.auxiliary(inputs, 5, seed=0))
  weights = {w.path: w.numpy() for w in model.weights}
  x = np.maximum(images(), 0).mean((1, 2))
  for name in ("aux_proj", "aux_full"):
    x = x @ weights[f"{name}_conv/kernel"][0, 0]
    # The statistics are those of the batch, in evaluations too.
    x = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)
    x = np.maximum(x, 0)
  expected = x @ weights["aux_dense/kernel"]
  for training in (True, False):
    np.testing.assert_allclose(
      model(images(), training=training), expected, 1e-3, 1e-3
    )
