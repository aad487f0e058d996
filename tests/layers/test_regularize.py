import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf.layers import regularize
from tests import golden

LAYERS = {
  "dropout": lambda **changed: regularize.Dropout(0.7, seed=3, **changed),
  "drop_path": lambda **changed: regularize.DropPath(
    0.6, 0.5, 100, seed=3, **changed
  ),
}


@pytest.fixture(params=LAYERS)
def make(request):
  return LAYERS[request.param]


def ones():
  return tf.ones([64, 2, 2, 4])


def test_evaluation_changes_nothing(make):
  layer = make()
  np.testing.assert_array_equal(layer(ones()), ones())
  assert int(layer.step.numpy()) == 0


def test_dropout_can_be_on_always():
  layer = regularize.Dropout(0.7, always=True)
  assert np.any(layer(ones()) != layer(ones()))


def test_training_draws_anew_at_every_step(make):
  layer = make()
  # Late, where DropPath drops much.
  layer.build(ones().shape)
  layer.step.assign(1000)
  first, second = layer(ones(), training=True), layer(ones(), training=True)
  assert np.any(first != second)
  assert int(layer.step.numpy()) == 1002


def test_a_resumed_training_draws_the_same(make):
  layer, twin = make(), make()
  for _ in range(3):
    layer(ones(), training=True)
  twin.build(ones().shape)
  twin.step.assign(layer.step)
  for _ in range(3):
    np.testing.assert_array_equal(
      layer(ones(), training=True), twin(ones(), training=True)
    )


def test_seeds_differ():
  first, second = (
    regularize.Dropout(0.5, seed=seed)(ones(), training=True) for seed in (0, 1)
  )
  assert np.any(first != second)


def test_step_is_a_weight_that_is_not_trained(make):
  layer = make()
  layer.build(ones().shape)
  assert [w.name for w in layer.non_trainable_weights] == ["step"]
  assert layer.trainable_weights == []


def test_serializes_and_traces(make):
  model = keras.Sequential([keras.Input((2, 2, 4)), make()])
  twin = keras.Sequential.from_config(model.get_config())
  assert twin.layers[0].get_config() == model.layers[0].get_config()
  traced = tf.function(twin)
  for _ in range(3):
    np.testing.assert_array_equal(
      model(ones(), training=True), traced(ones(), training=True)
    )
  assert int(twin.layers[0].step.numpy()) == 3


def test_dropout_keeps_its_share_and_the_mean():
  y = regularize.Dropout(0.7)(tf.ones([200, 100]), training=True).numpy()
  kept = y != 0
  assert kept.mean() == pytest.approx(0.7, abs=0.02)
  np.testing.assert_allclose(y[kept], 1 / 0.7, 1e-6)


def test_nothing_is_dropped_when_all_is_kept():
  for layer in (regularize.Dropout(1.0), regularize.DropPath(1.0, 1.0, 10)):
    np.testing.assert_array_equal(layer(ones(), training=True), ones())


def test_dropout_passes_the_gradient_of_what_it_keeps():
  x = tf.ones([20, 10])
  layer = regularize.Dropout(0.5)
  with tf.GradientTape() as tape:
    tape.watch(x)
    y = layer(x, training=True)
  np.testing.assert_allclose(tape.gradient(y, x), y)  # x is 1.


@pytest.mark.parametrize("num_layers, total_steps", [(15, 1000), (6, 300)])
def test_drop_path_schedule_as_the_original(num_layers, total_steps):
  arrays, _ = golden.load("components")
  expected = arrays[f"drop_path/L{num_layers}"]
  found = [
    [
      float(
        regularize.drop_path_keep_prob(
          0.6, (layer + 1) / (num_layers + 2), step, total_steps
        )
      )
      for layer in range(num_layers + 2)
    ]
    for step in arrays[f"drop_path/L{num_layers}_steps"]
  ]
  np.testing.assert_allclose(found, expected, 1e-5)


def test_drop_path_schedule_by_hand():
  keep_prob = lambda ratio, step: float(
    regularize.drop_path_keep_prob(0.6, ratio, step, 10)
  )
  assert keep_prob(1.0, 9) == pytest.approx(0.6)
  assert keep_prob(1.0, 1000) == pytest.approx(0.6)
  assert keep_prob(0.5, 4) == pytest.approx(1 - 0.5 * 0.5 * 0.4)


def test_drop_path_as_the_original():
  case = golden.under(golden.load("components")[0], "drop_path_apply/")
  found = regularize.drop_path(case["x"], 0.6, case["u"][:, 0, 0, 0])
  np.testing.assert_allclose(found, case["out"], 1e-6)


def test_drop_path_drops_whole_examples():
  layer = regularize.DropPath(0.5, 1.0, total_steps=1)
  y = layer(tf.ones([2000, 2, 2, 3]), training=True).numpy()
  kept = y[:, 0, 0, 0] != 0
  assert kept.mean() == pytest.approx(0.5, abs=0.05)
  np.testing.assert_array_equal(y[kept], 2)
  np.testing.assert_array_equal(y[~kept], 0)


def test_drop_path_drops_more_as_the_training_goes_on():
  layer = regularize.DropPath(0.5, 1.0, total_steps=100)
  x = tf.ones([2000, 1, 1, 1])
  layer.build(x.shape)
  for step, expected in ((0, 0.995), (49, 0.75), (99, 0.5), (500, 0.5)):
    layer.step.assign(step)
    kept = np.mean(layer(x, training=True) != 0)
    assert kept == pytest.approx(expected, abs=0.05)
