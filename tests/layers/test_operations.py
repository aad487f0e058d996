import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf import errors
from enas_tf.layers import basic_stages, operations
from enas_tf.spaces import macro, micro
from tests import golden
from tests.layers import cells

FILTERS = 4
WORDS = operations.names()
MACRO_WORDS = operations.names("macro")
ALL_WORDS = WORDS + MACRO_WORDS
# Those that the original had, in the order of its integers.
ORIGINAL_WORDS = micro.PAPER_OPS


def random_rows(word, seed=0):
  """Returns initial rows with noise, so that no two weights are alike."""
  operation = operations.get(word)
  rows = tf.reshape(operation.initialize(1, FILTERS, seed), [-1, FILTERS])
  noise = np.random.default_rng(seed).normal(size=rows.shape, scale=0.1)
  return rows + tf.constant(noise, tf.float32)


def images(size=6, filters=FILTERS, seed=0):
  rng = np.random.default_rng(seed)
  return tf.constant(rng.normal(size=(3, size, size, filters)), tf.float32)


def weighted_sum(y):
  """A loss whose gradient differs at every place."""
  return tf.reduce_sum(y * images(y.shape[1], y.shape[-1], seed=9))


def as_keras(word, rows, stride=1):
  """Returns the operation's Keras layers with the weights of `rows`."""
  operation = operations.get(word)
  layers = operation.layers(FILTERS, stride)
  model = keras.Sequential([keras.Input((6, 6, FILTERS)), *layers])
  weights = [w for group in operation.split_rows(rows, FILTERS) for w in group]
  for variable, weight in zip(model.trainable_weights, weights, strict=True):
    variable.assign(weight)
  return model


def keras_results(word, x, rows):
  """Returns (y, gradient of x, gradient of the rows) in training."""
  model = as_keras(word, rows)
  with tf.GradientTape() as tape:
    tape.watch(x)
    y = model(x, training=True) if model.layers else tf.identity(x)
    loss = weighted_sum(y)
  dx, dweights = tape.gradient(loss, [x, model.trainable_weights])
  drows = [tf.reshape(each, [-1, FILTERS]) for each in dweights]
  return y, dx, tf.concat(drows, 0) if drows else tf.zeros([0, FILTERS])


def by_hand(word, x, rows):
  operation = operations.get(word)
  y, saved = operation.run(x, rows)
  dx, saved_back = operation.input_gradient(images(seed=9), rows, saved)
  return y, dx, operation.weight_gradient(rows, saved, saved_back)


def by_tape(word, x, rows):
  with tf.GradientTape() as tape:
    tape.watch([x, rows])
    y, _ = operations.get(word).run(x, rows)
    loss = weighted_sum(y)
  gradients = tape.gradient(
    loss, [x, rows], unconnected_gradients=tf.UnconnectedGradients.ZERO
  )
  return y, *gradients


def by_mixed(word, x, rows):
  """As a supernet does: the operation is chosen by an integer."""
  words = WORDS if word in WORDS else MACRO_WORDS
  with tf.GradientTape() as tape:
    tape.watch([x, rows])
    y = cells.mixed(x, tf.constant(words.index(word)), rows, words)
    loss = weighted_sum(y)
  return y, *tape.gradient(loss, [x, rows])


@pytest.mark.parametrize("way", [by_hand, by_tape, by_mixed])
@pytest.mark.parametrize("word", ALL_WORDS)
def test_search_computes_what_the_final_child_computes(word, way):
  x, rows = images(), random_rows(word)
  found, expected = way(word, x, rows), keras_results(word, x, rows)
  for name, value, other in zip(
    ("y", "dx", "drows"), found, expected, strict=True
  ):
    assert value.shape == other.shape, name
    np.testing.assert_allclose(value, other, 1e-4, 1e-4, err_msg=name)


@pytest.mark.parametrize("word", ALL_WORDS)
def test_saves_as_many_tensors_as_it_says(word):
  operation = operations.get(word)
  rows = random_rows(word)
  _, saved = operation.run(images(), rows)
  _, saved_back = operation.input_gradient(images(), rows, saved)
  assert len(saved) == sum(s.num_saved for s in operation.stages)
  assert len(saved_back) == sum(s.num_saved_back for s in operation.stages)


@pytest.mark.parametrize("word", ALL_WORDS)
@pytest.mark.parametrize("size", [6, 7])
def test_stride_halves_the_image(word, size):
  layers = operations.get(word).layers(FILTERS, 2, "edge_")
  y = keras.Sequential(layers)(images(size), training=True)
  assert y.shape == (3, (size + 1) // 2, (size + 1) // 2, FILTERS)
  assert all(layer.name.startswith("edge_") for layer in layers)


@pytest.mark.parametrize("word", ALL_WORDS)
def test_layers_are_serializable(word):
  model = keras.Sequential(
    [keras.Input((6, 6, FILTERS)), *operations.get(word).layers(FILTERS, 2)]
  )
  twin = keras.Sequential.from_config(model.get_config())
  twin.set_weights(model.get_weights())
  np.testing.assert_array_equal(model(images()), twin(images()))


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_separable_layers_as_the_original(size, stride):
  arrays, _ = golden.load("components")
  case = golden.under(arrays, f"fixed_conv_f{size}_s{stride}/")
  # The original's child, too, can change the channels in the first stage.
  layers = operations.get(f"sep_conv_{size}x{size}").layers(8, stride)
  model = keras.Sequential([keras.Input((8, 8, 4)), *layers])
  values = [
    case[f"var/c/sep_conv_{i}/{name}"]
    for i in range(2)
    for name in (
      "w_depth",
      "w_point",
      "bn/scale",
      "bn/offset",
      "bn/moving_mean",
      "bn/moving_variance",
    )
  ]
  model.set_weights(values)
  x = case["in/0"]
  np.testing.assert_allclose(model(x), case["eval/0"], golden.RTOL, golden.ATOL)
  np.testing.assert_allclose(
    model(x, training=True), case["train/0"], golden.RTOL, golden.ATOL
  )


@pytest.mark.parametrize("previous", [0, 2])
@pytest.mark.parametrize("op", range(5))
def test_search_operations_as_the_original(op, previous):
  arrays, _ = golden.load("components")
  case = golden.under(arrays, f"enas_cell_op{op}_prev{previous}/")
  word = ORIGINAL_WORDS[op]
  parts = []
  if word.startswith("sep_conv"):
    for stack in range(2):
      prefix = f"var/c/conv_{word[-3:]}/stack_{stack}/"
      for name in ("w_depth", "w_point", "bn/scale", "bn/offset"):
        # A table has a row of weights for each previous node.
        parts.append(case[prefix + name][previous].reshape(-1, FILTERS))
  rows = np.concatenate(parts) if parts else np.zeros([0, FILTERS])
  y, _ = operations.get(word).run(
    tf.constant(case["in/0"]), tf.constant(rows, tf.float32)
  )
  np.testing.assert_allclose(y, case["train/0"], golden.RTOL, golden.ATOL)


@pytest.mark.parametrize(
  "word, case",
  [
    ("conv_3x3", "conv3"),
    ("sep_conv_3x3", "conv3_sep"),
    ("conv_5x5", "conv5"),
    ("sep_conv_5x5", "conv5_sep"),
    ("avg_pool_3x3", "avg_pool"),
    ("max_pool_3x3", "max_pool"),
  ],
)
def test_macro_operations_as_the_original(word, case):
  arrays, _ = golden.load("components")
  case = golden.under(arrays, f"macro_{case}/")
  x = case["in/0"]
  filters = x.shape[-1]
  weights = golden.under(case, "var/c/")
  # Two scopes, or one before a pool: kernels, scale and offset.
  values, moving = [], []
  for scope in dict.fromkeys(name.split("/")[0] for name in weights):
    own = golden.under(weights, f"{scope}/")
    if "w_point" in own:
      # The original convolves with the transpose.
      values += [own["w_depth"], own["w_point"].T[None, None]]
    else:
      values.append(own["w"])
    values += [own["bn/scale"], own["bn/offset"]]
    moving += [own["bn/moving_mean"], own["bn/moving_variance"]]
  operation = operations.get(f"macro/{word}")
  rows = np.concatenate([value.reshape(-1, filters) for value in values])
  y, _ = operation.run(tf.constant(x), tf.constant(rows))
  np.testing.assert_allclose(y, case["train/0"], golden.RTOL, golden.ATOL)
  model = keras.Sequential(
    [keras.Input(x.shape[1:]), *operation.layers(filters)]
  )
  for variables, others in (
    (model.trainable_variables, values),
    (model.non_trainable_variables, moving),
  ):
    for variable, value in zip(variables, others, strict=True):
      variable.assign(value)
  np.testing.assert_allclose(model(x), case["eval/0"], golden.RTOL, golden.ATOL)


@pytest.mark.parametrize(
  "word, expected",
  [
    # Of 4 channels: twice (k * k * 4 + 4 * 4 + 2 * 4) weights.
    ("sep_conv_3x3", 2 * (36 + 16 + 8)),
    ("sep_conv_5x5", 2 * (100 + 16 + 8)),
    ("sep_conv_7x7", 2 * (196 + 16 + 8)),
    ("dil_conv_3x3", 36 + 16 + 8),
    ("dil_conv_5x5", 100 + 16 + 8),
    ("conv_1x1", 16 + 8),
    ("conv_3x3", 144 + 8),
    ("conv_5x5", 400 + 8),
    ("avg_pool_3x3", 0),
    ("max_pool_3x3", 0),
    ("max_pool_5x5", 0),
    ("identity", 0),
    # First 4 * 4 + 2 * 4 weights for the 1x1 convolution.
    ("macro/conv_1x1", 24),
    ("macro/avg_pool_3x3", 24),
    ("macro/max_pool_3x3", 24),
    ("macro/conv_3x3", 24 + 144 + 8),
    ("macro/conv_5x5", 24 + 400 + 8),
    ("macro/sep_conv_3x3", 24 + 36 + 16 + 8),
    ("macro/sep_conv_5x5", 24 + 100 + 16 + 8),
    ("macro/sep_conv_7x7", 24 + 196 + 16 + 8),
    ("macro/dil_conv_3x3", 24 + 36 + 16 + 8),
    ("macro/dil_conv_5x5", 24 + 100 + 16 + 8),
  ],
)
def test_number_of_weights_by_hand(word, expected):
  operation = operations.get(word)
  assert FILTERS * operation.num_rows(FILTERS) == expected
  layers = operation.layers(FILTERS)
  model = keras.Sequential([keras.Input((6, 6, FILTERS)), *layers])
  assert sum(np.size(w) for w in model.trainable_weights) == expected


def test_pools_by_hand():
  x = tf.reshape(tf.range(9.0), [1, 3, 3, 1])
  average = operations.get("avg_pool_3x3").run(x, tf.zeros([0, 1]))[0]
  largest = operations.get("max_pool_3x3").run(-x, tf.zeros([0, 1]))[0]
  # The corner sees 0, 1, 3, 4; padding counts for neither pool.
  assert float(average[0, 0, 0, 0]) == 2
  assert float(average[0, 1, 1, 0]) == 4
  assert float(largest[0, 0, 0, 0]) == 0
  assert float(largest[0, 2, 2, 0]) == -4


def test_dilation_reaches_farther():
  """A dilated 3x3 convolution sees every second pixel of a 5x5 window."""
  depthwise = basic_stages.Depthwise(3, dilation=2)
  x = np.zeros((1, 7, 7, 1), np.float32)
  x[0, 3, 3] = 1
  y = depthwise.forward(tf.constant(x), [tf.ones([3, 3, 1, 1])])
  assert sorted(np.argwhere(y.numpy()[0, ..., 0]).tolist()) == [
    [i, j] for i in (1, 3, 5) for j in (1, 3, 5)
  ]


def test_initial_weights():
  operation = operations.get("conv_5x5")
  copies = operation.initialize(50, FILTERS, seed=3).numpy()
  rows = 5 * 5 * FILTERS
  assert copies.shape == (50, rows + 2, FILTERS)
  # He: the variance is two over the fan-in, also after the truncation.
  expected = (2 / (5 * 5 * FILTERS)) ** 0.5
  assert copies[:, :rows].std() == pytest.approx(expected, rel=0.02)
  np.testing.assert_array_equal(copies[:, rows], 1)
  np.testing.assert_array_equal(copies[:, rows + 1], 0)
  np.testing.assert_array_equal(
    copies, operation.initialize(50, FILTERS, seed=3)
  )
  assert np.any(copies != operation.initialize(50, FILTERS, seed=4))
  assert np.any(copies[0] != copies[1])


def test_no_two_convolutions_of_an_operation_begin_alike():
  rows = operations.get("sep_conv_3x3").initialize(1, FILTERS, seed=0)[0]
  first, second = np.split(rows.numpy(), 2)
  assert np.any(first[:9] != second[:9])


def test_the_paper_operations_are_known():
  assert set(micro.PAPER_OPS) <= set(WORDS)
  assert {f"macro/{op}" for op in macro.PAPER_OPS} <= set(MACRO_WORDS)


def test_each_word_is_of_one_space():
  assert WORDS
  assert not any("/" in word for word in WORDS)
  assert MACRO_WORDS
  assert all(word.startswith("macro/") for word in MACRO_WORDS)
  assert len(set(ALL_WORDS)) == len(ALL_WORDS)
  assert all(operations.get(name).name == name for name in ALL_WORDS)


def test_macro_operations_normalize_by_two_epsilons():
  """The second, behind the k x k convolution, is the original's 1e-3."""
  for word in MACRO_WORDS:
    stages = operations.get(word).stages
    found = [s.epsilon for s in stages if isinstance(s, basic_stages.Normalize)]
    assert found == [1e-5, 1e-3][: len(found)], word


def test_an_unknown_word_lists_the_known_ones():
  with pytest.raises(errors.ConfigError, match="sep_conv_3x3.*op=conv_9x9"):
    operations.get("conv_9x9")


def test_a_word_is_registered_once():
  with pytest.raises(errors.ConfigError, match="registered already.*identity"):
    operations.register("identity", operations.Operation())
  assert isinstance(operations.get("identity"), operations.Identity)
