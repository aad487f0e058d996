import numpy as np
import pytest
import tensorflow as tf

from enas_tf.controllers import lstm
from tests import golden


def test_stacked_lstm_as_the_original():
  arrays, _ = golden.load("components")
  case = golden.under(arrays, "stack_lstm_2layers/")
  x, c_0, c_1, h_0, h_1, w_0, w_1 = (case[f"in/{i}"] for i in range(7))
  layers = lstm.StackedLSTM(6, 2, seed=0)
  for weight, value in zip(layers.weights, (w_0, w_1), strict=True):
    weight.assign(value)
  output, state = layers(x, [(c_0, h_0), (c_1, h_1)])
  (c_0, h_0), (c_1, h_1) = state
  for i, value in enumerate((c_0, c_1, h_0, h_1)):
    np.testing.assert_allclose(value, case[f"train/{i}"], 1e-5, 1e-6)
  np.testing.assert_array_equal(output, h_1)


def test_gates_by_hand():
  """The gates stand in the order i, f, o, g."""
  layers = lstm.StackedLSTM(1, 1, seed=0)
  layers.weights[0].assign([[1.0, 2.0, 3.0, 4.0], [0.1, 0.2, 0.3, 0.4]])
  x, c, h = 0.5, 0.25, -1.0
  output, [(c_next, h_next)] = layers(
    tf.constant([[x]]), [(tf.constant([[c]]), tf.constant([[h]]))]
  )
  sigmoid = lambda z: 1 / (1 + np.exp(-z))
  i, f, o, g = (k * x + 0.1 * k * h for k in (1, 2, 3, 4))
  expected_c = sigmoid(i) * np.tanh(g) + sigmoid(f) * c
  assert float(c_next[0, 0]) == pytest.approx(expected_c)
  expected = sigmoid(o) * np.tanh(expected_c)
  assert float(h_next[0, 0]) == pytest.approx(expected)
  assert float(output[0, 0]) == pytest.approx(expected)


def test_begins_with_zeros():
  layers = lstm.StackedLSTM(4, 3, seed=0)
  state = layers.zero_state(2)
  assert len(state) == 3
  for c, h in state:
    np.testing.assert_array_equal(c, np.zeros((2, 4)))
    np.testing.assert_array_equal(h, np.zeros((2, 4)))


def test_attention_by_numpy():
  attention = lstm.Attention(3, seed=1)
  rng = np.random.default_rng(0)
  anchors = rng.normal(size=(4, 2, 3)).astype(np.float32)
  query = rng.normal(size=(2, 3)).astype(np.float32)
  found = attention([attention.key(tf.constant(a)) for a in anchors], query)
  w_1, w_2, v = (x.numpy() for x in (attention.w_1, attention.w_2, attention.v))
  expected = [(np.tanh(a @ w_1 + query @ w_2) @ v)[:, 0] for a in anchors]
  np.testing.assert_allclose(found, np.transpose(expected), 1e-5, 1e-6)


def test_initial_weights_are_uniform_and_seeded():
  weight = lstm.uniform((100, 100), "w", seed=3)
  assert np.abs(weight).max() <= 0.1
  # The deviation of U(-0.1, 0.1) is 0.2 / sqrt(12).
  assert np.std(weight) == pytest.approx(0.2 / 12**0.5, rel=0.02)
  np.testing.assert_array_equal(weight, lstm.uniform((100, 100), "w", seed=3))
  assert np.any(weight != lstm.uniform((100, 100), "w", seed=4))


def test_layers_begin_different():
  first, second = lstm.StackedLSTM(4, 2, seed=0).weights
  assert np.any(first != second)
