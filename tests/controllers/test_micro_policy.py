import itertools

import numpy as np
import pytest
import tensorflow as tf

from enas_tf.controllers import micro_policy
from enas_tf.spaces import micro
from tests import golden
from tests.controllers import making

GOLDENS = ("controller_micro", "controller_micro_notanh")


def policy_of(meta, arrays):
  """Returns a policy with the settings and the weights of a golden."""
  num_cells, _, lstm_size = meta["args"]
  settings = meta["kwargs"]
  policy = making.make(
    micro_policy.MicroPolicy,
    micro.MicroSpace(num_cells),
    lstm_size=lstm_size,
    tanh_constant=settings.get("tanh_constant"),
    op_tanh_reduce=settings.get("op_tanh_reduce", 1.0),
    temperature=settings.get("temperature"),
    faithful=True,
  )
  weights = golden.under(arrays, "var/controller/")
  assert set(weights) == set(policy.named_variables)
  for name, variable in policy.named_variables.items():
    variable.assign(weights[name])
  return policy


def arc_of(arrays, i):
  arc = [arrays[f"{i}/normal_arc"], arrays[f"{i}/reduce_arc"]]
  return np.concatenate(arc)[None].astype(np.int32)


@pytest.fixture(scope="module", params=GOLDENS)
def original(request):
  """(arrays, settings, our policy with the original's weights)."""
  arrays, meta = golden.load(request.param)
  return arrays, meta, policy_of(meta, arrays)


def test_scores_as_the_original(original):
  arrays, meta, policy = original
  for i, name in enumerate(meta["arcs"]):
    log_prob, entropy, penalty = policy.score(arc_of(arrays, i))
    np.testing.assert_array_equal(penalty, [0])
    for found, expected in (
      (-log_prob, arrays[f"{i}/neg_log_prob"]),
      (entropy, arrays[f"{i}/entropy"]),
    ):
      np.testing.assert_allclose(found, [expected], 1e-5, err_msg=name)


def test_logits_as_the_original(original):
  arrays, meta, policy = original
  columns = arrays["logits_rows_cols"][:, 1]
  for i, name in enumerate(meta["arcs"]):
    logits = policy.trace(arc_of(arrays, i)).logits
    assert [each.shape[1] for each in logits] == columns.tolist()
    flat = np.concatenate([each[0] for each in logits])
    expected = arrays[f"{i}/logits_flat"]
    np.testing.assert_allclose(flat, expected, 1e-4, 1e-5, err_msg=name)


def test_gradients_as_the_original(original):
  arrays, meta, policy = original
  variables = policy.named_variables
  compared = 0
  for i in range(len(meta["arcs"])):
    expected = golden.under(arrays, f"{i}/grad/controller/")
    if not expected:
      continue
    with tf.GradientTape() as tape:
      loss = -policy.score(arc_of(arrays, i)).log_prob
    gradients = tape.gradient(loss, variables)
    for name, value in expected.items():
      found = tf.convert_to_tensor(gradients[name])
      np.testing.assert_allclose(found, value, 1e-4, 1e-5, err_msg=name)
      compared += 1
  assert compared


@pytest.fixture(scope="module")
def tiny():
  """A policy over so few arcs that they can all be listed, and these."""
  space = micro.MicroSpace(1, ("sep_conv_3x3", "identity"))
  policy = making.make(micro_policy.MicroPolicy, space, lstm_size=4, seed=5)
  # Far from uniform, and from the beginning.
  for variable in policy.trainable_variables:
    variable.assign(variable * 20)
  arcs = itertools.product(*[range(d.num_options) for d in space.decisions])
  return policy, tf.constant(list(arcs))


def test_probabilities_sum_to_one(tiny):
  policy, arcs = tiny
  log_prob = policy.score(arcs).log_prob
  assert np.exp(log_prob).sum() == pytest.approx(1, rel=1e-5)


def test_entropy_of_the_decisions_is_that_of_the_arcs(tiny):
  """By the chain rule, on average over the arcs."""
  policy, arcs = tiny
  log_prob, entropy, _ = (each.numpy() for each in policy.score(arcs))
  prob = np.exp(log_prob)
  expected = -(prob * log_prob).sum()
  assert (prob * entropy).sum() == pytest.approx(expected, rel=1e-4)


def test_samples_follow_the_probabilities(tiny):
  policy, arcs = tiny
  n = 20_000
  samples = policy.sample(n, (1, 2)).numpy()
  prob = np.exp(policy.score(arcs).log_prob)
  # All decisions have two options: an arc is the number of its bits.
  found = np.bincount(samples @ 2 ** np.arange(8)[::-1], minlength=256)
  assert np.abs(found - n * prob).max() < 5 * np.sqrt(n * prob.max())
  # The likeliest arc is drawn most often, to within its own noise.
  best = prob.argmax()
  assert found[best] == pytest.approx(n * prob[best], rel=0.1)


def test_samples_are_a_function_of_the_seed(tiny):
  policy, _ = tiny
  first = policy.sample(50, (0, 1))
  np.testing.assert_array_equal(first, policy.sample(50, (0, 1)))
  assert np.any(first != policy.sample(50, (0, 2)))
  assert np.any(first != policy.sample(50, (1, 1)))


def test_one_trace_serves_all_sizes(tiny):
  policy, _ = tiny
  for n in (1, 3, 50):
    assert policy.sample(n, (0, 0)).shape == (n, 8)
  assert policy.sample.experimental_get_tracing_count() == 1


def test_names_are_the_original_ones():
  policy = making.make(
    micro_policy.MicroPolicy, micro.MicroSpace(1), lstm_size=4, num_layers=2
  )
  assert {k: tuple(v.shape) for k, v in policy.named_variables.items()} == {
    "lstm/layer_0/w": (8, 16),
    "lstm/layer_1/w": (8, 16),
    "attention/w_1": (4, 4),
    "attention/w_2": (4, 4),
    "attention/v": (4, 1),
    "g_emb": (1, 4),
    "emb/w": (5, 4),
    "softmax/w": (4, 5),
    "softmax/b": (1, 5),
  }


def op_logits(ops, **settings):
  """Returns the first op logits of the normal and of the reduction cell."""
  space = micro.MicroSpace(1, ops)
  policy = making.make(micro_policy.MicroPolicy, space, lstm_size=4, **settings)
  policy.softmax_w.assign(tf.zeros_like(policy.softmax_w))
  logits = policy.trace(tf.zeros([1, 8], tf.int32)).logits
  return logits[2].numpy()[0], logits[6].numpy()[0]


def test_all_operations_begin_alike():
  """A preference for some would keep the others from being trained."""
  for logits in op_logits(micro.PAPER_OPS):
    np.testing.assert_array_equal(logits, np.zeros(5))


def test_the_original_prefers_separable_convolutions_at_first():
  ops = ("identity", "sep_conv_5x5", "conv_1x1", "sep_conv_3x3")
  normal, reduction = op_logits(
    ops, tanh_constant=1.1, op_tanh_reduce=2.5, faithful=True
  )
  bound = 1.1 / 2.5 * np.tanh(10)
  np.testing.assert_allclose(reduction, [0, bound, 0, bound], 1e-5)
  # The fixed bias acts in the normal cell alone.
  expected = [-0.25, bound + 0.25, -0.25, bound + 0.25]
  np.testing.assert_allclose(normal, expected, 1e-5)


@pytest.mark.parametrize(
  "tanh_constant, temperature, expected",
  [
    (None, None, 10),
    (None, 4.0, 2.5),
    (3.0, None, 3 / 2 * np.tanh(10)),
    (3.0, 20.0, 3 / 2 * np.tanh(0.5)),
  ],
)
def test_bound_and_temperature(tanh_constant, temperature, expected):
  _, reduction = op_logits(
    ("sep_conv_3x3", "identity"),
    tanh_constant=tanh_constant,
    op_tanh_reduce=2.0,
    temperature=temperature,
    faithful=True,
  )
  np.testing.assert_allclose(reduction, [expected, 0], 1e-5)
