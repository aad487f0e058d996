"""Gradients through the choice of an arc: GDAS (Dong and Yang, 2019).

Each decision has logits l of its own, one for each option. An arc is a sample
of them, drawn with Gumbel noise G, and only what it chose is computed:

    k = argmax_i (l_i + G_i)

Backward, the choice is taken to have been a soft one, of which all but k counts
for nothing (equations 3 to 5 of the paper):

    p = softmax((l + G) / temperature)
    dR / dl_i = dR / dgate_k  dp_k / dl_i

The gate multiplies what was chosen, and its gradient is the evaluator's.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from enas_tf import errors, seeds, states, trials
from enas_tf.controllers import base
from enas_tf.spaces import base as spaces

# Of Adam, as in the paper.
_BETA_1, _BETA_2, _EPSILON = 0.5, 0.999, 1e-8
# Initial logits are about so far from 0, as in the paper.
_INITIAL = 1e-3


class Gradient(base.Controller):
  """Moves the logits of each decision by the gradients of trials.

  Where an option of a space has no gate, as that of no skip connection, its
  gradient is 0, and its probability changes with that of the others alone.

  Differs from the paper, where a step on the logits follows each step on the
  weights: here a controller phase has several, each averages over arcs, and
  the arcs of child steps are drawn like the others.

  Args:
    space: the space of the arcs.
    lr: learning rate of Adam.
    temperatures: of the soft choice, at first and at last.
    num_annealed: updates from the first to the last temperature, linearly.
    seed: of the initial logits and the arcs.
  """

  needs_gradients: ClassVar[bool] = True

  def __init__(
    self,
    space: spaces.Space,
    *,
    lr: float,
    temperatures: tuple[float, float],
    num_annealed: int,
    seed: int,
  ) -> None:
    super().__init__(space)
    self._lr = lr
    self._temperatures = temperatures
    self._num_annealed = num_annealed
    self._seed = seed
    self._num_options = np.array([each.num_options for each in space.decisions])
    shape = len(self._num_options), max(self._num_options)
    rng = np.random.default_rng(seeds.derive(seed, "logits"))
    self._logits = _INITIAL * rng.normal(size=shape)
    self._mean, self._square = np.zeros(shape), np.zeros(shape)
    self._num_updates = 0

  @classmethod
  def from_settings(
    cls,
    settings: Any,
    space: spaces.Space,
    make_policy: Callable[[], Any],
    seed: int,
  ) -> "Gradient":
    """Returns the controller of a run.

    Args:
      settings: of the controller: `gradient_lr`, `temperature_start`,
        `temperature_end` and `temperature_steps`.
      space: the space of the arcs.
      make_policy: returns a policy; it needs none.
      seed: of the arcs.
    """
    del make_policy
    return cls(
      space,
      lr=settings.gradient_lr,
      temperatures=(settings.temperature_start, settings.temperature_end),
      num_annealed=settings.temperature_steps,
      seed=seed,
    )

  @property
  def temperature(self) -> float:
    """That of the next update."""
    first, last = self._temperatures
    progress = min(self._num_updates / self._num_annealed, 1)
    return first + progress * (last - first)

  def draw(self, first: int, n: int) -> np.ndarray:
    rows = [self._row(number) for number in range(first, first + n)]
    return np.array(rows, np.int32).reshape(n, self.space.num_decisions)

  def _noisy(self, number: int) -> np.ndarray:
    """Returns l + G of an arc by its number, [num_decisions, options]."""
    rng = np.random.default_rng([self._seed, number])
    return self._logits + rng.gumbel(size=self._logits.shape)

  def _row(self, number: int) -> list[int]:
    row: list[int] = []
    for logits in self._noisy(number):
      row.append(int(logits[: self.space.num_options(row)].argmax()))
    return row

  def update(self, trials: Sequence[trials.Trial]) -> dict[str, float]:
    """Learns from the trials that are done, and were not predicted.

    Args:
      trials: of arcs that were proposed since the last update.

    Raises:
      ConfigError: if none of them has gradients.
    """
    done = [each for each in trials if each.is_done and not each.is_predicted]
    known = [each for each in done if each.gradients is not None]
    if done and not known:
      raise errors.ConfigError(
        "`controller=gradient` learns from gradients, and the evaluator gives "
        "none: set `evaluator=shared_weights`, or another `controller`. "
        f"Received: gradients=None of arc {done[0].number}"
      )
    temperature = self.temperature
    gradient = np.zeros_like(self._logits)
    for trial in known:
      gradient += self._gradient(trial, temperature) / len(known)
    if known:
      self._step(gradient)
    return {
      "controller/entropy_nats": self._entropy_nats,
      "controller/temperature": temperature,
      "controller/grad_norm": float(np.linalg.norm(gradient)),
    }

  def _gradient(self, trial: trials.Trial, temperature: float) -> np.ndarray:
    """Returns that of a trial's reward with respect to the logits."""
    found = np.zeros_like(self._logits)
    for position, logits in enumerate(self._noisy(trial.number)):
      chosen = trial.arc[position]
      num_options = self.space.num_options(trial.arc[:position])
      p = np.exp(_log_softmax(logits[:num_options] / temperature))
      of_p = p[chosen] * (np.arange(num_options) == chosen) - p[chosen] * p
      gate = (trial.gradients or ())[position]
      found[position, :num_options] = gate * of_p / temperature
    return found

  def _step(self, gradient: np.ndarray) -> None:
    """Moves the logits up a gradient, with Adam."""
    self._num_updates += 1
    self._mean += (1 - _BETA_1) * (gradient - self._mean)
    self._square += (1 - _BETA_2) * (gradient**2 - self._square)
    mean = self._mean / (1 - _BETA_1**self._num_updates)
    square = self._square / (1 - _BETA_2**self._num_updates)
    self._logits += self._lr * mean / (np.sqrt(square) + _EPSILON)

  def recommend(self, n: int) -> np.ndarray:
    """Returns the most probable arcs, all different, the first one first.

    Args:
      n: how many at most.
    """
    # As long as no decision shrinks, these are exactly the n most probable.
    best: list[tuple[float, list[int]]] = [(0.0, [])]
    for logits in self._logits:
      longer = [
        (log_prob + each, [*row, option])
        for log_prob, row in best
        for option, each in enumerate(
          _log_softmax(logits[: self.space.num_options(row)])
        )
      ]
      best = sorted(longer, key=lambda each: -each[0])[:n]
    return np.array([row for _, row in best], np.int32)

  @property
  def _entropy_nats(self) -> float:
    """The entropy of all decisions, as if each had all of its options."""
    log_probs = [
      _log_softmax(logits[:num_options])
      for logits, num_options in zip(
        self._logits, self._num_options, strict=True
      )
    ]
    return -sum(float(np.exp(each) @ each) for each in log_probs)

  def diagnostics(self) -> dict[str, float]:
    entropy, most = self._entropy_nats, float(np.log(self._num_options).sum())
    return {
      "controller/entropy_fraction": entropy / most if most else 1.0,
      "controller/kl_from_start": max(most - entropy, 0.0),
    }

  def state(self) -> dict[str, np.ndarray]:
    return {
      **super().state(),
      "logits": self._logits.copy(),
      "mean": self._mean.copy(),
      "square": self._square.copy(),
      "num_updates": np.array(self._num_updates, np.int64),
    }

  def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    states.check(self.state(), arrays)
    self.num_arcs = int(arrays["num_proposals"])
    self._logits = np.array(arrays["logits"])
    self._mean = np.array(arrays["mean"])
    self._square = np.array(arrays["square"])
    self._num_updates = int(arrays["num_updates"])


def _log_softmax(logits: np.ndarray) -> np.ndarray:
  """Returns the logarithms of the probabilities of options, [options]."""
  logits = logits - logits.max()
  return logits - np.log(np.exp(logits).sum())
