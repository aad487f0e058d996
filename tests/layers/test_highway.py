import functools

import numpy as np
import pytest
import tensorflow as tf

from enas_tf.layers import highway

WORDS = ("tanh", "relu", "sigmoid", "identity")
UNITS = 3
# (previous, function) of nodes 1, 2, ...: a chain, a star, node 2 read twice.
ARCS = [
  ([0, 1, 2, 3], [0, 1, 2, 3]),
  ([0, 0, 0, 0], [3, 2, 1, 0]),
  ([0, 0, 2, 2], [1, 1, 0, 2]),
]
MEANS = [[0, 0.25, 0.25, 0.25, 0.25], [0.2, 0.1, 0.4, 0, 0.3]]


def arguments(steps=4, batch=2, seed=0):
  """Returns (inputs, state, state kernel, kernels, mask)."""
  rng = np.random.default_rng(seed)
  draw = lambda *shape: tf.constant(rng.normal(size=shape), tf.float32)
  return (
    draw(steps, batch, 2 * UNITS),
    draw(batch, UNITS),
    draw(UNITS, 2 * UNITS),
    [draw(UNITS, 2 * UNITS) for _ in range(4)],
    tf.constant(rng.choice([0.0, 1.5], size=(batch, UNITS)), tf.float32),
  )


def plain(
  inputs, state, state_kernel, kernels, mask, factors=None, *, arc, mean
):
  """The same, as one would write it down, differentiated by TensorFlow."""
  factors = [1.0] * 8 if factors is None else tf.unstack(factors)
  functions = [tf.tanh, tf.nn.relu, tf.sigmoid, tf.identity]
  outputs = []
  for x in inputs:
    h, t = tf.split(x + (state * mask) @ state_kernel, 2, axis=1)
    gate = tf.sigmoid(t)
    states = [gate * tf.tanh(h) + (1 - gate) * state]
    nodes = zip(*arc, kernels, factors[::2], factors[1::2], strict=True)
    for previous, function, kernel, of_read, of_function in nodes:
      read = of_read * states[previous]
      h, t = tf.split((read * mask) @ kernel, 2, axis=1)
      gate = tf.sigmoid(t)
      y = of_function * functions[function](h)
      states.append(gate * y + (1 - gate) * read)
    state = tf.add_n([m * s for m, s in zip(mean, states, strict=True)])
    outputs.append(state)
  return tf.stack(outputs)


def with_gradients(call, args):
  """Returns [outputs, gradients of all arguments but the mask]."""
  *watched, _ = tf.nest.flatten(args)
  with tf.GradientTape() as tape:
    tape.watch(watched)
    outputs = call(*args)
    weights = tf.cos(tf.range(tf.size(outputs), dtype=tf.float32))
    loss = tf.reduce_sum(tf.reshape(outputs, [-1]) * weights)
  return [outputs, *tape.gradient(loss, watched)]


def expected(args, arc, mean):
  return with_gradients(functools.partial(plain, arc=arc, mean=mean), args)


def static(args, arc, mean):
  arc = highway.Cell(*arc, WORDS, mean)
  return with_gradients(lambda *args: highway.run(*args, arc), args)


@functools.cache
def dynamic():
  """Returns `static` for arcs that are tensors, any batch and steps."""
  vector = tf.TensorSpec([4], tf.int32)
  kernel = tf.TensorSpec([UNITS, 2 * UNITS])
  specs = (
    tf.TensorSpec([None, None, 2 * UNITS]),
    tf.TensorSpec([None, UNITS]),
    kernel,
    [kernel] * 4,
    tf.TensorSpec([None, UNITS]),
  )

  @tf.function(input_signature=(specs, vector, vector, tf.TensorSpec([5])))
  def call(args, previous, functions, mean):
    return static(args, (tf.unstack(previous), tf.unstack(functions)), mean)

  return call


def assert_same(found, wanted):
  for one, other in zip(found, wanted, strict=True):
    np.testing.assert_allclose(one, other, 1e-4, 1e-5)


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize("arc", ARCS)
def test_is_what_one_writes_down(arc, mean, batch, steps):
  args = arguments(steps, batch)
  wanted = expected(args, arc, mean)
  assert_same(static(args, arc, mean), wanted)
  assert_same(dynamic()(args, *map(tf.constant, arc), mean), wanted)


@pytest.mark.parametrize("is_graph", [True, False])
@pytest.mark.parametrize("arc", ARCS)
def test_factors_are_what_one_writes_down(arc, is_graph):
  rng = np.random.default_rng(3)
  *args, mask = arguments()
  factors = tf.constant(rng.uniform(0.5, 1.5, 8), tf.float32)

  def written(*args):
    *args, factors, mask = args
    return plain(*args, mask, factors, arc=arc, mean=MEANS[1])

  def run(*args):
    *args, factors, mask = args
    cell = highway.Cell(*arc, WORDS, MEANS[1], factors)
    return highway.run(*args, mask, cell)

  args = (*args, factors, mask)
  call = tf.function(with_gradients) if is_graph else with_gradients
  assert_same(call(run, args), with_gradients(written, args))


@pytest.mark.parametrize("arc", ARCS)
def test_is_the_same_in_a_graph(arc):
  args = arguments()
  call = tf.function(lambda args: static(args, arc, MEANS[1]))
  assert_same(call(args), static(args, arc, MEANS[1]))


def test_one_trace_for_all():
  call = dynamic()
  for steps, batch in [(1, 3), (2, 1), (7, 2)]:
    for seed in range(3):
      rng = np.random.default_rng(seed)
      arc = [rng.integers(1 + np.arange(4)), rng.integers(4, size=4)]
      arc = [each.astype(np.int32) for each in arc]
      args = arguments(steps, batch, seed)
      found = call(args, *map(tf.constant, arc), MEANS[0])
      assert_same(found, expected(args, arc, MEANS[0]))
  assert call.experimental_get_tracing_count() == 1


def test_a_longer_run_continues_a_shorter_one():
  inputs, state, *rest = arguments(steps=5)
  arc = highway.Cell(*ARCS[2], WORDS, MEANS[0])
  whole = highway.run(inputs, state, *rest, arc)
  first = highway.run(inputs[:2], state, *rest, arc)
  second = highway.run(inputs[2:], first[-1], *rest, arc)
  np.testing.assert_array_equal(whole, tf.concat([first, second], 0))


# All but what node 1 reads: it can read node 0 alone.
@pytest.mark.parametrize(
  ("part", "node"), [(0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3)]
)
def test_every_decision_counts(part, node):
  args = arguments()
  arc = [list(each) for each in ARCS[2]]
  arc[part][node] = (arc[part][node] + 1) % (node + 1 if part == 0 else 4)
  changed = highway.run(*args, highway.Cell(*arc, WORDS, MEANS[0]))
  found = highway.run(*args, highway.Cell(*ARCS[2], WORDS, MEANS[0]))
  assert np.abs(found - changed).max() > 1e-3


@pytest.mark.parametrize("word", highway.FUNCTIONS)
def test_derivatives(word):
  function, derivative = highway.FUNCTIONS[word]
  h = tf.constant([-2.0, -0.3, 0.4, 1.7])
  with tf.GradientTape() as tape:
    tape.watch(h)
    y = function(h)
  np.testing.assert_allclose(derivative(h, y), tape.gradient(y, h), 1e-5)
