import functools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf.layers import operations, shared_stack
from enas_tf.spaces import macro

FILTERS = 2
OPS = ("conv_3x3", "sep_conv_3x3", "avg_pool_3x3", "max_pool_3x3")
WORDS = tuple(f"macro/{op}" for op in OPS)
# Rows of 2 numbers: 1x1 kernel and scales 2 + 2, then 9 (conv 18) + 2 (+ 2).
SIZES = (24, 17, 4, 4)
# (num_layers, pool_layers): the networks', and others that a stack can have.
STACKS = [(1, ()), (2, ()), (2, (0,)), (3, (0, 1)), (3, ()), (6, (1, 3))]
ARCS = {
  1: ["0", "3"],
  2: ["0  1 0", "2  3 1"],
  3: ["1  0 0  3 0 0", "2  1 1  0 1 1", "3  2 1  1 0 1", "0  0 0  2 1 0"],
  6: [
    "1  0 0  3 0 0  2 0 0 0  1 0 0 0 0  0 0 0 0 0 0",
    "0  2 1  1 1 1  3 1 1 1  0 1 1 1 1  1 1 1 1 1 1",
    # Behind pool 3 layer 4 reads tensor 0, and layer 5 tensors 3 and 4.
    "3  1 0  0 0 1  2 0 1 0  1 1 0 0 0  0 0 0 0 1 1",
  ],
}


@functools.cache
def build(num_layers=3, pool_layers=(0, 1), image_shape=(8, 8)):
  """Returns a stack whose weights are all different, its ReLUs alive."""
  stack = shared_stack.SharedStack(
    num_layers, WORDS, FILTERS, pool_layers, seed=0, name="stack"
  )
  stack.build((None, *image_shape, FILTERS))
  rng = np.random.default_rng(0)
  for variable in stack.trainable_variables:
    variable.assign(variable + rng.normal(scale=0.2, size=variable.shape))
  return stack


def images(shape=(8, 8), seed=0):
  rng = np.random.default_rng(seed)
  return tf.constant(rng.normal(size=(3, *shape, FILTERS)), tf.float32)


def row_of(text):
  return tf.constant([int(value) for value in text.split()])


def random_rows(num_layers, number, seed=0):
  space, rng = macro.MacroSpace(num_layers, OPS), np.random.default_rng(seed)
  return [tf.constant(space.encode(space.random(rng))) for _ in range(number)]


def normalized(x, batch_norm):
  mean, variance = tf.nn.moments(x, [0, 1, 2])
  scale = batch_norm.gamma.value / tf.sqrt(variance + 1e-5)
  return (x - mean) * scale + batch_norm.beta.value


def halved(x, reduction):
  """A factorized reduction as the original writes it: pad, shift, slice."""
  shifted = tf.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]])[:, 1:, 1:]
  paths = [
    x[:, ::2, ::2] @ reduction.reduce.path1.value[0, 0],
    shifted[:, ::2, ::2] @ reduction.reduce.path2.value[0, 0],
  ]
  return normalized(tf.concat(paths, -1), reduction.bn)


def by_hand(stack, arc, x):
  """Computes a stack in the plain way, one layer after the other."""
  tensors = [x]
  layers = macro.MacroSpace(stack.num_layers, OPS).decode(arc.numpy()).layers
  for number, layer in enumerate(layers):
    op = OPS.index(layer.op)
    start = number * sum(SIZES) + sum(SIZES[:op])
    rows = stack.bank.rows.value[start : start + SIZES[op]]
    y, _ = operations.get(WORDS[op]).run(tensors[-1], rows)
    if number:
      y += sum(tensors[i] for i, bit in enumerate(layer.skips) if bit)
      y = normalized(y, getattr(stack, f"layer_{number}_skip_bn"))
    tensors.append(y)
    if number in stack.pool_layers:
      tensors = [
        halved(each, getattr(stack, f"layer_{number}_pool_{i}"))
        for i, each in enumerate(tensors)
      ]
  return tensors[-1]


def gradients(compute, x, variables):
  """Returns the output and the gradients, None where there is none."""
  with tf.GradientTape() as tape:
    tape.watch(x)
    y = compute(x)
    # A loss whose gradient differs at every place.
    loss = tf.reduce_sum(y * images(y.shape[1:3], seed=9))
  return y, tape.gradient(loss, [x, *variables])


def test_blocks_are_numbered_by_layer_and_op():
  stack = build()
  blocks = [
    stack.block(layer, op) for layer in range(3) for op in range(len(WORDS))
  ]
  assert blocks == list(range(3 * 4))
  assert np.diff(stack.bank.starts).tolist() == list(SIZES) * 3


@pytest.mark.parametrize(
  ("text", "blocks"),
  [
    ("1  0 0  2 1 0", [1, 4, 10]),
    ("3  2 1  1 0 1", [3, 6, 9]),
    # A skip bit is no operation.
    ("0  0 1  0 1 1", [0, 4, 8]),
  ],
)
def test_chosen_by_hand(text, blocks):
  (found,) = build().chosen(row_of(text))
  assert found.numpy().tolist() == blocks
  assert found.dtype == tf.int32


@pytest.mark.parametrize(("num_layers", "pool_layers"), STACKS)
def test_stack_by_hand(num_layers, pool_layers):
  stack, x = build(num_layers, pool_layers), images()
  arcs = [row_of(text) for text in ARCS[num_layers]]
  for arc in arcs + random_rows(num_layers, 4):
    np.testing.assert_allclose(
      stack(x, arc=arc), by_hand(stack, arc, x), 1e-3, 1e-3
    )


@pytest.mark.parametrize("image_shape", [(7, 5), (9, 10), (6, 13)])
def test_odd_sizes_by_hand(image_shape):
  stack, x = build(image_shape=image_shape), images(image_shape)
  for text in ARCS[3]:
    arc = row_of(text)
    y = stack(x, arc=arc)
    quarter = [math.ceil(size / 4) for size in image_shape]
    assert y.shape == (3, *quarter, FILTERS)
    np.testing.assert_allclose(y, by_hand(stack, arc, x), 1e-3, 1e-3)


@pytest.mark.parametrize(
  ("num_layers", "pool_layers", "image_shape"),
  [*((*each, (8, 8)) for each in STACKS), (3, (0, 1), (7, 9))],
)
def test_gradients_are_those_of_the_plain_computation(
  num_layers, pool_layers, image_shape
):
  """Of input, bank, norms and reductions; zero where an arc does not read."""
  stack = build(num_layers, pool_layers, image_shape)
  x = images(image_shape)
  variables = stack.trainable_variables
  values = [variable.value for variable in variables]
  names = ["x", *(variable.path for variable in variables)]
  # The bank; scale and offset of each norm; four weights of each reduction.
  num_reductions = sum(layer + 2 for layer in pool_layers)
  assert len(variables) == 1 + 2 * (num_layers - 1) + 4 * num_reductions
  for text in ARCS[num_layers]:
    arc = row_of(text)
    y, found = gradients(lambda x, arc=arc: stack(x, arc=arc), x, values)
    other, expected = gradients(
      functools.partial(by_hand, stack, arc), x, values
    )
    np.testing.assert_allclose(y, other, 1e-3, 1e-3)
    for name, one, wanted in zip(names, found, expected, strict=True):
      one = tf.convert_to_tensor(one).numpy()
      if wanted is None:
        assert not one.any(), name
      else:
        # A later norm may take an offset away again.
        assert np.any(wanted) or name.endswith("beta"), name
        np.testing.assert_allclose(one, wanted, 2e-3, 2e-3, err_msg=name)


# The reductions that arcs of six layers read: of tensors that a layer behind
# the pool reads, by its operation or a skip connection.
READ = [
  (ARCS[6][0], {(1, 2), (3, 4)}),
  (ARCS[6][1], {(1, i) for i in range(3)} | {(3, i) for i in range(5)}),
  (ARCS[6][2], {(1, 0), (1, 1), (1, 2), (3, 0), (3, 3), (3, 4)}),
]


@pytest.mark.parametrize(("text", "read"), READ)
def test_what_no_layer_reads_has_no_part(text, read):
  """NaN in its weights spreads neither forward nor backward."""
  stack, x, arc = build.__wrapped__(6, (1, 3)), images(), row_of(text)
  values = [variable.value for variable in stack.trainable_variables]
  compute = lambda x: stack(x, arc=arc)
  expected, before = gradients(compute, x, values)
  reductions = {
    (layer, i): getattr(stack, f"layer_{layer}_pool_{i}")
    for layer in (1, 3)
    for i in range(layer + 2)
  }
  for key, reduction in reductions.items():
    if key not in read:
      for variable in reduction.trainable_variables:
        variable.assign(variable * np.nan)
  (blocks,) = stack.chosen(arc)
  is_chosen = np.isin(stack.bank.block_of_row, blocks)[:, None]
  stack.bank.rows.assign(np.where(is_chosen, stack.bank.rows, np.nan))
  found, after = gradients(compute, x, values)
  np.testing.assert_array_equal(found, expected)
  for one, other in zip(after, before, strict=True):
    np.testing.assert_array_equal(*map(tf.convert_to_tensor, (one, other)))
  # And all others have a part.
  by_path = dict(
    zip((v.path for v in stack.trainable_variables), after[1:], strict=True)
  )
  for key, reduction in reductions.items():
    gradient = by_path[reduction.reduce.path2.path]
    assert np.any(gradient) == (key in read), key


@pytest.mark.parametrize(("num_layers", "pool_layers"), [(3, (0, 1)), (2, ())])
def test_stack_is_the_same_in_one_graph(num_layers, pool_layers):
  stack, x = build(num_layers, pool_layers), images()
  values = [variable.value for variable in stack.trainable_variables]

  def compute(arc):
    y, found = gradients(lambda x: stack(x, arc=arc), x, values)
    return y, [tf.convert_to_tensor(each) for each in found]

  traced = tf.function(compute, autograph=False)
  for arc in random_rows(num_layers, 4, seed=1):
    (y, found), (other, expected) = traced(arc), compute(arc)
    np.testing.assert_allclose(y, other, 1e-4, 1e-5)
    for one, wanted in zip(found, expected, strict=True):
      np.testing.assert_allclose(one, wanted, 1e-3, 1e-4)
  assert traced.experimental_get_tracing_count() == 1


def test_gradients_touch_the_chosen_rows_alone():
  stack, x = build(), images()
  for text in ARCS[3]:
    arc = row_of(text)
    _, (_, gradient) = gradients(
      lambda x, arc=arc: stack(x, arc=arc), x, [stack.bank.rows.value]
    )
    assert isinstance(gradient, tf.IndexedSlices)
    touched = gradient.indices.numpy()
    # Without repetitions, as the optimizer needs them.
    assert len(set(touched)) == len(touched)
    (blocks,) = stack.chosen(arc)
    assert set(touched) == set(stack.bank.rows_of(blocks).numpy())
    for block in blocks.numpy():
      places = stack.bank.block_of_row[touched] == block
      assert np.abs(gradient.values.numpy()[places]).max() > 0


def test_shapes_are_known_before_it_runs():
  stack = shared_stack.SharedStack(3, WORDS, FILTERS, (0, 1), seed=0)
  arc = keras.Input(batch_shape=(6,), dtype="int32")
  y = stack(keras.Input((7, 5, FILTERS)), arc=arc)
  assert y.shape == (None, 2, 2, FILTERS)


def test_initial_weights_are_seeded_and_differ():
  def new(seed):
    stack = shared_stack.SharedStack(3, WORDS, FILTERS, (), seed)
    stack.build((None, 8, 8, FILTERS))
    return stack.bank

  np.testing.assert_array_equal(new(3).rows, new(3).rows)
  assert np.any(new(3).rows.numpy() != new(4).rows.numpy())
  bank = new(0)
  kernels = [
    bank.rows.numpy()[start : start + FILTERS].tobytes()
    for start in bank.starts[:-1]
  ]
  assert len(set(kernels)) == 3 * 4  # No two 1x1 kernels begin alike.
