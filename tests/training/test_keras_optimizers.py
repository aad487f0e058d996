import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf.settings import training as settings_lib
from enas_tf.training import keras_optimizers, optimizers

RATE, L2, STEPS = 0.01, 0.05, 3
START = np.array([[1.0, -2.0], [0.5, 3.0]], "f4")


def settings(word, **changed):
  given = dict(optimizer=word, l2_reg=L2, clip_mode="none", grad_bound=1.0)
  return types.SimpleNamespace(**given | changed)


def child():
  """Returns a network whose one weight is `START`."""
  inputs = keras.Input((2,))
  layer = keras.layers.Dense(2, use_bias=False)
  model = keras.Model(inputs, layer(inputs))
  layer.kernel.assign(START)
  return model


def gradient(step):
  return np.array([[1.0, 0.5], [-2.0, 0.1]], "f4") * (step + 1)


def by_hand(word, rates):
  """Returns the weight after the steps of the rule, in NumPy."""
  w, m, v = START.astype("f8"), 0.0, 0.0
  for step, rate in enumerate(rates):
    g = gradient(step) + (0 if word == "adamw" else 2 * L2 * w)
    if word == "sgd":
      w = w - rate * g
    elif word == "rmsprop":
      v = 0.9 * v + 0.1 * g**2
      w = w - rate * g / np.sqrt(v + 1e-7)
    elif word == "momentum":
      m = 0.9 * m + g
      w = w - rate * (g + 0.9 * m)
    else:
      if word == "adamw":
        w = w - rate * 2 * L2 * w
      m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
      correction = np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
      w = w - rate * correction * m / (np.sqrt(v) + 1e-7)
  return w


@pytest.mark.parametrize("word", settings_lib.OPTIMIZERS)
def test_a_step_follows_its_rule_in_fit_and_outside(word):
  rates = [RATE * (1 + step) for step in range(STEPS)]
  model = child()
  optimizer = keras_optimizers.make(settings(word), 0.0)
  optimizer.build(model.trainable_variables)
  for step, rate in enumerate(rates):
    optimizer.learning_rate.assign(rate)
    optimizer.apply([tf.constant(gradient(step))], model.trainable_variables)
  expected = by_hand(word, rates)
  np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-5)
  other = child()
  descent = keras_optimizers.Descent(
    other, settings(word), lambda step: RATE * (1 + tf.cast(step, tf.float32))
  )
  apply = tf.function(descent.apply, autograph=False)
  for step in range(STEPS):
    norm = apply([tf.constant(gradient(step))], [])
    assert float(norm) == pytest.approx(np.linalg.norm(gradient(step)))
  np.testing.assert_allclose(other.get_weights()[0], expected, rtol=1e-5)


def test_a_step_can_have_a_rate_of_its_own_and_lack_gradients():
  model = child()
  descent = keras_optimizers.Descent(model, settings("sgd"), lambda step: 9.0)
  descent.apply([None], [], tf.constant(RATE))  # L2 alone.
  np.testing.assert_allclose(
    model.get_weights()[0], START * (1 - RATE * 2 * L2), rtol=1e-6
  )


@pytest.mark.parametrize("mode", ["norm", "global"])
def test_gradients_are_clipped(mode):
  model = child()
  given = settings("sgd", clip_mode=mode, l2_reg=0.0, grad_bound=0.5)
  descent = keras_optimizers.Descent(model, given, lambda step: 1.0)
  descent.apply([tf.constant(gradient(0))], [])
  moved = np.linalg.norm(START - model.get_weights()[0])
  assert moved == pytest.approx(0.5, rel=1e-5)


@pytest.mark.parametrize("word", settings_lib.OPTIMIZERS)
def test_slots_are_all_that_a_resumed_training_needs(word):
  def make():
    model = child()
    return model, keras_optimizers.Descent(
      model, settings(word), lambda step: RATE * (1 + tf.cast(step, tf.float32))
    )

  whole, first = make()
  for step in range(4):
    first.apply([tf.constant(gradient(step))], [])
    if step == 1:
      kept = {name: slot.numpy() for name, slot in first.slots().items()}
      weights = whole.get_weights()
  resumed, second = make()
  resumed.set_weights(weights)
  for name, slot in second.slots().items():
    slot.assign(kept[name])
  for step in (2, 3):
    second.apply([tf.constant(gradient(step))], [])
  np.testing.assert_array_equal(
    resumed.get_weights()[0], whole.get_weights()[0]
  )


def test_without_a_word_it_is_the_momentum_of_before():
  given = settings("momentum")
  del given.optimizer
  optimizer = keras_optimizers.make(given, RATE)
  assert type(optimizer) is optimizers.NesterovMomentum


@pytest.mark.parametrize("word", ["sgd", "adam", "rmsprop"])
def test_l2_is_serialized(word):
  optimizer = keras_optimizers.make(settings(word), RATE)
  config = keras.optimizers.serialize(optimizer)
  assert keras.optimizers.deserialize(config).l2_reg == L2
