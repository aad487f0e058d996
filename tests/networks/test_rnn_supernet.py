import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf import errors
from enas_tf.networks import rnn_child, rnn_supernet
from enas_tf.spaces import rnn
from enas_tf.training import language

SPACE = rnn.RnnSpace(4)
SIZES = dict(vocab_size=11, hidden_size=6)
RATES = dict(drop_e=0.1, drop_i=0.2, drop_x=0.5, drop_l=0.25, drop_o=0.3)


def build(space=SPACE, seed=0, **changed):
  return rnn_supernet.RnnSupernet(space, seed=seed, **(SIZES | changed))


def inputs(arc=None, batch=2, steps=5):
  rng = np.random.default_rng(0)
  given = {
    "tokens": tf.constant(rng.integers(11, size=(batch, steps)), tf.int32),
    "state": tf.constant(rng.normal(size=(batch, 6)), tf.float32),
  }
  if arc is not None:
    given["arc"] = tf.constant(SPACE.encode(arc), tf.int32)
  return given


def random_arcs(number):
  rng = np.random.default_rng(0)
  return [SPACE.random(rng) for _ in range(number)]


def enlarge(net):
  for variable in net.trainable_variables:
    variable.assign(20 * variable)


def test_outputs():
  net = build(**RATES)
  for training in (False, True):
    outputs = net(inputs(random_arcs(1)[0]), training=training)
    shapes = {key: tuple(value.shape) for key, value in outputs.items()}
    assert shapes == {
      "logits": (2, 5, 11),
      "outputs": (2, 5, 6),
      "state": (2, 6),
    }
    np.testing.assert_array_equal(outputs["outputs"][:, -1], outputs["state"])
  assert int(net.language.step) == 1


def test_what_is_stored():
  net = build()
  assert net.space is SPACE
  assert net.bank is net.language.bank
  assert net.bank.shape == (40, 6, 12)
  paths = [variable.path for variable in net.variables]
  assert paths == [
    f"language/{x}" for x in ("embedding", "w_prev", "bank", "step")
  ]


def test_number_of_weights_at_the_size_of_enas_lm():
  """Its search counts the words of Penn Treebank in."""
  space = rnn.RnnSpace(9)
  net = build(space, vocab_size=10_000, hidden_size=200)
  assert sum(np.prod(v.shape) for v in net.trainable_variables) == 16_560_000
  child = rnn_child.build(
    space.random(np.random.default_rng(0)), vocab_size=10_000, hidden_size=200
  )
  assert child.count_params() - 1 == 2_880_000  # Without the step.


@pytest.mark.parametrize("output", ["all", "loose"])
def test_computes_what_the_child_does(output):
  """On the weights that the arc selects, in evaluation and in training."""
  net = build(output=output, **RATES)
  enlarge(net)
  for arc in random_arcs(3):
    child = rnn_child.build(arc, output=output, **SIZES, **RATES)
    given = inputs(arc)
    layer = child.get_layer("language")
    layer.embedding.assign(net.language.embedding)
    layer.w_prev.assign(net.language.w_prev)
    kernels = net.language.kernels(given["arc"])
    for variable, kernel in zip(layer.node_kernels, kernels, strict=True):
      variable.assign(kernel)
    layer.step.assign(net.language.step)
    for training in (False, True):
      found = child(inputs(), training=training)
      for key, value in net(given, training=training).items():
        np.testing.assert_allclose(found[key], value, 1e-5, 1e-6)


def changed_arcs(row):
  """Yields rows that differ from this one in one decision."""
  for i, decision in enumerate(SPACE.decisions):
    if decision.num_options > 1:
      changed = row.copy()
      changed[i] = (row[i] + 1) % decision.num_options
      yield SPACE.decode(changed)


def test_every_decision_counts():
  net = build()
  enlarge(net)
  arc = random_arcs(1)[0]
  logits = net(inputs(arc))["logits"]
  changed = list(changed_arcs(SPACE.encode(arc)))
  assert len(changed) == 7
  for other in changed:
    assert np.abs(net(inputs(other))["logits"] - logits).max() > 1e-4


def test_learns_what_follows_what():
  """A step of every arc is one trace, and the shared weights get better."""
  net = build()
  optimizer = keras.optimizers.Adam(0.03)
  optimizer.build(net.trainable_variables)
  tokens = tf.constant(np.arange(22).reshape(2, 11) % 11, tf.int32)
  labels = (tokens + 1) % 11

  @tf.function
  def step(arc):
    given = {"tokens": tokens, "state": tf.zeros((2, 6)), "arc": arc}
    with tf.GradientTape() as tape:
      loss = language.loss(labels, net(given, training=True)["logits"])
    variables = net.trainable_variables
    gradients = tape.gradient(loss, [v.value for v in variables])
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return loss

  rows = [tf.constant(SPACE.encode(arc)) for arc in random_arcs(150)]
  losses = [float(step(row)) for row in rows]
  assert step.experimental_get_tracing_count() == 1
  assert losses[0] == pytest.approx(np.log(11), abs=0.01)
  assert np.mean(losses[-10:]) < 1


def test_node_0_is_tanh():
  with pytest.raises(errors.ConfigError, match="first_function=True$"):
    build(rnn.RnnSpace(2, first_function=True))
