"""The language models compute what those of enas_lm do, on their weights."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from enas_tf import errors
from enas_tf.compat import enas_lm
from enas_tf.layers import dropouts
from enas_tf.networks import rnn_child, rnn_supernet
from enas_tf.spaces import rnn
from enas_tf.training import language
from tests import golden

SEARCH = "rnn_enas_lm_search"
NAMES = (SEARCH, "rnn_enas_lm_fixed_all", "rnn_enas_lm_fixed_loose")
CASES = [(name, i) for name in NAMES for i in range(4 if name == SEARCH else 3)]
STEPPED = [(name, 2) for name in NAMES]


def assert_close(value, expected, what=""):
  np.testing.assert_allclose(value, expected, 1e-4, 1e-6, err_msg=what)


@functools.cache
def build(name, i):
  """Returns (network, the arguments that it takes beside tokens and state)."""
  arrays, meta = golden.load(name)
  row, space = arrays[f"{i}/arc"], rnn.RnnSpace(meta["num_nodes"])
  sizes = dict(vocab_size=meta["vocab"], hidden_size=meta["hidden"])
  if name == SEARCH:
    net, arguments = rnn_supernet.RnnSupernet(space, **sizes), {"arc": row}
  else:
    output = name.rpartition("_")[-1]
    net, arguments = (
      rnn_child.build(space.decode(row), output=output, **sizes),
      {},
    )
  enas_lm.assign(net, golden.under(arrays, "var/"))
  arguments = {key: tf.constant(x, tf.int32) for key, x in arguments.items()}
  return net, arguments


@functools.cache
def train(name, i):
  """Returns (outputs, loss, loss with its additions, gradients by name)."""
  arrays, meta = golden.load(name)
  net, arguments = build(name, i)
  layer, variables = net.get_layer("language"), net.trainable_variables
  masks = dropouts.Masks(*(tf.constant(arrays[f"mask/{m}"]) for m in "eixlo"))
  tokens, labels, state = (
    tf.constant(arrays[f"in/{key}"]) for key in ("x", "y", "prev_s")
  )

  @tf.function
  def step():
    with tf.GradientTape() as tape:
      outputs = layer.run(tokens, state, masks, **arguments)
      loss = language.loss(labels, outputs["logits"])
      total = loss + added(layer, outputs["outputs"], meta["hp"], arguments)
    gradients = tape.gradient(total, [v.value for v in variables])
    return outputs, loss, total, [tf.convert_to_tensor(g) for g in gradients]

  *results, gradients = step()
  by_path = {v.path: g for v, g in zip(variables, gradients, strict=True)}
  gradients = {
    key: reference.read(by_path[reference.variable.path])
    for key, reference in enas_lm.references(net).items()
  }
  return *results, gradients


def added(layer, outputs, settings, arguments):
  """Returns what enas_lm adds to the loss."""
  if arguments:
    # Its search leaves out the embedding and the first node, and takes half the
    # sum of fourth powers for one of squares.
    weights = [layer.w_prev.value, *layer.kernels(**arguments)[1:]]
    penalty = tf.add_n([tf.nn.l2_loss(each**2) for each in weights])
  else:
    weights = [v.value for v in layer.trainable_variables]
    penalty = tf.add_n([2 * tf.nn.l2_loss(each) for each in weights])
  return settings["weight_decay"] * penalty + language.activity(
    outputs, alpha=settings["alpha"], beta=settings.get("beta", 0.0)
  )


@pytest.mark.parametrize(("name", "i"), CASES)
def test_evaluates_as_enas_lm(name, i):
  arrays, _ = golden.load(name)
  net, arguments = build(name, i)
  outputs = net(
    {
      "tokens": tf.constant(arrays["in/x"]),
      "state": tf.constant(arrays["in/prev_s"]),
    }
    | arguments
  )
  expected = golden.under(arrays, f"{i}/eval/")
  assert_close(outputs["outputs"], expected["all_s"])
  assert_close(outputs["state"], expected["next_s"])
  assert_close(
    language.loss(arrays["in/y"], outputs["logits"]), expected["loss"]
  )
  if i == 0:
    assert_close(outputs["logits"], expected["logits"])


@pytest.mark.parametrize(("name", "i"), CASES)
def test_trains_as_enas_lm(name, i):
  arrays, _ = golden.load(name)
  outputs, loss, total, _ = train(name, i)
  expected = golden.under(arrays, f"{i}/train/")
  assert_close(outputs["outputs"], expected["all_s"])
  assert_close(outputs["state"], expected["next_s"])
  assert_close(loss, expected["loss"])
  assert_close(total, expected["reg_loss"])
  # Apart from the loss, which is much larger.
  added, expected = total - loss, expected["reg_loss"] - expected["loss"]
  np.testing.assert_allclose(added, expected, atol=2e-6)


@pytest.mark.parametrize(("name", "i"), CASES)
def test_gradients_are_those_of_enas_lm(name, i):
  arrays, _ = golden.load(name)
  *_, gradients = train(name, i)
  expected = golden.under(arrays, f"{i}/")
  names = [without_scope(str(each)) for each in expected["grad_names"]]
  assert sorted(names) == sorted(gradients)
  norms = [np.linalg.norm(gradients[each]) for each in names]
  assert_close(norms, expected["grad_norms"])
  assert_close(np.linalg.norm(norms), expected["train/grad_norm"])
  held = golden.under(expected, "grad/")
  assert bool(held) == (i in (0, 2))
  for key, value in held.items():
    assert_close(gradients[without_scope(key)], value, key)


@pytest.mark.parametrize(("name", "i"), STEPPED)
def test_a_step_is_that_of_enas_lm(name, i):
  arrays, meta = golden.load(name)
  net, _ = build(name, i)
  *_, gradients = train(name, i)
  gradients, _ = tf.clip_by_global_norm(
    list(gradients.values()), meta["hp"]["grad_bound"]
  )
  after = {
    key: reference.read() - arrays[f"{i}/sgd_lr"] * gradient.numpy()
    for (key, reference), gradient in zip(
      enas_lm.references(net).items(), gradients, strict=True
    )
  }
  held = golden.under(arrays, f"{i}/sgd_after/")
  assert len(held) > 5
  for key, value in held.items():
    assert_close(after[without_scope(key)], value, key)


def without_scope(name):
  return name.split("/", 1)[1].removesuffix(":0")


def supernet(words=rnn.ENAS_LM_FUNCTIONS):
  space = rnn.RnnSpace(2, words)
  return rnn_supernet.RnnSupernet(space, vocab_size=3, hidden_size=2)


def variables_of(net):
  """Returns random variables by enas_lm's names, with what is no weight."""
  rng = np.random.default_rng(0)
  return {
    f"child/{name}:0": rng.normal(size=reference.shape).astype(np.float32)
    for name, reference in enas_lm.references(net).items()
  } | {"child/init_states/batch/s:0": np.zeros((1, 2)), "global_step": 3}


def test_references_cover_every_number_once():
  net = supernet()
  blocks = [
    reference.blocks.ravel()
    for reference in enas_lm.references(net).values()
    if reference.variable is net.bank
  ]
  assert np.concatenate(blocks).tolist() == list(range(12))
  assert len(enas_lm.references(net)) == 4


def test_functions_are_matched_by_their_words():
  one, other = supernet(), supernet(rnn.PAPER_FUNCTIONS)
  variables = variables_of(one)
  for net in (one, other):
    enas_lm.assign(net, variables)
  arc = rnn.RnnSpace(2).parse("0 2 1 3")
  found = []
  for net in (one, other):
    row = net.space.encode(arc)
    kernels = net.language.kernels(tf.constant(row, tf.int32))
    found.append([kernel.numpy().tolist() for kernel in kernels])
  assert found[0] == found[1]
  weights = variables["child/rnn_cell/layer_2/w:0"]
  assert found[0][1] == weights[3, 1].tolist()


def test_assign_wants_the_same_network():
  net = supernet()
  variables = variables_of(net)
  variables.pop("child/embedding/w:0")
  variables["child/rnn_cell/layer_1/w:0"] = np.zeros((4, 1, 2, 2))
  before = [v.numpy() for v in net.variables]
  with pytest.raises(errors.CheckpointError) as error:
    enas_lm.assign(net, variables)
  assert "missing=['embedding/w'] (1)" in str(error.value)
  assert "layer_1/w (4, 1, 2, 2) instead of (4, 1, 2, 4)" in str(error.value)
  for variable, value in zip(net.variables, before, strict=True):
    np.testing.assert_array_equal(variable, value)


def test_other_functions_are_not_of_enas_lm():
  net = supernet(("tanh", "relu"))
  with pytest.raises(errors.CheckpointError, match="functions=tanh,relu"):
    enas_lm.assign(net, {})
