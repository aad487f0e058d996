import numpy as np
import pytest
import tensorflow as tf

from enas_tf.layers import mixed, operations
from tests.layers import cells


def rows_of(word, seed=0):
  """Returns rows for an operation, all numbers different."""
  rng = np.random.default_rng(seed)
  num_rows = operations.get(word).num_rows(cells.FILTERS)
  return tf.constant(rng.normal(size=(num_rows, cells.FILTERS)), tf.float32)


def results(compute, x, rows):
  """Returns (y, gradient of x, gradient of the rows)."""
  with tf.GradientTape() as tape:
    tape.watch([x, rows])
    y = compute(x, rows)
    loss = tf.reduce_sum(y * cells.images(seed=9))
  return y, *tape.gradient(loss, [x, rows], unconnected_gradients="zero")


@pytest.mark.parametrize("op", range(len(cells.WORDS)))
def test_runs_the_operation_of_the_number(op):
  word = cells.WORDS[op]
  x, rows = cells.images(), rows_of(word)
  found = results(
    lambda x, rows: cells.mixed(x, tf.constant(op), rows, cells.WORDS), x, rows
  )
  expected = results(
    lambda x, rows: operations.get(word).run(x, rows)[0], x, rows
  )
  for one, other in zip(found, expected, strict=True):
    np.testing.assert_allclose(one, other, 1e-4, 1e-5)


def test_out_of_range_runs_the_last():
  rows = tf.random.stateless_normal([4, cells.FILTERS], (0, 0))
  last = cells.mixed(cells.images(), tf.constant(3), rows, cells.WORDS)
  for op in (-1, 4):
    found = cells.mixed(cells.images(), tf.constant(op), rows, cells.WORDS)
    np.testing.assert_array_equal(found, last)


def test_takes_any_batch():
  x = cells.images(batch=5)
  rows = tf.zeros([0, cells.FILTERS])
  for batch in (1, 2, 5):
    found = cells.mixed(x[:batch], tf.constant(1), rows, cells.WORDS)
    np.testing.assert_array_equal(found, x[:batch])


def test_places_of_one_shape_share_their_functions():
  functions = mixed.Functions(cells.WORDS)
  found = functions.of(tf.TensorShape([4, 4, 2]))
  assert functions.of(cells.images().shape[1:]) is found
  assert functions.of(tf.TensorShape([8, 8, 2])) is not found


def test_one_graph_serves_all_operations():
  """Which operation runs is decided when the graph runs."""
  x, rows = cells.images(), rows_of("conv_1x1")

  @tf.function(autograph=False)
  def traced(op):
    return cells.mixed(x, op, rows, cells.WORDS)

  for op in (1, 2, 3):
    expected, _ = operations.get(cells.WORDS[op]).run(x, rows)
    np.testing.assert_allclose(traced(tf.constant(op)), expected, 1e-4, 1e-5)
  assert traced.experimental_get_tracing_count() == 1
