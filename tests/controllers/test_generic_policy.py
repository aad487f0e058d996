import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf.controllers import generic_policy
from enas_tf.spaces import macro, macro_channels, micro, rnn
from tests.controllers import making
from tests.spaces import toy

OPS = ("conv_3x3", "max_pool_3x3")
SPACES = {
  "toy": toy.ToySpace(),
  "micro": micro.MicroSpace(1, OPS),
  "macro": macro.MacroSpace(3, OPS),
  "macro_channels": macro_channels.MacroChannelsSpace(2, 2, OPS),
  "rnn": rnn.RnnSpace(3, ("tanh", "relu"), first_function=True),
}


def build(space, scale=20, **settings):
  """Returns a policy that is far from uniform, and from the beginning."""
  policy = making.make(
    generic_policy.GenericPolicy, space, lstm_size=4, seed=5, **settings
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
  space = SPACES[request.param]
  return build(space), all_arcs(space)


def test_names_and_shapes():
  # 3 operations, 4 starts, 4 counts and 3 operations.
  policy = generic_policy.GenericPolicy(toy.ToySpace())
  assert {k: tuple(v.shape) for k, v in policy.named_variables.items()} == {
    "lstm/layer_0/w": (128, 256),
    "g_emb": (1, 64),
    "emb/w": (14, 64),
    "softmax/w": (64, 14),
  }


def test_probabilities_sum_to_one(tiny):
  policy, arcs = tiny
  log_prob = policy.score(arcs).log_prob
  assert np.max(log_prob) <= 0
  assert np.exp(log_prob).sum() == pytest.approx(1, rel=1e-5)


def test_entropy_of_the_decisions_is_that_of_the_arcs(tiny):
  """By the chain rule, on average over the arcs."""
  policy, arcs = tiny
  log_prob, entropy, penalty = (each.numpy() for each in policy.score(arcs))
  prob = np.exp(log_prob)
  expected = -(prob * log_prob).sum()
  assert (prob * entropy).sum() == pytest.approx(expected, rel=1e-4)
  np.testing.assert_array_equal(penalty, np.zeros(len(arcs)))


def test_samples_follow_the_probabilities(tiny):
  policy, arcs = tiny
  n = 20_000
  prob = np.exp(policy.score(arcs).log_prob)
  keys = {tuple(arc): i for i, arc in enumerate(arcs.numpy())}
  samples = policy.sample(n, (1, 2)).numpy()
  indices = [keys[tuple(sample)] for sample in samples]  # All are of the space.
  found = np.bincount(indices, minlength=len(arcs))
  noise = np.sqrt(n * prob * (1 - prob))
  assert np.all(np.abs(found - n * prob) < 5 * noise + 5)
  assert prob.max() > 2 / len(arcs)  # Uniform samples would not do.


def test_logits_by_hand():
  """Every decision has its own columns, and is read by the one after it."""
  policy = build(toy.ToySpace(), tanh_constant=2.0, temperature=3.0)
  weights = {k: v.numpy() for k, v in policy.named_variables.items()}
  row = [2, 1, 0, 1]
  x, state = weights["g_emb"], policy.lstm.zero_state(1)
  logits = policy.trace(tf.constant([row])).logits
  starts, sizes = (0, 3, 7, 11), (3, 4, 3, 3)  # After start 1, 3 counts.
  for found, start, size, index in zip(logits, starts, sizes, row, strict=True):
    h, state = policy.lstm(tf.constant(x), state)
    expected = (h @ weights["softmax/w"][:, start : start + size])[0]
    expected = 2 * np.tanh(expected / 3)
    np.testing.assert_allclose(found[0, :size], expected, 1e-4, 1e-5)
    assert np.all(found[0, size:] < -1e8)
    x = weights["emb/w"][start + index][None]


@pytest.mark.parametrize("name", SPACES)
def test_samples_of_larger_spaces_are_arcs(name):
  space = {
    "toy": toy.ToySpace(),
    "micro": micro.MicroSpace(),
    "macro": macro.MacroSpace(4),
    "macro_channels": macro_channels.MacroChannelsSpace(3, 7, OPS),
    "rnn": rnn.RnnSpace(),
  }[name]
  policy = build(space, scale=50, tanh_constant=None)
  samples = policy.sample(100, (0, 1))
  assert samples.dtype == tf.int32
  for arc in samples.numpy():
    space.check(arc)
  for part in policy.score(samples):
    assert np.all(np.isfinite(part))


def test_every_weight_is_used(tiny):
  policy, arcs = tiny
  with tf.GradientTape() as tape:
    log_prob = policy.score(arcs).log_prob
    loss = tf.reduce_sum(log_prob * tf.range(len(arcs), dtype=tf.float32))
  gradients = tape.gradient(loss, policy.named_variables)
  for name, each in gradients.items():
    each = tf.convert_to_tensor(each).numpy()
    assert np.all(np.isfinite(each)) and np.abs(each).max() > 1e-8, name


def test_no_weights_begin_alike():
  policy = generic_policy.GenericPolicy(toy.ToySpace())
  values = [tuple(np.ravel(v)[:2]) for v in policy.named_variables.values()]
  assert len(set(values)) == len(values)
  again = generic_policy.GenericPolicy(toy.ToySpace(), seed=1)
  assert np.any(again.emb != policy.emb)


@pytest.mark.parametrize("name", SPACES)
def test_learns(name):
  """By REINFORCE, to make each decision i as its option i, modulo all.

  With 20 other seeds it came to more than 0.97 in each of the spaces, and what
  learns nothing to at most 0.65: a chance of failing far below one in 100.
  """
  assert learn(SPACES[name], seed=0) > 0.9


def learn(space, seed, steps=100):
  """Returns the mean fraction of decisions that are as wanted at the end."""
  policy = making.make(
    generic_policy.GenericPolicy, space, lstm_size=16, seed=seed
  )
  optimizer = keras.optimizers.Adam(0.03)
  variables = policy.trainable_variables

  def rewards(arcs):
    wanted = [
      [i % space.num_options(arc[:i]) for i in range(len(arc))]
      for arc in arcs.numpy()
    ]
    return tf.reduce_mean(tf.cast(arcs == wanted, tf.float32), 1)

  @tf.function
  def update(arcs, rewards):
    with tf.GradientTape() as tape:
      advantages = rewards - tf.reduce_mean(rewards)
      loss = -tf.reduce_mean(policy.score(arcs).log_prob * advantages)
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))

  for step in range(steps):
    arcs = policy.sample(32, (seed, step))
    update(arcs, rewards(arcs))
  return float(tf.reduce_mean(rewards(policy.sample(200, (seed, steps)))))
