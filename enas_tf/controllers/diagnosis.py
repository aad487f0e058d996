"""How a policy is doing: how far it has come, and whether it still can move."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from enas_tf.controllers import policy as policies

# The tanh of a logit that is at its bound: its slope is below 0.02.
_AT_BOUND = 0.99


def diagnose(
  policy: policies.Policy, start: Mapping[str, np.ndarray], arcs: tf.Tensor
) -> dict[str, float]:
  """Returns what to log of a policy, by path.

  It is "controller/kl_from_start", the divergence from the policy as it began,
  in nats; "controller/entropy_fraction", of the largest entropy; and
  "controller/saturated", the share of the bounded logits that are at their
  bound, where there is hardly a gradient, if there are any.

  Args:
    policy: as it is; its weights are others for a moment.
    start: the weights that it began with, by name.
    arcs: samples of it, int32 [n, num_decisions].
  """
  variables = policy.named_variables
  now = {name: variable.numpy() for name, variable in variables.items()}
  logits, bounded = policy.inspect(arcs)
  for name, value in start.items():
    variables[name].assign(value)
  begun, _ = policy.inspect(arcs)
  for name, value in now.items():
    variables[name].assign(value)
  divergence = sum(map(_divergence, logits, begun))
  entropy, most = sum(map(_entropy, logits)), sum(map(_most, logits))
  at_bound = [np.ravel(np.abs(each) > _AT_BOUND) for each in bounded]
  found = {
    "controller/kl_from_start": float(divergence),
    "controller/entropy_fraction": float(entropy / most) if most else 1.0,
  }
  if at_bound:
    saturated = float(np.mean(np.concatenate(at_bound)))
    found["controller/saturated"] = saturated
  return found


def _divergence(logits: tf.Tensor, begun: tf.Tensor) -> np.ndarray:
  """Returns KL(now || begun) of decisions, as a mean over arcs, summed."""
  log_probs, before = tf.nn.log_softmax(logits), tf.nn.log_softmax(begun)
  return _mean(tf.exp(log_probs) * (log_probs - before))


def _entropy(logits: tf.Tensor) -> np.ndarray:
  """Returns the entropy of decisions, as a mean over arcs, summed."""
  log_probs = tf.nn.log_softmax(logits)
  return -_mean(tf.exp(log_probs) * log_probs)


def _most(logits: tf.Tensor) -> np.ndarray:
  """Returns the largest entropy of decisions, as a mean over arcs, summed."""
  num_options = np.sum(policies.is_there(logits), -1, keepdims=True)
  return _mean(np.log(num_options))


def _mean(x: tf.Tensor | np.ndarray) -> np.ndarray:
  """Returns the sum of x [n, ...] over all but n, as a mean over n."""
  return np.sum(x) / len(x)
