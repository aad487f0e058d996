import itertools

import numpy as np
import pytest
import tensorflow as tf

from enas_tf.controllers import macro_policy
from enas_tf.spaces import macro
from tests import golden
from tests.controllers import making

SKIPS = slice(2, None, 2)  # Their logits: op_0, op_1, skips_1, op_2, skips_2.


def faithful_policy(space, arrays, **settings):
  """Returns a policy with the weights of a golden."""
  policy = making.make(
    macro_policy.MacroPolicy, space, faithful=True, **settings
  )
  weights = golden.under(arrays, "var/controller/")
  assert set(weights) == set(policy.named_variables)
  for name, variable in policy.named_variables.items():
    variable.assign(weights[name])
  return policy


def policy_of(meta, arrays):
  """Returns a policy with the settings and the weights of a golden."""
  num_layers, _, lstm_size = meta["args"]
  settings = meta["kwargs"]
  return faithful_policy(
    macro.MacroSpace(num_layers),
    arrays,
    lstm_size=lstm_size,
    tanh_constant=settings["tanh_constant"],
    skip_target=settings["skip_target"],
  )


def arc_of(arrays, i):
  return arrays[f"{i}/arc"][None].astype(np.int32)


@pytest.fixture(scope="module")
def original():
  """(arrays, settings, our policy with the original's weights)."""
  arrays, meta = golden.load("controller_macro")
  return arrays, meta, policy_of(meta, arrays)


@pytest.fixture(scope="module")
def arcs(original):
  """All arcs of the golden."""
  arrays, meta, _ = original
  return np.concatenate([arc_of(arrays, i) for i in range(len(meta["arcs"]))])


def test_scores_as_the_original(original, arcs):
  arrays, _, policy = original
  log_prob, entropy, penalty = policy.score(arcs)
  for found, name in (
    (-log_prob, "neg_log_prob"),
    (entropy, "entropy"),
    (penalty, "skip_penalty"),
  ):
    expected = [arrays[f"{i}/{name}"] for i in range(len(arcs))]
    np.testing.assert_allclose(found, expected, 1e-5, err_msg=name)


def test_logits_as_the_original(original, arcs):
  arrays, meta, policy = original
  logits = policy.trace(arcs).logits
  shapes = [each.shape[1:] for each in logits]
  assert shapes == [tuple(each) for each in arrays["logits_rows_cols"]]
  for i, name in enumerate(meta["arcs"]):
    flat = np.concatenate([np.ravel(each[i]) for each in logits])
    expected = arrays[f"{i}/logits_flat"]
    np.testing.assert_allclose(flat, expected, 1e-4, 1e-5, err_msg=name)


def test_gradients_as_the_original(original):
  arrays, meta, policy = original
  names = [str(n).removeprefix("controller/") for n in arrays["grad_names"]]
  variables = [policy.named_variables[name] for name in names]
  for i in range(len(meta["arcs"])):
    with tf.GradientTape(persistent=True) as tape:
      log_prob, _, penalty = policy.score(arc_of(arrays, i))
      loss = -log_prob
    for name, found in zip(names, tape.gradient(loss, variables), strict=True):
      expected = arrays[f"{i}/grad/controller/{name}"]
      found = tf.convert_to_tensor(found)
      np.testing.assert_allclose(found, expected, 1e-4, 1e-5, err_msg=name)
    for target, key in (
      (loss, "grad_norms"),
      (penalty, "skip_penalty_grad_norms"),
    ):
      gradients = tape.gradient(target, variables, unconnected_gradients="zero")
      norms = [tf.norm(tf.convert_to_tensor(each)) for each in gradients]
      np.testing.assert_allclose(norms, arrays[f"{i}/{key}"], 1e-4, 1e-5)


def test_names_and_shapes():
  policy = making.make(
    macro_policy.MacroPolicy, macro.MacroSpace(2), lstm_size=4, num_layers=2
  )
  assert {k: tuple(v.shape) for k, v in policy.named_variables.items()} == {
    "lstm/layer_0/w": (8, 16),
    "lstm/layer_1/w": (8, 16),
    "attention/w_1": (4, 4),
    "attention/w_2": (4, 4),
    "attention/v": (4, 1),
    "g_emb": (1, 4),
    "emb/w": (6, 4),
    "softmax/w": (4, 6),
  }


def build(num_layers, scale=20, **settings):
  """Returns a policy that is far from uniform, and from the beginning."""
  space = macro.MacroSpace(num_layers, ("conv_3x3", "max_pool_3x3"))
  policy = making.make(
    macro_policy.MacroPolicy, space, lstm_size=4, seed=5, **settings
  )
  for variable in policy.trainable_variables:
    variable.assign(variable * scale)
  return policy


def all_arcs(num_layers):
  """Returns all arcs over two ops: every decision has two options."""
  num_decisions = num_layers * (num_layers + 1) // 2
  return tf.constant(list(itertools.product(range(2), repeat=num_decisions)))


@pytest.fixture(scope="module", params=[2, 3])
def tiny(request):
  """A policy over so few arcs that they can all be listed, and these."""
  return build(request.param), all_arcs(request.param)


def test_probabilities_sum_to_one(tiny):
  policy, arcs = tiny
  log_prob = policy.score(arcs).log_prob
  assert np.max(log_prob) <= 0
  assert np.exp(log_prob).sum() == pytest.approx(1, rel=1e-5)


def test_entropy_of_the_decisions_is_that_of_the_arcs(tiny):
  """By the chain rule, on average over the arcs."""
  policy, arcs = tiny
  log_prob, entropy, _ = (each.numpy() for each in policy.score(arcs))
  prob = np.exp(log_prob)
  expected = -(prob * log_prob).sum()
  assert (prob * entropy).sum() == pytest.approx(expected, rel=1e-4)
  # No decision has more than that of a fair coin.
  assert np.all(entropy > 0)
  assert np.all(entropy <= policy.space.num_decisions * np.log(2) + 1e-5)


def test_samples_follow_the_probabilities(tiny):
  policy, arcs = tiny
  n, most = 20_000, len(arcs)
  samples = policy.sample(n, (1, 2)).numpy()
  prob = np.exp(policy.score(arcs).log_prob)
  bits = 2 ** np.arange(arcs.shape[1])[::-1]  # An arc is its place in arcs.
  found = np.bincount(samples @ bits, minlength=most)
  noise = np.sqrt(n * prob * (1 - prob))
  assert np.all(np.abs(found - n * prob) < 5 * noise + 5)
  assert prob.max() > 2 / most  # Uniform samples would not do.


def test_samples_are_a_function_of_the_seed(tiny):
  policy, _ = tiny
  first = policy.sample(50, (0, 1))
  assert first.dtype == tf.int32
  np.testing.assert_array_equal(first, policy.sample(50, (0, 1)))
  assert np.any(first != policy.sample(50, (0, 2)))
  assert np.any(first != policy.sample(50, (1, 1)))


def test_one_trace_serves_all_sizes():
  policy = build(3)
  for n in (1, 3, 50):
    assert policy.sample(n, (0, 0)).shape == (n, 6)
  assert policy.sample.experimental_get_tracing_count() == 1


def test_arcs_of_a_batch_do_not_mix(tiny):
  policy, arcs = tiny
  for together, alone in zip(
    policy.score(arcs[:3]), policy.score(arcs[1:2]), strict=True
  ):
    np.testing.assert_allclose(together[1:2], alone, 1e-5)


def test_bound_and_temperature():
  arcs = all_arcs(3)
  plain = build(3, tanh_constant=None).trace(arcs).logits
  for settings, change in (
    ({"tanh_constant": 1.5}, lambda x: 1.5 * np.tanh(x)),
    ({"tanh_constant": None, "temperature": 4.0}, lambda x: x / 4),
    (
      {"tanh_constant": 3.0, "temperature": 2.0},
      lambda x: 3 * np.tanh(x / 2),
    ),
  ):
    logits = build(3, **settings).trace(arcs).logits
    for found, before in zip(logits, plain, strict=True):
      np.testing.assert_allclose(found, change(before.numpy()), 1e-5, 1e-6)


def test_penalty_by_hand():
  policy, arcs = build(3, skip_target=0.3), all_arcs(3)
  expected = 0
  for logits in policy.trace(arcs).logits[SKIPS]:
    odds = np.exp(logits[..., 1] - logits[..., 0])
    p = odds / (1 + odds)
    divergence = p * np.log(p / 0.3) + (1 - p) * np.log((1 - p) / 0.7)
    expected += divergence.sum(1) / 2  # The mean over layers 1 and 2.
  assert expected.min() > 0.01
  np.testing.assert_allclose(policy.score(arcs).penalty, expected, 1e-4)


def test_penalty_is_zero_at_the_target():
  arcs = all_arcs(3)
  policy = build(3, skip_target=0.5)
  policy.attention.v.assign(tf.zeros([4, 1]))
  np.testing.assert_allclose(policy.score(arcs).penalty, 0, atol=1e-6)
  # With a single skip any target will do.
  arc = all_arcs(2)[-1:]
  [logits] = build(2).trace(arc).logits[SKIPS]
  target = float(tf.nn.softmax(logits)[0, 0, 1])
  assert abs(target - 0.5) > 0.05
  penalty = build(2, skip_target=target).score(arc).penalty
  np.testing.assert_allclose(penalty, 0, atol=1e-6)


def test_faithful_changes_entropy_and_penalty_alone():
  exact, faithful = build(3), build(3, faithful=True)
  arcs = all_arcs(3)
  expected, found = exact.score(arcs), faithful.score(arcs)
  np.testing.assert_array_equal(found.log_prob, expected.log_prob)
  assert np.all(found.entropy < expected.entropy)
  assert np.all(np.abs(found.penalty - expected.penalty) > 1e-3)
