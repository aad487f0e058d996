import numpy as np
import pytest
import tensorflow as tf

from enas_tf.controllers import macro_channels_policy
from enas_tf.spaces import macro_channels
from tests.controllers import making

OPS = ("conv_3x3", "max_pool_3x3")
SPACES = [
  macro_channels.MacroChannelsSpace(1, 3, OPS),
  macro_channels.MacroChannelsSpace(2, 3, OPS[:1]),
  macro_channels.MacroChannelsSpace(2, 2, OPS),
  macro_channels.MacroChannelsSpace(3, 2, OPS[:1]),
]


def build(space, scale=20, **settings):
  """Returns a policy that is far from uniform, and from the beginning."""
  policy = making.make(
    macro_channels_policy.MacroChannelsPolicy,
    space,
    lstm_size=4,
    seed=5,
    **settings,
  )
  for variable in policy.trainable_variables:
    variable.assign(variable * scale)
  return policy


def all_arcs(space):
  """Returns all arcs of a tiny space, int32 [n, num_decisions]."""
  rows = [[]]
  for _ in range(space.num_decisions):
    rows = [[*r, i] for r in rows for i in range(space.num_options(r))]
  return tf.constant(rows, tf.int32)


@pytest.fixture(scope="module", params=SPACES)
def tiny(request):
  """A policy over so few arcs that they can all be listed, and these."""
  return build(request.param), all_arcs(request.param)


def test_all_arcs_are_counted():
  # With f filters an operation has f (f + 1) / 2 ranges.
  assert [len(all_arcs(space)) for space in SPACES] == [
    6**2,
    6**2 * 2,
    3**4 * 2,
    3**3 * 2**3,
  ]


def test_names_and_shapes():
  space = macro_channels.MacroChannelsSpace(2, 6, OPS)
  policy = making.make(
    macro_channels_policy.MacroChannelsPolicy, space, lstm_size=4, num_layers=2
  )
  branches = {
    f"{kind}/branch_{i}/w_{field}": shape
    for kind, shape in (("emb", (6, 4)), ("softmax", (4, 6)))
    for i in range(2)
    for field in ("start", "count")
  }
  assert {k: tuple(v.shape) for k, v in policy.named_variables.items()} == {
    "lstm/layer_0/w": (8, 16),
    "lstm/layer_1/w": (8, 16),
    "attention/w_1": (4, 4),
    "attention/w_2": (4, 4),
    "attention/v": (4, 1),
    "g_emb": (1, 4),
  } | branches


def test_no_weights_begin_alike():
  policy = making.make(
    macro_channels_policy.MacroChannelsPolicy, SPACES[2], lstm_size=2
  )
  values = [tuple(np.ravel(v)[:2]) for v in policy.named_variables.values()]
  assert len(set(values)) == len(values)


def test_probabilities_sum_to_one(tiny):
  policy, arcs = tiny
  log_prob = policy.score(arcs).log_prob
  assert np.max(log_prob) <= 0
  assert np.exp(log_prob).sum() == pytest.approx(1, rel=1e-5)


def test_logits_are_those_of_the_decisions(tiny):
  policy, arcs = tiny
  space = policy.space
  logits, choices = policy.trace(arcs)
  np.testing.assert_array_equal(tf.concat(choices, 1), arcs)
  options = [each.shape[2] for each in logits for _ in range(each.shape[1])]
  assert options == [decision.num_options for decision in space.decisions]


def test_logits_by_hand():
  """Start and count of each operation, each read by the decision after it."""
  policy = build(SPACES[0], tanh_constant=2.0)
  weights = policy.named_variables
  row = [1, 1, 0, 2]
  x, state = weights["g_emb"], policy.lstm.zero_state(1)
  expected = []
  for i in range(2):
    for field, value in zip(("start", "count"), row[2 * i :], strict=False):
      h, state = policy.lstm(x, state)
      logits = h @ weights[f"softmax/branch_{i}/w_{field}"]
      expected.append(2 * np.tanh(logits)[0])
      x = weights[f"emb/branch_{i}/w_{field}"][value][None]
  expected[1] = expected[1][:2]  # Two channels are left after channel 0.
  logits = policy.trace(tf.constant([row])).logits
  for found, each in zip(logits, expected, strict=True):
    np.testing.assert_allclose(found[0, 0, : len(each)], each, 1e-5)


def test_counts_that_do_not_fit_have_no_probability(tiny):
  policy, arcs = tiny
  for position, decision in enumerate(policy.space.decisions[:2]):
    probs = tf.nn.softmax(policy.trace(arcs).logits[position][:, 0]).numpy()
    for arc, prob in zip(arcs.numpy(), probs, strict=True):
      options = policy.space.num_options(arc[:position])
      assert np.all(prob[:options] > 0), decision.name
      assert np.all(prob[options:] == 0), decision.name


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
  base = policy.space.out_filters ** np.arange(arcs.shape[1])
  keys = {key: place for place, key in enumerate(arcs.numpy() @ base)}
  found = np.bincount(
    [keys[key] for key in samples @ base], minlength=len(arcs)
  )
  noise = np.sqrt(n * prob * (1 - prob))
  assert np.all(np.abs(found - n * prob) < 5 * noise + 5)
  assert prob.max() > 2 / len(arcs)  # Uniform samples would not do.


@pytest.mark.parametrize("settings", [{}, {"tanh_constant": None}])
def test_samples_are_of_the_space(settings):
  space = macro_channels.MacroChannelsSpace(3, 7, OPS)
  policy = build(space, scale=50, **settings)
  samples = policy.sample(500, (0, 1))
  assert samples.dtype == tf.int32
  for arc in samples.numpy():
    space.check(arc)


def test_samples_are_a_function_of_the_seed(tiny):
  policy, _ = tiny
  first = policy.sample(50, (0, 1))
  np.testing.assert_array_equal(first, policy.sample(50, (0, 1)))
  assert np.any(first != policy.sample(50, (0, 2)))
  assert np.any(first != policy.sample(50, (1, 1)))
  assert policy.sample.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("faithful", [False, True])
def test_scores_and_gradients_are_finite(tiny, faithful):
  """With all arcs there are ranges of each start, and masks of each length."""
  _, arcs = tiny
  policy = build(tiny[0].space, faithful=faithful)
  variables = policy.named_variables
  with tf.GradientTape(persistent=True) as tape:
    score = policy.score(arcs)
  for part in score:
    assert np.all(np.isfinite(part))
  for part in score:
    gradients = tape.gradient(part, variables, unconnected_gradients="zero")
    for name, gradient in gradients.items():
      assert np.all(np.isfinite(tf.convert_to_tensor(gradient))), name


def test_every_weight_is_used():
  """The arc that takes all and the one that takes the last channel alone."""
  space = macro_channels.MacroChannelsSpace(2, 3, OPS)
  policy = build(space)
  arcs = tf.constant([[0, 2] * 4 + [1], [2, 0] * 4 + [0]])
  with tf.GradientTape() as tape:
    log_prob = policy.score(arcs).log_prob
  for name, each in tape.gradient(log_prob, policy.named_variables).items():
    assert np.abs(tf.convert_to_tensor(each)).max() > 1e-8, name


def test_arcs_of_a_batch_do_not_mix(tiny):
  policy, arcs = tiny
  for together, alone in zip(
    policy.score(arcs[:3]), policy.score(arcs[1:2]), strict=True
  ):
    np.testing.assert_allclose(together[1:2], alone, 1e-5)


def test_penalty_is_of_the_skips_alone():
  space = SPACES[3]
  policy, arcs = build(space, skip_target=0.3), all_arcs(space)
  expected = 0
  # Of each layer start and count, and then the skips.
  for place in (4, 7):
    logits = policy.trace(arcs).logits[place]
    odds = np.exp(logits[..., 1] - logits[..., 0])
    p = odds / (1 + odds)
    divergence = p * np.log(p / 0.3) + (1 - p) * np.log((1 - p) / 0.7)
    expected += divergence.sum(1) / 2  # The mean over layers 1 and 2.
  assert expected.min() > 0.01
  np.testing.assert_allclose(policy.score(arcs).penalty, expected, 1e-4)


def test_a_single_layer_has_no_penalty():
  space = SPACES[0]
  np.testing.assert_array_equal(
    build(space).score(all_arcs(space)).penalty, np.zeros(36)
  )


def test_faithful_changes_entropy_and_penalty_alone():
  space = SPACES[3]
  exact, faithful = build(space), build(space, faithful=True)
  arcs = all_arcs(space)
  expected, found = exact.score(arcs), faithful.score(arcs)
  np.testing.assert_array_equal(found.log_prob, expected.log_prob)
  assert np.all(found.entropy < expected.entropy)
  assert np.all(np.abs(found.penalty - expected.penalty) > 1e-3)
