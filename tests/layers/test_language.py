import functools

import numpy as np
import pytest
import tensorflow as tf

from enas_tf import errors
from enas_tf.layers import dropouts, highway, language

WORDS = ("tanh", "relu", "sigmoid", "identity")
VOCAB, UNITS, NODES = 7, 4, 3
# Nodes 2 and 3 read node 1; as decisions, and as words.
ARC = [0, 1, 1, 0, 1, 2]
CELL = [(0, "relu"), (1, "tanh"), (1, "sigmoid")]
RATES = dropouts.Rates(0.3, 0.2, 0.5, 0.25, 0.4)
TOKENS = tf.constant([[0, 3, 3, 6, 1], [2, 2, 5, 4, 0]])
STATE = tf.constant(np.linspace(-1, 1, 2 * UNITS).reshape(2, UNITS), tf.float32)


def build(kind, output="all", rates=dropouts.NONE, seed=0):
  """Returns a layer with larger weights than it starts with."""
  arguments = {
    language.SharedLanguage: dict(num_nodes=NODES, words=WORDS),
    language.FixedLanguage: dict(nodes=CELL),
  }[kind]
  layer = kind(VOCAB, UNITS, output, rates, seed, **arguments)
  layer.build()
  for variable in layer.trainable_variables:
    variable.assign(20 * variable)
  return layer


shared = functools.partial(build, language.SharedLanguage)
fixed = functools.partial(build, language.FixedLanguage)


def row(decisions=ARC):
  return tf.constant(decisions, tf.int32)


def random_masks():
  return dropouts.draw(RATES, VOCAB, 2, UNITS, (1, 1))


def by_hand(layer, kernels, nodes, mean, masks):
  """Returns (logits, outputs) one step and one word after the other."""
  sigmoid = lambda x: 1 / (1 + np.exp(-x))
  functions = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": sigmoid,
  }
  masks = dropouts.Masks(*(mask.numpy() for mask in masks))
  embedding, w_prev = layer.embedding.numpy(), layer.w_prev.numpy()
  state, all_logits, all_outputs = STATE.numpy(), [], []
  for tokens in TOKENS.numpy().T:
    x = (embedding * masks.word)[tokens] * masks.embedded[:, 0] * masks.input
    h, t = np.split(np.hstack([x, state * masks.state]) @ w_prev, 2, 1)
    states = [state + sigmoid(t) * (np.tanh(h) - state)]
    for (previous, word), kernel in zip(nodes, kernels, strict=True):
      read = states[previous]
      h, t = np.split((read * masks.state) @ kernel, 2, 1)
      states.append(read + sigmoid(t) * (functions[word](h) - read))
    state = sum(m * s for m, s in zip(mean, states, strict=True))
    all_outputs.append(state)
    all_logits.append(state * masks.output[:, 0] @ embedding.T)
  return np.stack(all_logits, 1), np.stack(all_outputs, 1)


MEANS = {"all": [0, 1 / 3, 1 / 3, 1 / 3], "loose": [0, 0, 0.5, 0.5]}


@pytest.mark.parametrize("output", MEANS)
@pytest.mark.parametrize("kind", [shared, fixed])
def test_by_hand(kind, output):
  layer, masks = kind(output), random_masks()
  kernels = [kernel.numpy() for kernel in layer.kernels(row())]
  logits, outputs = by_hand(layer, kernels, CELL, MEANS[output], masks)
  found = layer.run(TOKENS, STATE, masks, row())
  np.testing.assert_allclose(found["logits"], logits, 1e-4, 1e-5)
  np.testing.assert_allclose(found["outputs"], outputs, 1e-4, 1e-5)
  np.testing.assert_allclose(found["state"], outputs[:, -1], 1e-4, 1e-5)


@pytest.mark.parametrize(
  ("previous", "counted"),
  [([0, 1, 2], [3]), ([0, 0, 0], [1, 2, 3]), ([0, 0, 1], [2, 3])],
)
def test_loose_ends(previous, counted):
  mean = np.zeros(4)
  mean[counted] = 1 / len(counted)
  found = highway.mean_of_nodes(previous, 3, "loose")
  np.testing.assert_allclose(found, mean, 1e-6)
  found = highway.mean_of_nodes(tf.constant(previous), 3, "all")
  np.testing.assert_allclose(found, MEANS["all"], 1e-6)


def test_blocks_are_numbered_without_gaps():
  layer = shared()
  keys = [
    (node, function, previous)
    for node in range(1, NODES + 1)
    for function in range(len(WORDS))
    for previous in range(node)
  ]
  assert [layer.block(*key) for key in keys] == list(range(layer.num_blocks))
  assert layer.num_blocks == 4 * (1 + 2 + 3)
  assert layer.bank.shape == (24, UNITS, 2 * UNITS)
  chosen = [(1, 1, 0), (2, 0, 1), (3, 2, 1)]
  assert layer.blocks(row()).numpy().tolist() == [
    layer.block(*key) for key in chosen
  ]
  for key, kernel in zip(chosen, layer.kernels(row()), strict=True):
    np.testing.assert_array_equal(kernel, layer.bank[layer.block(*key)])


def gradients(layer, arc):
  variables = [v.value for v in layer.trainable_variables]
  with tf.GradientTape() as tape:
    outputs = layer(TOKENS, STATE, arc=arc, training=True)
    loss = tf.reduce_sum(outputs["logits"] ** 2)
  return tape.gradient(loss, variables)


def test_the_gradient_of_the_bank_is_of_the_chosen_blocks():
  layer = shared(rates=RATES)
  *_, eager = gradients(layer, row())
  *_, traced = tf.function(gradients)(layer, row())
  for gradient in (eager, traced):
    assert isinstance(gradient, tf.IndexedSlices)
    assert gradient.values.shape == (NODES, UNITS, 2 * UNITS)
    np.testing.assert_array_equal(gradient.indices, layer.blocks(row()))
    assert np.abs(gradient.values).max(axis=(1, 2)).min() > 0


def test_a_step_leaves_other_blocks_alone():
  layer = shared()
  before = layer.bank.numpy()
  *_, gradient = gradients(layer, row())
  layer.bank.value.scatter_sub(gradient)
  changed = np.flatnonzero((layer.bank.numpy() != before).any((1, 2)))
  assert changed.tolist() == sorted(layer.blocks(row()).numpy().tolist())


def test_one_trace_for_all_arcs_and_steps():
  layer = shared("loose", RATES)
  call = tf.function(
    lambda tokens, arc: layer(tokens, STATE, arc=arc, training=True),
    input_signature=[
      tf.TensorSpec([None, None], tf.int32),
      tf.TensorSpec([2 * NODES], tf.int32),
    ],
  )
  for arc in (ARC, [0, 0, 0, 1, 0, 3]):
    for steps in (1, 3, 5):
      found = call(TOKENS[:, :steps], row(arc))
      assert found["logits"].shape == (2, steps, VOCAB)
  assert call.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("kind", [shared, fixed])
def test_dropout_is_of_the_step(kind):
  """A layer that is restored draws what it would have drawn."""
  layer, other = kind(rates=RATES), kind(rates=RATES)
  call = lambda layer, training=True: layer(
    TOKENS, STATE, arc=row(), training=training
  )["logits"].numpy()
  first, second = call(layer), call(layer)
  assert int(layer.step) == 2
  assert np.abs(first - second).max() > 0.01
  np.testing.assert_array_equal(call(other), first)
  other.step.assign(1)
  np.testing.assert_array_equal(call(other), second)
  np.testing.assert_array_equal(call(layer, False), call(other, False))
  assert int(layer.step) == 2


def test_dropout_of_what():
  """In a call all masks are those of `dropouts.draw`."""
  layer = fixed(rates=RATES, seed=5)
  found = layer(TOKENS, STATE, training=True)
  masks = dropouts.draw(RATES, VOCAB, 2, UNITS, (5, 0))
  expected = layer.run(TOKENS, STATE, masks)
  for key, value in expected.items():
    np.testing.assert_array_equal(found[key], value, key)


def test_the_seed_gives_the_initial_weights():
  values = [
    [v.numpy() / 20 for v in fixed(seed=seed).trainable_variables]
    for seed in (0, 0, 1)
  ]
  for one, same, other in zip(*values, strict=True):
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).min() > 0
  assert all(
    np.abs(value).max() <= language.INITIAL_RANGE for value in values[0]
  )
  _, _, *kernels = values[0]
  assert len({kernel.tobytes() for kernel in kernels}) == NODES


@pytest.mark.parametrize("kind", [shared, fixed])
def test_config(kind):
  layer = kind("loose", RATES, seed=3)
  copy = type(layer).from_config(layer.get_config())
  assert copy.get_config() == layer.get_config()
  copy.build()
  copy.set_weights(layer.get_weights())
  one, other = (x(TOKENS, STATE, arc=row()) for x in (layer, copy))
  np.testing.assert_array_equal(one["logits"], other["logits"])


def test_functions_that_no_cell_has():
  with pytest.raises(errors.ConfigError, match="functions=sin$"):
    language.FixedLanguage(VOCAB, UNITS, nodes=[(0, "sin")])


def test_functions_in_capitals():
  layer = language.FixedLanguage(VOCAB, UNITS, nodes=[(0, "ReLU")])
  assert layer.nodes == [(0, "relu")]
  assert layer.cell().words == ("relu",)


def test_unknown_output():
  with pytest.raises(errors.ConfigError, match="output=last$"):
    fixed("last")
