"""What all LSTM policies share: they sample arcs, and score them."""

import abc
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from enas_tf.controllers import base, lstm
from enas_tf.spaces import base as spaces

# The logit of an option that is not there: its probability is 0, and its
# logarithm finite.
_NEVER = -1e9

# Makes the next decision: logits [n, options] -> indices [n], or, of k at once,
# logits [n, k, options] -> indices [n, k].
Decide = Callable[[tf.Tensor], tf.Tensor]


class PolicySettings(NamedTuple):
  """What every LSTM policy can be set to.

  Attributes:
    lstm_size: units of the LSTM.
    num_layers: layers of the LSTM.
    tanh_constant: logits are bounded to +- this, or None.
    temperature: what logits are divided by, or None.
    faithful: begin, and score the entropy, as the original does.
  """

  lstm_size: int = 64
  num_layers: int = 1
  tanh_constant: float | None = None
  temperature: float | None = None
  faithful: bool = False


class Trace(NamedTuple):
  """A run of a policy, in the order of its decisions.

  Attributes:
    logits: float32 [n, options] of a decision, or [n, k, options] of k that are
      made at once.
    choices: int32 [n] of a decision, or [n, k].
  """

  logits: list[tf.Tensor]
  choices: list[tf.Tensor]


class Policy(tf.Module, abc.ABC):
  """Makes the decisions of arcs, one after the other.

  Subclasses have these arguments, and their own as keywords before the seed.

  Args:
    space: the space of the arcs.
    settings: what all policies share.
    seed: of the initial weights, at least 0.

  Attributes:
    space: the space of the arcs.
  """

  def __init__(
    self, space: spaces.Space, settings: PolicySettings, *, seed: int
  ) -> None:
    super().__init__()
    self.space = space
    self._settings = settings
    # Is told the tanh of each bounded logit, while somebody asks.
    self._watch: Callable[[tf.Tensor], None] = lambda squashed: None
    self.lstm = lstm.StackedLSTM(settings.lstm_size, settings.num_layers, seed)

  @abc.abstractmethod
  def run(self, n: tf.Tensor, decide: Decide) -> None:
    """Makes all decisions of some arcs.

    Args:
      n: how many arcs, an int32 scalar.
      decide: makes the next decision, or k at once.
    """

  @property
  def named_variables(self) -> dict[str, tf.Variable]:
    """All weights by the names of the original (without "controller/")."""
    return {v.name.removesuffix(":0"): v for v in self.trainable_variables}

  @tf.function(
    autograph=False,
    input_signature=[
      tf.TensorSpec((), tf.int32),
      tf.TensorSpec((2,), tf.int32),
    ],
  )
  def sample(self, n: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Returns arcs as the policy likes them, int32 [n, num_decisions].

    Args:
      n: how many, an int32 scalar.
      seed: of these samples, int32 [2].
    """
    most = max(d.num_options for d in self.space.decisions)
    shape = (n, self.space.num_decisions, most)
    noise = self.cut(lstm.gumbel(shape, seed))

    def choose(i: int, logits: tf.Tensor) -> tf.Tensor:
      noisy = logits + noise[i][..., : logits.shape[-1]]
      return tf.argmax(noisy, -1, tf.int32)

    return self.as_stored(self.join(self._trace(n, choose).choices))

  def score(self, arcs: tf.Tensor) -> base.Score:
    """Returns the score of arcs.

    Args:
      arcs: int32 [n, num_decisions].
    """
    log_prob, entropy = 0.0, 0.0
    trace = self.trace(arcs)
    for logits, choices in zip(*trace, strict=True):
      log_probs = tf.nn.log_softmax(logits)
      # A gather would do, but its gradient would double the graph.
      one_hot = tf.one_hot(choices, logits.shape[-1])
      chosen = tf.reduce_sum(one_hot * log_probs, -1)
      log_prob += _sum(chosen)
      entropy += _sum(self._entropy(log_probs, chosen))
    return base.Score(log_prob, entropy, self.penalty(trace, log_prob))

  def trace(self, arcs: tf.Tensor) -> Trace:
    """Returns the logits of all decisions, and what they were.

    Args:
      arcs: int32 [n, num_decisions].
    """
    choices = self.cut(self.as_decided(arcs))
    return self._trace(tf.shape(arcs)[0], lambda i, logits: choices[i])

  def inspect(self, arcs: tf.Tensor) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """Returns the logits of all decisions, and those before their bound's size.

    Args:
      arcs: int32 [n, num_decisions].

    Returns:
      Logits as in a `Trace`; of those that are bounded, the tanh, in [-1, 1].
    """
    found: list[tf.Tensor] = []
    self._watch = found.append
    try:
      logits = self.trace(arcs).logits
    finally:
      self._watch = lambda squashed: None
    return logits, found

  def as_decided(self, arcs: tf.Tensor) -> tf.Tensor:
    """Returns the integers of arcs in the order in which they are decided.

    Args:
      arcs: [n, num_decisions].
    """
    return arcs

  def as_stored(self, decided: tf.Tensor) -> tf.Tensor:
    """Returns arcs; the inverse of `as_decided`.

    Args:
      decided: [n, num_decisions].
    """
    return decided

  def cut(self, x: tf.Tensor) -> list[tf.Tensor]:
    """Cuts a tensor into what is decided at once.

    Args:
      x: [n, num_decisions, ...].
    """
    return tf.unstack(x, self.space.num_decisions, axis=1)

  def join(self, choices: list[tf.Tensor]) -> tf.Tensor:
    """Returns int32 [n, num_decisions]; the inverse of `cut`.

    Args:
      choices: of a trace.
    """
    return tf.stack(choices, 1)

  def penalty(self, trace: Trace, like: tf.Tensor) -> tf.Tensor:
    """Returns how far arcs are from what the space asks for, float32 [n].

    Args:
      trace: of the arcs.
      like: what the penalty is like in shape, [n].
    """
    del trace
    return tf.zeros_like(like)

  def bound(self, logits: tf.Tensor, reduce: float = 1.0) -> tf.Tensor:
    """Returns logits over the temperature, bounded to +- constant / reduce.

    Args:
      logits: of any shape.
      reduce: how many times smaller the bound is.
    """
    if self._settings.temperature is not None:
      logits /= self._settings.temperature
    if self._settings.tanh_constant is not None:
      squashed = tf.tanh(logits)
      self._watch(squashed)
      logits = self._settings.tanh_constant / reduce * squashed
    return logits

  def _trace(
    self, n: tf.Tensor, choose: Callable[[int, tf.Tensor], tf.Tensor]
  ) -> Trace:
    trace = Trace([], [])

    def decide(logits: tf.Tensor) -> tf.Tensor:
      trace.choices.append(choose(len(trace.choices), logits))
      trace.logits.append(logits)
      return trace.choices[-1]

    self.run(n, decide)
    return trace

  def _entropy(self, log_probs: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Returns the entropy in nats of each decision, of chosen's shape."""
    if self._settings.faithful:
      # The original has the term of the choice alone.
      return -tf.exp(chosen) * chosen
    return -tf.reduce_sum(tf.exp(log_probs) * log_probs, -1)


def mask(logits: tf.Tensor, num_left: tf.Tensor) -> tf.Tensor:
  """Returns logits of which the options behind those that are left are never.

  Args:
    logits: [n, options].
    num_left: how many of the options there are, int32 [n, 1].
  """
  is_left = tf.range(logits.shape[-1]) < num_left
  return tf.where(is_left, logits, _NEVER)


def is_there(logits: tf.Tensor) -> np.ndarray:
  """Returns which options of a decision `mask` left.

  Args:
    logits: of any shape.
  """
  return np.asarray(logits) > _NEVER / 2


def _sum(x: tf.Tensor) -> tf.Tensor:
  """Returns the sum over all decisions that were made at once, [n]."""
  return x if x.shape.rank == 1 else tf.reduce_sum(x, 1)
