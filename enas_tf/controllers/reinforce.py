"""REINFORCE (ENAS, section 2.2), and its clipped form (PPO)."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from enas_tf import errors, states, trials
from enas_tf.controllers import base, diagnosis
from enas_tf.controllers import policy as policies
from enas_tf.spaces import base as spaces

# Arcs that are drawn together; see `draw`.
_BLOCK = 32
# Steps of imitation, and their rate: half the way to sure, in the tests.
_IMITATIONS, _IMITATION_LR = 100, 0.003
# Weights begin below 0.1; with such ones, every gate of the LSTM is stuck.
_LARGEST_WEIGHT = 1e4
_DIAGNOSED = 64  # Arcs by which the policy is diagnosed.


class Reinforce(base.Controller):
  """Trains a policy so that it proposes arcs with higher rewards.

  Args:
    policy: has `space`, `sample`, `score` and `named_variables`.
    lr: learning rate of Adam.
    entropy_weight: weight of the entropy, in nats. Where rewards are
      standardized it is subtracted from the loss, so that a preference lasts
      only as long as rewards keep it up; else added to a reward, as in the
      original.
    bl_dec: decay of the moving average of the rewards.
    seed: of the arcs.
    penalty_weight: weight of the policy's penalty, which is added to the loss
      (of a macro policy: the original's skip_weight).
    adam_beta_1: Adam's decay of the mean gradient.
    adam_epsilon: what Adam adds to a gradient's root mean square.
    baseline: what is subtracted from a reward: "batch", the mean of the others
      of the update (of a single one, that of all before it, moving), or
      "moving_average", the original's, which begins at 0.
    standardize: whether the difference is divided by the deviation of the
      rewards of the update.
    ppo_steps: steps of an update; those behind the first are clipped.
    ppo_clip: how far the probability of an arc may move in an update before it
      teaches no more, as a fraction.
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
    adam_epsilon: float = 1e-8,
    baseline: str = "batch",
    standardize: bool = True,
    ppo_steps: int = 1,
    ppo_clip: float = 0.2,
  ) -> None:
    super().__init__(policy.space)
    self._policy = policy
    self._entropy_weight = entropy_weight
    self._bl_dec = bl_dec
    self._penalty_weight = penalty_weight
    self._standardize = standardize
    self._ppo_steps, self._ppo_clip = ppo_steps, ppo_clip
    self._seed = seed
    self._baseline = tf.Variable(0.0, trainable=False)
    # How much of the moving average is rewards, and not where it began.
    self._baseline_weight = tf.Variable(0.0, trainable=False)
    self._subtract = {
      "batch": self._minus_others,
      "moving_average": self._minus_moving_average,
    }[baseline]
    self._variables = policy.named_variables
    self._start = {name: v.numpy() for name, v in self._variables.items()}
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
      settings: of the controller, a `settings.controller.Learning`.
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
      baseline=settings.baseline,
      bl_dec=settings.bl_dec,
      standardize=settings.standardize,
      ppo_steps=settings.ppo_steps if settings.update == "ppo" else 1,
      ppo_clip=settings.ppo_clip,
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
    allowed = [self._within(block) for block in arcs]
    return np.concatenate(allowed)[skipped : skipped + n]

  def _within(self, block: np.ndarray) -> np.ndarray:
    """Returns a block in which the next arcs stand for those not allowed."""
    good = [i for i, arc in enumerate(block) if self.is_allowed(arc)]
    if len(good) in (0, len(block)):
      return block
    after = np.searchsorted(good, range(len(block))) % len(good)
    return block[np.array(good)[after]]

  def update(self, trials: Sequence[trials.Trial]) -> dict[str, float]:
    """Learns from the trials that are done; of failed ones nothing is known.

    What is beyond a limit is as bad as the worst of the update.

    Args:
      trials: of arcs that were proposed.
    """
    done = [each.reward for each in trials if each.is_done]
    if not done:
      return {}
    known = [each for each in trials if each.is_done or _is_outside(each)]
    arcs = tf.constant([each.arc for each in known], tf.int32)
    rewards = tf.constant(
      [each.reward if each.is_done else min(done) for each in known], tf.float32
    )
    advantages, log_probs, metrics = self._first_step(arcs, rewards)
    for _ in range(self._ppo_steps - 1):
      self._clipped_step(arcs, advantages, log_probs)
    found = {name: float(value) for name, value in metrics.items()}
    _check(found, rewards.numpy())
    return found

  @tf.function(autograph=False, reduce_retracing=True)
  def _first_step(
    self, arcs: tf.Tensor, rewards: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
    """Learns from arcs as they were drawn: theta <- theta + A grad log pi.

    Args:
      arcs: int32 [n, num_decisions].
      rewards: float32 [n].

    Returns:
      The advantages A, float32 [n]; the log-probabilities of the arcs before
      the step, likewise; what to log.
    """
    with tf.GradientTape() as tape:
      score = self._policy.score(arcs)
      if not self._standardize:
        rewards += self._entropy_weight * tf.stop_gradient(score.entropy)
      advantages = self._advantages(rewards)
      loss = -tf.reduce_mean(score.log_prob * advantages)
      loss += self._regularization(score)
    norm = self._descend(tape, loss)
    weights = self._variables.values()
    metrics = {
      "controller/loss": loss,
      "controller/log_prob": tf.reduce_mean(score.log_prob),
      "controller/entropy_nats": tf.reduce_mean(score.entropy),
      "controller/baseline": self._baseline.value(),
      "controller/grad_norm": norm,
      "controller/largest_weight": tf.reduce_max(
        [tf.reduce_max(tf.abs(each)) for each in weights]
      ),
    }
    if self._penalty_weight:
      metrics["controller/skip_penalty"] = tf.reduce_mean(score.penalty)
    return advantages, score.log_prob, metrics

  def imitate(self, arcs: np.ndarray) -> None:
    """Makes arcs more likely: behaviour cloning.

    Args:
      arcs: int32 [n, num_decisions].
    """
    variables = list(self._variables.values())
    optimizer = keras.optimizers.Adam(_IMITATION_LR)
    optimizer.build(variables)
    given = tf.constant(arcs)

    @tf.function(autograph=False)
    def step() -> None:
      with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(self._policy.score(given).log_prob)
      gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
      gradients = [tf.convert_to_tensor(each) for each in gradients]
      optimizer.apply_gradients(zip(gradients, variables, strict=True))

    for _ in range(_IMITATIONS):
      step()

  @tf.function(autograph=False, reduce_retracing=True)
  def _clipped_step(
    self, arcs: tf.Tensor, advantages: tf.Tensor, log_probs: tf.Tensor
  ) -> None:
    """Learns once more from the same arcs (Schulman et al. 2017, equation 7).

    Args:
      arcs: int32 [n, num_decisions].
      advantages: of the first step, float32 [n].
      log_probs: before the first step, float32 [n].
    """
    low, high = 1 - self._ppo_clip, 1 + self._ppo_clip
    with tf.GradientTape() as tape:
      score = self._policy.score(arcs)
      ratios = tf.exp(score.log_prob - log_probs)
      clipped = tf.clip_by_value(ratios, low, high)
      gains = tf.minimum(ratios * advantages, clipped * advantages)
      loss = self._regularization(score) - tf.reduce_mean(gains)
    self._descend(tape, loss)

  def _regularization(self, score: base.Score) -> tf.Tensor | float:
    """Returns what is added to the loss; unlike a reward, it has a gradient."""
    loss = 0.0
    if self._penalty_weight:
      loss += self._penalty_weight * tf.reduce_mean(score.penalty)
    if self._standardize and self._entropy_weight:
      loss -= self._entropy_weight * tf.reduce_mean(score.entropy)
    return loss

  def _descend(self, tape: tf.GradientTape, loss: tf.Tensor) -> tf.Tensor:
    """Makes a step of Adam; returns the norm of the gradients."""
    variables = list(self._variables.values())
    # A network of one layer has no skips, and their weights no gradient.
    gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
    gradients = [tf.convert_to_tensor(each) for each in gradients]
    self._optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return tf.linalg.global_norm(gradients)

  def _advantages(self, rewards: tf.Tensor) -> tf.Tensor:
    """Returns by how much arcs are better than was expected, float32 [n].

    Args:
      rewards: float32 [n].
    """
    advantages = self._subtract(rewards)
    if self._standardize:
      # Differs from the original, whose advantages are as large as rewards are.
      # Alike, they teach nothing; a single one is as large as it is.
      is_one = tf.equal(tf.size(rewards), 1)
      deviation = tf.where(is_one, 1.0, _deviation(rewards))
      advantages = tf.math.divide_no_nan(advantages, deviation)
    return tf.stop_gradient(advantages)

  def _minus_others(self, rewards: tf.Tensor) -> tf.Tensor:
    """Returns rewards [n] minus the mean of the others of the update.

    Differs from the original: neither the reward itself nor the 0 that a
    moving average begins with is in it (Kool et al. 2019).
    """
    # The mean of those before, which a single one is compared with.
    before = tf.math.divide_no_nan(self._baseline, self._baseline_weight)
    alone = tf.where(self._baseline_weight > 0, rewards - before, 0.0)
    self._follow(rewards)
    n = tf.cast(tf.size(rewards), tf.float32)
    others = tf.math.divide_no_nan(tf.reduce_sum(rewards) - rewards, n - 1)
    return tf.where(n > 1, rewards - others, alone)

  def _minus_moving_average(self, rewards: tf.Tensor) -> tf.Tensor:
    """Returns rewards [n] minus the baseline, which follows them one by one.

    As in the original, the baseline begins at 0, and takes a reward in before
    it is subtracted from it.
    """
    return rewards - self._follow(rewards)

  def _follow(self, rewards: tf.Tensor) -> tf.Tensor:
    """Moves the baseline on; returns what it is behind each reward, [n]."""

    def follow(baseline: tf.Tensor, reward: tf.Tensor) -> tf.Tensor:
      return baseline - (1 - self._bl_dec) * (baseline - reward)

    baselines = tf.scan(follow, rewards, self._baseline.value())
    self._baseline.assign(baselines[-1])
    left = self._bl_dec ** tf.cast(tf.size(rewards), tf.float32)
    self._baseline_weight.assign(1 - left * (1 - self._baseline_weight))
    return baselines

  def diagnostics(self) -> dict[str, float]:
    arcs = self.draw(self.num_arcs, _DIAGNOSED)
    return diagnosis.diagnose(self._policy, self._start, tf.constant(arcs))

  def _learned(self) -> states.Variables:
    optimizer = {
      f"optimizer/{i}": v.value
      for i, v in enumerate(self._optimizer.variables)
      if v.name != "learning_rate"  # A setting, which may change on resume.
    }
    policy = {f"policy/{name}": v for name, v in self._variables.items()}
    baseline = {
      "baseline": self._baseline,
      "baseline_weight": self._baseline_weight,
    }
    return states.Variables(baseline | policy | optimizer)

  def state(self) -> dict[str, np.ndarray]:
    return {**super().state(), **self._learned().state()}

  def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    super().restore(arrays)
    own = super().state()
    self._learned().restore({k: v for k, v in arrays.items() if k not in own})


def _is_outside(trial: trials.Trial) -> bool:
  return trial.status == trials.OUTSIDE


def _deviation(rewards: tf.Tensor) -> tf.Tensor:
  """Returns the standard deviation of rewards [n]; of equal ones, exactly 0."""
  spread = tf.reduce_max(rewards) - tf.reduce_min(rewards)
  return tf.where(spread > 0, tf.math.reduce_std(rewards), 0.0)


def _check(metrics: Mapping[str, float], rewards: np.ndarray) -> None:
  """Raises DivergenceError if a policy can learn no more."""
  largest = metrics["controller/largest_weight"]
  for name in ("loss", "grad_norm", "largest_weight"):
    value = metrics[f"controller/{name}"]
    if math.isfinite(value) and largest <= _LARGEST_WEIGHT:
      continue
    what = f"controller {name}"
    raise errors.DivergenceError(
      f"The {what} is not finite"
      if not math.isfinite(value)
      else "The controller's weights are too large for it to learn",
      f"{name}={value}, rewards={rewards.min():.4g} to {rewards.max():.4g}",
      is_of_controller=True,
    )
