import numpy as np
import pytest
import tensorflow as tf

from enas_tf.controllers import diagnosis, generic_policy
from tests.controllers import making
from tests.controllers.test_generic_policy import all_arcs
from tests.spaces import toy

SPACE = toy.ToySpace()


def build(scale, seed=5):
  policy = making.make(
    generic_policy.GenericPolicy,
    SPACE,
    tanh_constant=1.5,
    lstm_size=4,
    seed=seed,
  )
  for variable in policy.trainable_variables:
    variable.assign(variable * scale)
  return policy


def weights(policy):
  return {name: v.numpy() for name, v in policy.named_variables.items()}


def test_numbers_are_those_of_all_arcs():
  """Sampled and by decisions, and summed over the arcs of the space."""
  policy, begun = build(20), build(10, seed=6)
  arcs = all_arcs(SPACE)
  log_prob = policy.score(arcs).log_prob.numpy()
  before = begun.score(arcs).log_prob.numpy()
  prob = np.exp(log_prob)
  expected = np.sum(prob * (log_prob - before))
  # Of decisions alone that have 3, 4, 4 to 1 and 3 options.
  starts = np.bincount(arcs[:, 1], prob)
  most = 2 * np.log(3) + np.log(4) + starts @ np.log([4, 3, 2, 1])
  samples = policy.sample(4000, (0, 0))
  found = diagnosis.diagnose(policy, weights(begun), samples)
  assert expected > 0.2
  assert found["controller/kl_from_start"] == pytest.approx(expected, rel=0.1)
  assert found["controller/entropy_fraction"] == pytest.approx(
    -np.sum(prob * log_prob) / most, rel=0.05
  )


def test_the_policy_stays_as_it_is():
  policy = build(3)
  before = weights(policy)
  start = weights(build(1, seed=0))
  diagnosis.diagnose(policy, start, policy.sample(3, (0, 0)))
  for name, value in weights(policy).items():
    np.testing.assert_array_equal(value, before[name])


def test_logits_at_their_bound_are_told():
  shares = []
  for scale in (1, 1e4):
    policy = build(scale)
    arcs = policy.sample(8, (0, 0))
    found = diagnosis.diagnose(policy, weights(policy), arcs)
    shares.append(found["controller/saturated"])
  # Where a gate of the LSTM is shut, a logit is 0.
  assert shares[0] == 0 and shares[1] > 0.6


def test_without_bounds_nothing_is_told_of_them():
  policy = making.make(generic_policy.GenericPolicy, SPACE, lstm_size=4)
  arcs = tf.constant([[2, 1, 0, 1]])
  found = diagnosis.diagnose(policy, weights(policy), arcs)
  assert "controller/saturated" not in found
