"""Operations of a user's own: Keras layers, and classes with `forward`."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf import errors
from enas_tf.layers import basic_stages, mixed, operations, shared_cell, stages
from tests.layers import cells

FILTERS = 3


class Gate(stages.Stage):
  """Its 4 weights do not fill whole rows of 3 numbers."""

  def weights(self, filters):
    shape = (filters + 1,)
    return stages.Weight(shape, "glorot_uniform"), stages.Weight((1,), "ones")

  def forward(self, x, weights):
    gate, scale = weights
    return scale * x * tf.tanh(gate[:-1] + gate[-1] * x)


class Plain:
  """Nothing but `forward`."""

  def forward(self, x, weights):
    assert not weights
    return x * tf.sigmoid(x)


@keras.saving.register_keras_serializable("tests")
class Squeeze(keras.layers.Layer):
  """A layer of layers, without weights of its own."""

  def __init__(self, filters, **kwargs):
    super().__init__(**kwargs)
    self.filters = filters
    self.dense = keras.layers.Dense(filters, activation="sigmoid")

  def call(self, x):
    return x * self.dense(tf.reduce_mean(x, [1, 2], keepdims=True))

  def get_config(self):
    return super().get_config() | {"filters": self.filters}


def conv(filters, strides=1):
  return keras.layers.Conv2D(
    filters, 3, strides, padding="same", activation="tanh"
  )


def normalized(filters):
  return keras.Sequential(
    [
      keras.layers.DepthwiseConv2D(3, padding="same"),
      keras.layers.BatchNormalization(),
      keras.layers.Activation("tanh"),
    ]
  )


class Two(operations.Operation):
  stages = (Gate(), basic_stages.Conv(1))


THINGS = {
  "own_gate": Gate,
  "own_plain": Plain,
  "own_squeeze": Squeeze,
  "own_conv": conv,
  "own_normalized": normalized,
  "own_two": Two,
}


@pytest.fixture(autouse=True)
def registered():
  before = dict(operations._own)
  for name, thing in THINGS.items():
    operations.register(name, thing)
  yield
  operations._own.clear()
  operations._own.update(before)


def images(filters=FILTERS, size=4, seed=0):
  rng = np.random.default_rng(seed)
  return tf.constant(rng.normal(size=(2, size, size, filters)), tf.float32)


def rows_of(name, seed=0):
  return operations.get(name).initialize(1, FILTERS, seed)[0]


@pytest.mark.parametrize("name", THINGS)
def test_gradients_are_those_of_differences(name):
  """Along a random direction of the input, and of the weights."""
  x, rows = images(), rows_of(name)
  operation = operations.get(name)
  dy = images(seed=1)
  y, saved = operation.run(x, rows)
  dx, saved_back = operation.input_gradient(dy, rows, saved)
  drows = operation.weight_gradient(rows, saved, saved_back)
  assert y.shape == dx.shape == x.shape
  assert drows.shape == rows.shape

  def loss(x, rows):
    return float(tf.reduce_sum(operation.run(x, rows)[0] * dy))

  rng, step = np.random.default_rng(2), 1e-2
  for i, gradient in enumerate((dx, drows)):
    if not gradient.shape[0]:
      continue
    way = tf.constant(rng.normal(size=gradient.shape), tf.float32)
    plus, minus = [x, rows], [x, rows]
    plus[i] = plus[i] + step * way
    minus[i] = minus[i] - step * way
    expected = (loss(*plus) - loss(*minus)) / (2 * step)
    found = float(tf.reduce_sum(gradient * way))
    assert found == pytest.approx(expected, rel=0.02, abs=0.02), i


@pytest.mark.parametrize("name", THINGS)
def test_a_child_computes_what_the_search_computes(name):
  operation, rows = operations.get(name), rows_of(name)
  inputs = keras.Input((4, 4, FILTERS))
  model = keras.Model(inputs, operation.apply(inputs, FILTERS, 1, "a_"))
  weights = [w for part in operation.split_rows(rows, FILTERS) for w in part]
  for variable, weight in zip(model.trainable_variables, weights, strict=True):
    variable.assign(weight)
  found, _ = operation.run(images(), rows)
  np.testing.assert_allclose(model(images(), training=True), found, 1e-5, 1e-5)


@pytest.mark.parametrize("name", THINGS)
@pytest.mark.parametrize("size", [4, 5])
def test_a_stride_downsamples(name, size):
  inputs = keras.Input((size, size, FILTERS))
  y = operations.get(name).apply(inputs, FILTERS, 2, "a_")
  assert y.shape == (None, (size + 1) // 2, (size + 1) // 2, FILTERS)
  layers = keras.Model(inputs, y).layers
  pooled = any(isinstance(x, keras.layers.AveragePooling2D) for x in layers)
  # What takes no stride comes behind a pool.
  assert pooled == (name not in ("own_conv", "own_two"))


@pytest.mark.parametrize("name", THINGS)
def test_a_child_is_saved_and_loaded(name, tmp_path):
  inputs = keras.Input((4, 4, FILTERS))
  y = operations.get(name).apply(inputs, FILTERS, 2, "a_")
  model = keras.Model(inputs, y)
  model.save(tmp_path / "child.keras")
  twin = keras.saving.load_model(tmp_path / "child.keras")
  np.testing.assert_array_equal(model(images()), twin(images()))


def test_a_child_is_not_loaded_without_its_operation(tmp_path):
  inputs = keras.Input((4, 4, FILTERS))
  model = keras.Model(inputs, operations.get("own_gate").apply(inputs, FILTERS))
  model.save(tmp_path / "child.keras")
  del operations._own["own_gate"]
  with pytest.raises(Exception, match="register_operation.*own_gate"):
    keras.saving.load_model(tmp_path / "child.keras")


@pytest.mark.parametrize("name", THINGS)
def test_initial_weights_depend_on_names_alone(name):
  first = operations.get(name).initialize(3, FILTERS, 5).numpy()
  random.seed(1)
  keras.layers.Conv2D(2, 3).build((None, 4, 4, 2))
  operations.register(name, THINGS[name])  # Nothing is left of the first.
  operations.get(name).initialize(1, 6, 0)
  state = random.getstate()
  second = operations.get(name).initialize(3, FILTERS, 5).numpy()
  assert random.getstate() == state
  np.testing.assert_array_equal(first, second)
  other = operations.get(name).initialize(3, FILTERS, 6).numpy()
  if first.size:
    assert np.any(first != other)
    assert np.any(first[0] != first[1])


def test_initial_weights_are_the_layers_own():
  """Glorot's, uniform within sqrt(6 / (fan in + fan out)), and zero biases."""
  (operation,) = [operations.get("own_conv")]
  rows = operation.initialize(200, FILTERS, 0).numpy()
  kernels, biases = rows[:, :-1], rows[:, -1]
  bound = (6 / (2 * 9 * FILTERS)) ** 0.5
  assert np.abs(kernels).max() == pytest.approx(bound, rel=0.02)
  np.testing.assert_array_equal(biases, 0)


def test_rows_are_padded_with_zeros():
  rows = rows_of("own_gate").numpy()
  assert rows.shape == (2 + 1, FILTERS)
  np.testing.assert_array_equal(rows[1, 1:], 0)
  np.testing.assert_array_equal(rows[2], [1, 0, 0])
  shared = shared_cell.SharedCell(1, ["own_gate"], FILTERS, 0, 0)
  shared.build((None, 4, 4, FILTERS))
  entry = shared.shared[0, 1, 1, "own_gate"]
  entry.assign([[1, 2, 3, 4], [5]])
  assert [each.tolist() for each in entry.read()] == [[1, 2, 3, 4], [5]]
  written = shared.bank.rows.numpy()[entry.rows]
  assert written.tolist() == [[1, 2, 3], [4, 0, 0], [5, 0, 0]]


def test_a_mixed_operation_has_them_beside_the_others():
  words = ("own_gate", "sep_conv_3x3", *THINGS)
  functions = mixed.Functions(words).of(tf.TensorShape([4, 4, FILTERS]))
  x, dy = images(), images(seed=1)
  for op, word in enumerate(words):
    rows = rows_of(word)
    y, *saved = functions.forward(x, tf.constant(op), rows)
    dx, *back = functions.input_gradient(dy, tf.constant(op), rows, saved)
    drows = functions.weight_gradient(tf.constant(op), rows, saved, back)
    with tf.GradientTape() as tape:
      tape.watch([x, rows])
      expected, _ = operations.get(word).run(x, rows)
    gradients = tape.gradient(
      expected, [x, rows], dy, unconnected_gradients="zero"
    )
    for found, other in zip(
      (y, dx, drows), (expected, *gradients), strict=True
    ):
      np.testing.assert_allclose(found, other, 1e-4, 1e-5, err_msg=word)


def test_both_spaces_know_them():
  assert set(THINGS) <= set(operations.names())
  assert {f"macro/{name}" for name in THINGS} <= set(operations.names("macro"))
  assert operations.get("macro/own_conv") is operations.get("own_conv")
  with pytest.raises(errors.ConfigError, match="own_conv.*op=macro/identity"):
    operations.get("macro/identity")


@pytest.mark.parametrize(
  ("name", "thing", "message"),
  [
    ("a,b", conv, "letters, digits.*name='a,b'"),
    ("identity", conv, "registered already.*name=identity"),
    ("own_x", 3, "`filters=`.*own_x=3"),
    ("own_x", keras.layers.ReLU(), "`filters=`.*own_x="),
  ],
)
def test_what_is_no_operation_is_refused(name, thing, message):
  with pytest.raises(errors.ConfigError, match=message):
    operations.register(name, thing)


@pytest.mark.parametrize(
  ("thing", "message"),
  [
    (lambda: keras.layers.ReLU(), "with `filters=`: let it take"),
    (lambda filters: "layer", "new Keras layer.*returns str"),
    (lambda filters: keras.layers.Conv2D(filters, 3), "keep height and width"),
    (lambda filters: keras.layers.Conv2D(2, 1), "keep height and width"),
  ],
)
def test_what_makes_no_fitting_layer_is_refused(thing, message):
  operations.register("own_bad", thing)
  with pytest.raises(errors.ConfigError, match=message):
    operations.get("own_bad").num_rows(FILTERS)


def test_a_cell_of_them_by_hand():
  words = ("own_gate", "own_conv")
  cell = shared_cell.SharedCell(1, words, FILTERS, 0, 0, name="cell")
  cell.build((None, 4, 4, FILTERS))
  x0, x1 = images(seed=1), images(seed=2)
  arc = tf.constant([0, 0, 1, 1])  # own_gate(x0) + own_conv(x1)
  node = 0
  for side, (previous, word) in enumerate([(0, "own_gate"), (1, "own_conv")]):
    entry = cell.shared[0, side, previous, word]
    rows = cell.bank.rows.value[entry.rows]
    y, _ = operations.get(word).run((x0, x1)[previous], rows)
    node += y
  kernel = cell.output_bank.rows.value[2 * FILTERS :]
  y = tf.nn.relu(node) @ kernel
  mean, variance = tf.nn.moments(y, [0, 1, 2])
  expected = (y - mean) / tf.sqrt(variance + 1e-5)
  np.testing.assert_allclose(cell(x0, x1, arc=arc), expected, 1e-3, 1e-4)
  assert cells.FILTERS != FILTERS  # Layers of several widths exist at once.
