"""REINFORCE with a moving-average baseline (ENAS, section 2.2)."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from enas_tf import errors, states, trials
from enas_tf.controllers import base
from enas_tf.controllers import policy as policies
from enas_tf.spaces import base as spaces

# Arcs that are drawn together; see `draw`.
_BLOCK = 32


class Reinforce(base.Controller):
  """Trains a policy so that it proposes arcs with higher rewards.

  Args:
    policy: has `space`, `sample`, `score` and `named_variables`.
    lr: learning rate of Adam.
    entropy_weight: weight of the entropy, in nats, that is added to a reward.
    bl_dec: decay of the baseline.
    seed: of the arcs.
    penalty_weight: weight of the policy's penalty, which is added to the loss
      (of a macro policy: the original's skip_weight).
    adam_beta_1: Adam's decay of the mean gradient.
    adam_epsilon: what Adam adds to a gradient's root mean square.
  """

  def __init__(
    self,
    policy: policies.Policy,
    *,
    lr: float,
    entropy_weight: float,
    bl_dec: float,
    seed: int,
    penalty_weight: float = 0.0,
    adam_beta_1: float = 0.0,
    adam_epsilon: float = 1e-3,
  ) -> None:
    super().__init__(policy.space)
    self._policy = policy
    self._entropy_weight = entropy_weight
    self._bl_dec = bl_dec
    self._penalty_weight = penalty_weight
    self._seed = seed
    self._baseline = tf.Variable(0.0, trainable=False)
    self._variables = policy.named_variables
    # TF1's Adam has no bias in its epsilon either: the formulas agree.
    self._optimizer = keras.optimizers.Adam(
      lr, beta_1=adam_beta_1, epsilon=adam_epsilon
    )
    self._optimizer.build(list(self._variables.values()))

  @classmethod
  def from_settings(
    cls,
    settings: Any,
    space: spaces.Space,
    make_policy: Callable[[], policies.Policy],
    seed: int,
  ) -> "Reinforce":
    """Returns the controller of a run.

    Args:
      settings: of the controller: `lr`, `entropy_weight`, `bl_dec`,
        `skip_weight`, `adam_beta_1` and `adam_epsilon`.
      space: the space of the arcs; the policy has it, too.
      make_policy: returns the policy.
      seed: of the arcs.
    """
    del space
    return cls(
      make_policy(),
      lr=settings.lr,
      adam_beta_1=settings.adam_beta_1,
      adam_epsilon=settings.adam_epsilon,
      entropy_weight=settings.entropy_weight,
      bl_dec=settings.bl_dec,
      penalty_weight=settings.skip_weight,
      seed=seed,
    )

  def begin_as(self, other: "Reinforce") -> None:
    """Goes on as another one would, with graphs that are traced already.

    Tracing takes longer than all else of a search that trains nothing.

    Args:
      other: of the same settings, but for its seeds.
    """
    self.restore(other.state())
    self._seed = other._seed

  def draw(self, first: int, n: int) -> np.ndarray:
    # Arc number k is always row k % _BLOCK of a block of one size, whose seed
    # is k // _BLOCK: neither its random numbers nor the rounding of the
    # policy's matrix products depend on how many arcs are asked for.
    skipped = first % _BLOCK
    blocks = range(first // _BLOCK, -(-(first + n) // _BLOCK))
    arcs = [
      self._policy.sample(_BLOCK, (self._seed, each)).numpy() for each in blocks
    ]
    return np.concatenate(arcs)[skipped : skipped + n]

  def update(self, trials: Sequence[trials.Trial]) -> dict[str, float]:
    """Learns from the trials that are done; of failed ones nothing is known.

    Args:
      trials: of arcs that were proposed.
    """
    done = [each for each in trials if each.is_done]
    if not done:
      return {}
    arcs = np.array([each.arc for each in done], np.int32)
    rewards = np.array([each.reward for each in done], np.float32)
    metrics = self._update(tf.constant(arcs), tf.constant(rewards))
    metrics = {name: float(value) for name, value in metrics.items()}
    for name in ("controller/loss", "controller/grad_norm"):
      if not math.isfinite(metrics[name]):
        raise errors.DivergenceError(
          f"The {name.replace('/', ' ')} is not finite",
          f"{name}={metrics[name]}, rewards={rewards.min():.4g} to "
          f"{rewards.max():.4g}",
          is_of_controller=True,
        )
    return metrics

  @tf.function(autograph=False, reduce_retracing=True)
  def _update(
    self, arcs: tf.Tensor, rewards: tf.Tensor
  ) -> dict[str, tf.Tensor]:
    with tf.GradientTape() as tape:
      score = self._policy.score(arcs)
      rewards += self._entropy_weight * tf.stop_gradient(score.entropy)
      loss = -tf.reduce_mean(score.log_prob * self._advantages(rewards))
      # Unlike a reward, the penalty has a gradient of its own.
      penalty = tf.reduce_mean(score.penalty)
      if self._penalty_weight:
        loss += self._penalty_weight * penalty
    variables = list(self._variables.values())
    # A network of one layer has no skips, and their weights no gradient.
    gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
    gradients = [tf.convert_to_tensor(each) for each in gradients]
    self._optimizer.apply_gradients(zip(gradients, variables, strict=True))
    metrics = {
      "controller/loss": loss,
      "controller/log_prob": tf.reduce_mean(score.log_prob),
      "controller/entropy_nats": tf.reduce_mean(score.entropy),
      "controller/baseline": self._baseline.value(),
      "controller/grad_norm": tf.linalg.global_norm(gradients),
    }
    if self._penalty_weight:
      metrics["controller/skip_penalty"] = penalty
    return metrics

  def _advantages(self, rewards: tf.Tensor) -> tf.Tensor:
    """Returns rewards [n] minus the baseline, which follows them one by one.

    As in the original, the baseline takes a reward in before it is subtracted
    from it.
    """

    def follow(baseline: tf.Tensor, reward: tf.Tensor) -> tf.Tensor:
      return baseline - (1 - self._bl_dec) * (baseline - reward)

    baselines = tf.scan(follow, rewards, self._baseline.value())
    self._baseline.assign(baselines[-1])
    return tf.stop_gradient(rewards - baselines)

  def _learned(self) -> states.Variables:
    optimizer = {
      f"optimizer/{i}": v.value
      for i, v in enumerate(self._optimizer.variables)
      if v.name != "learning_rate"  # A setting, which may change on resume.
    }
    policy = {f"policy/{name}": v for name, v in self._variables.items()}
    return states.Variables({"baseline": self._baseline} | policy | optimizer)

  def state(self) -> dict[str, np.ndarray]:
    return {**super().state(), **self._learned().state()}

  def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    super().restore(arrays)
    own = super().state()
    self._learned().restore({k: v for k, v in arrays.items() if k not in own})
