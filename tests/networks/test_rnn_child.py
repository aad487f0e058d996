import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf import errors
from enas_tf.networks import rnn_child
from enas_tf.spaces import rnn, rnn_dag

SPACE = rnn.RnnSpace(3)
ARC = SPACE.parse("0 1 1 0 1 2")
RATES = dict(drop_e=0.1, drop_i=0.2, drop_x=0.5, drop_l=0.25, drop_o=0.3)


def build(arc=ARC, **changed):
  return rnn_child.build(arc, **(dict(vocab_size=11, hidden_size=6) | changed))


def inputs(batch=2, steps=5):
  rng = np.random.default_rng(0)
  return {
    "tokens": tf.constant(rng.integers(11, size=(batch, steps)), tf.int32),
    "state": tf.constant(rng.normal(size=(batch, 6)), tf.float32),
  }


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("batch", "steps"), [(1, 1), (2, 5), (3, 1)])
def test_any_batch_and_steps(batch, steps, training):
  outputs = build(**RATES)(inputs(batch, steps), training=training)
  shapes = {key: tuple(value.shape) for key, value in outputs.items()}
  assert shapes == {
    "logits": (batch, steps, 11),
    "outputs": (batch, steps, 6),
    "state": (batch, 6),
  }
  assert all(np.isfinite(x).all() for x in outputs.values())


@pytest.mark.parametrize(
  ("hidden_size", "number"), [(800, 20_800_000), (850, 22_950_000)]
)
def test_number_of_weights_at_the_sizes_of_enas_lm(hidden_size, number):
  """Its final networks count the words of Penn Treebank in."""
  arc = rnn.PUBLISHED["enas_lm"]
  child = build(arc, vocab_size=10_000, hidden_size=hidden_size)
  assert sum(np.prod(v.shape) for v in child.trainable_variables) == number


def test_a_text_can_be_cut_anywhere():
  child, given = build(), inputs()
  whole = child(given)
  first = child(given | {"tokens": given["tokens"][:, :2]})
  second = child({"tokens": given["tokens"][:, 2:], "state": first["state"]})
  logits = tf.concat([first["logits"], second["logits"]], 1)
  np.testing.assert_allclose(logits, whole["logits"], 1e-5, 1e-7)


def test_saved_and_loaded(tmp_path):
  child = build(output="loose", seed=4, **RATES)
  child(inputs(), training=True)
  child.save(tmp_path / "child.keras")
  loaded = keras.models.load_model(tmp_path / "child.keras")
  assert [v.path for v in loaded.variables] == [v.path for v in child.variables]
  layer = loaded.get_layer("language")
  assert layer.nodes == [tuple(node) for node in ARC.nodes]
  for training in (False, True):
    found = loaded(inputs(), training=training)
    for key, value in child(inputs(), training=training).items():
      np.testing.assert_array_equal(found[key], value, key)


def test_predicts_in_a_graph():
  child = build()
  expected = child(inputs())["logits"]
  given = {key: value.numpy() for key, value in inputs().items()}
  found = child.predict(given, verbose=0)["logits"]
  np.testing.assert_allclose(found, expected, 1e-5, 1e-7)


def test_the_order_of_the_functions_is_free():
  """An arc of another space with the same words is the same child."""
  other = rnn.RnnSpace(3, rnn.PAPER_FUNCTIONS).from_json(ARC.to_json())
  np.testing.assert_array_equal(
    build()(inputs())["logits"], build(other)(inputs())["logits"]
  )


def test_node_0_is_tanh():
  space = rnn.RnnSpace(1, first_function=True)
  assert build(space.parse("0 0 1"))(inputs())["state"].shape == (2, 6)
  with pytest.raises(errors.ConfigError, match="node_0/function=relu$"):
    build(space.parse("1 0 1"))


@pytest.mark.parametrize("output", ["loose", "all"])
def test_arcs_of_one_canonical_row_compute_the_same(output):
  """With the weights of each node where the node went."""
  space = rnn.RnnSpace(6)
  arc = space.parse("0 3 0 1 1 2 2 0 2 1 0 1")
  other = space.decode(space.canonical(space.encode(arc)))
  assert other != arc
  settings = dict(output=output, hidden_size=6)
  model, same = build(arc, **settings), build(other, **settings, seed=1)
  ours, theirs = model.get_layer("language"), same.get_layer("language")
  order = rnn_dag.order(space.encode(arc).reshape([-1, 2]).tolist())
  theirs.embedding.assign(ours.embedding)
  theirs.w_prev.assign(ours.w_prev)
  for node, kernel in zip(order[1:], theirs.node_kernels, strict=True):
    kernel.assign(30 * ours.node_kernels[node - 1])
    ours.node_kernels[node - 1].assign(kernel)
  found, expected = same(inputs()), model(inputs())
  for name, value in expected.items():
    np.testing.assert_allclose(found[name], value, 1e-5, 1e-6)
  # Of weights that are where they were, the cell is another one.
  ours.node_kernels[0].assign(2 * ours.node_kernels[0])
  difference = np.abs(model(inputs())["state"] - expected["state"]).max()
  assert difference > 1e-3
