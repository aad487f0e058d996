import itertools

import numpy as np
import pytest
import tensorflow as tf

from enas_tf.controllers import rnn_policy
from enas_tf.spaces import rnn
from tests import golden
from tests.controllers import making

ENAS_LM = {"tanh_constant": 2.25, "temperature": 5.0}


def policy_of(meta, arrays):
  """Returns a policy with the settings and the weights of a golden."""
  num_nodes, lstm_size = meta["args"]
  policy = making.make(
    rnn_policy.RnnPolicy,
    rnn.RnnSpace(num_nodes),
    lstm_size=lstm_size,
    faithful=True,
    **ENAS_LM,
  )
  weights = golden.under(arrays, "var/controller/")
  assert set(weights) == set(policy.named_variables)
  for name, variable in policy.named_variables.items():
    variable.assign(weights[name])
  return policy


def arc_of(arrays, i):
  return arrays[f"{i}/arc"][None].astype(np.int32)


@pytest.fixture(scope="module")
def original():
  """(arrays, settings, our policy with the original's weights)."""
  arrays, meta = golden.load("controller_enas_lm")
  return arrays, meta, policy_of(meta, arrays)


@pytest.fixture(scope="module")
def arcs(original):
  """All arcs of the golden."""
  arrays, meta, _ = original
  return np.concatenate([arc_of(arrays, i) for i in range(len(meta["arcs"]))])


def test_scores_as_the_original(original, arcs):
  arrays, _, policy = original
  log_prob, entropy, penalty = policy.score(arcs)
  np.testing.assert_array_equal(penalty, np.zeros(len(arcs)))
  for found, name in ((-log_prob, "neg_log_prob"), (entropy, "entropy")):
    expected = [arrays[f"{i}/{name}"] for i in range(len(arcs))]
    np.testing.assert_allclose(found, expected, 1e-5, err_msg=name)


def test_logits_as_the_original(original, arcs):
  arrays, meta, policy = original
  logits = policy.trace(arcs).logits
  columns = arrays["logits_rows_cols"][:, 1]
  assert [each.shape[1] for each in logits] == columns.tolist()
  for i, name in enumerate(meta["arcs"]):
    flat = np.concatenate([each[i] for each in logits])
    expected = arrays[f"{i}/logits_flat"]
    np.testing.assert_allclose(flat, expected, 1e-4, 1e-5, err_msg=name)


def test_gradients_as_the_original(original):
  arrays, meta, policy = original
  names = [str(n).removeprefix("controller/") for n in arrays["grad_names"]]
  variables = [policy.named_variables[name] for name in names]
  for i in range(len(meta["arcs"])):
    with tf.GradientTape() as tape:
      loss = -policy.score(arc_of(arrays, i)).log_prob
    gradients = tape.gradient(loss, variables)
    gradients = [tf.convert_to_tensor(each) for each in gradients]
    for name, found in zip(names, gradients, strict=True):
      expected = arrays[f"{i}/grad/controller/{name}"]
      np.testing.assert_allclose(found, expected, 1e-4, 1e-5, err_msg=name)
    norms = [tf.norm(each) for each in gradients]
    np.testing.assert_allclose(norms, arrays[f"{i}/grad_norms"], 1e-4)


def test_names_and_shapes():
  policy = making.make(
    rnn_policy.RnnPolicy, rnn.RnnSpace(2), lstm_size=4, num_layers=2
  )
  assert {k: tuple(v.shape) for k, v in policy.named_variables.items()} == {
    "lstm/w": (8, 16),
    "lstm/layer_1/w": (8, 16),
    "attention/w_1": (4, 4),
    "attention/w_2": (4, 4),
    "attention/v": (4, 1),
    "embedding/g": (1, 4),
    "embedding/w": (4, 4),
  }


@pytest.mark.parametrize("faithful, most", [(False, 0.1), (True, 0.01)])
def test_initial_weights(faithful, most):
  policy = making.make(rnn_policy.RnnPolicy, rnn.RnnSpace(), faithful=faithful)
  sizes = [np.size(value) for value in policy.trainable_variables]
  assert sum(sizes) == 41_344  # As the original.
  for name, value in policy.named_variables.items():
    assert 0.8 * most < np.abs(value).max() <= most, name


def build(first_function=False, scale=30, **settings):
  """Returns a policy that is far from uniform, and from the beginning."""
  space = rnn.RnnSpace(3, ("tanh", "relu"), first_function)
  policy = making.make(
    rnn_policy.RnnPolicy, space, lstm_size=4, seed=5, **settings
  )
  for variable in policy.trainable_variables:
    variable.assign(variable * scale)
  return policy


def all_arcs(space):
  options = [range(decision.num_options) for decision in space.decisions]
  return tf.constant(list(itertools.product(*options)))


@pytest.fixture(scope="module", params=[False, True])
def tiny(request):
  """A policy over so few arcs that they can all be listed, and these."""
  policy = build(request.param)
  return policy, all_arcs(policy.space)


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
  most = sum(np.log(d.num_options) for d in policy.space.decisions)
  assert np.all(entropy > 0)
  assert np.all(entropy <= most + 1e-5)


def test_samples_follow_the_probabilities(tiny):
  policy, arcs = tiny
  n, most = 20_000, len(arcs)
  samples = policy.sample(n, (1, 2)).numpy()
  prob = np.exp(policy.score(arcs).log_prob)
  # An arc is its place in arcs.
  options = [decision.num_options for decision in policy.space.decisions]
  places = np.ravel_multi_index(samples.T, options)
  found = np.bincount(places, minlength=most)
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
  policy = build()
  for n in (1, 3, 50):
    assert policy.sample(n, (0, 0)).shape == (n, 6)
  assert policy.sample.experimental_get_tracing_count() == 1


def test_arcs_of_a_batch_do_not_mix(tiny):
  policy, arcs = tiny
  for together, alone in zip(
    policy.score(arcs[:3]), policy.score(arcs[1:2]), strict=True
  ):
    np.testing.assert_allclose(together[1:2], alone, 1e-5)


@pytest.mark.parametrize("first_function", [False, True])
def test_gradients_are_slopes(first_function):
  policy = build(first_function, scale=10)
  arcs = all_arcs(policy.space)[::5]
  weights = policy.trainable_variables
  rng = np.random.default_rng(0)
  steps = [rng.choice([-0.01, 0.01], each.shape) for each in weights]

  def walk(sign):
    """Returns the mean log-probability after a step from here."""
    for weight, step in zip(weights, steps, strict=True):
      weight.assign_add(sign * step)
    return tf.reduce_mean(policy.score(arcs).log_prob)

  with tf.GradientTape() as tape:
    log_prob = tf.reduce_mean(policy.score(arcs).log_prob)
  gradients = map(tf.convert_to_tensor, tape.gradient(log_prob, weights))
  slope = sum(np.vdot(g, s) for g, s in zip(gradients, steps, strict=True))
  difference = float(walk(1) - walk(-2)) / 2
  assert abs(slope) > 5e-4
  assert difference == pytest.approx(slope, rel=1e-2)


def test_every_decision_is_scored_and_read():
  """A decision changes its own log-probability and all later logits."""
  policy = build(first_function=True)
  arc = np.array([[0, 0, 0, 0, 0, 0, 0]], np.int32)
  plain = policy.trace(arc).logits
  for i, decision in enumerate(policy.space.decisions):
    if decision.num_options == 1:
      continue
    changed = arc.copy()
    changed[0, i] = 1
    logits = policy.trace(changed).logits
    for j, (found, before) in enumerate(zip(logits, plain, strict=True)):
      if before.shape[1] == 1:
        continue
      assert np.allclose(found, before, 1e-6, 1e-6) == (j <= i), (i, j)


def test_bound_temperature_and_prior():
  space = build().space
  arcs = all_arcs(space)
  none = {"tanh_constant": None, "temperature": None}
  plain = build(**none).trace(arcs).logits
  priors = [0.0] * space.num_decisions
  # The square of the distance over six, for nodes 1, 2 and 3.
  priors[::2] = [1 / 6], [4 / 6, 1 / 6], [9 / 6, 4 / 6, 1 / 6]
  for settings, change in (
    (ENAS_LM, lambda x: 2.25 * np.tanh(x / 5)),
    (none | {"tanh_constant": 1.5}, lambda x: 1.5 * np.tanh(x)),
    (none | {"temperature": 4.0}, lambda x: x / 4),
  ):
    logits = build(**settings).trace(arcs).logits
    for found, before, prior in zip(logits, plain, priors, strict=True):
      expected = change(before.numpy() + prior) - prior
      np.testing.assert_allclose(found, expected, 1e-5, 1e-5)


def test_near_nodes_are_preferred_at_first():
  """As the weights are small, there is little but the prior."""
  policy = making.make(rnn_policy.RnnPolicy, rnn.RnnSpace(4))
  samples = policy.sample(4000, (0, 0)).numpy()
  found = np.bincount(samples[:, 6]) / len(samples)
  prior = np.exp(-(np.array([4, 3, 2, 1]) ** 2) / 6)
  np.testing.assert_allclose(found, prior / prior.sum(), atol=0.03)
  functions = np.bincount(samples[:, 7]) / len(samples)
  np.testing.assert_allclose(functions, [0.25] * 4, atol=0.03)


def test_faithful_changes_the_entropy_alone_of_the_same_weights():
  exact, faithful = build(), build(faithful=True)
  for name, variable in faithful.named_variables.items():
    variable.assign(exact.named_variables[name])
  arcs = all_arcs(exact.space)
  expected, found = exact.score(arcs), faithful.score(arcs)
  np.testing.assert_array_equal(found.log_prob, expected.log_prob)
  assert np.all(found.entropy < expected.entropy)
