"""What all LSTM policies share: they sample arcs, and score them."""

import abc
from typing import NamedTuple

import tensorflow as tf

from enas_tf.controllers import base, lstm
from enas_tf.spaces import base as spaces


class Trace(NamedTuple):
  """A run of a policy, in the order of its decisions.

  A decision has logits [n, options] and choices [n]; k that are made at once
  have logits [n, k, options] and choices [n, k].
  """

  logits: list
  choices: list


class Policy(tf.Module, abc.ABC):
  """Makes the decisions of arcs, one after the other.

  Args:
    space: the space of the arcs.
    lstm_size: units of the LSTM.
    num_layers: layers of the LSTM.
    tanh_constant: logits are bounded to +- this, or None.
    temperature: what logits are divided by, or None.
    faithful: score the entropy as the original does.
    seed: of the initial weights.
  """

  def __init__(
    self,
    space: spaces.Space,
    *,
    lstm_size: int,
    num_layers: int,
    tanh_constant: float | None,
    temperature: float | None,
    faithful: bool,
    seed: int,
  ):
    super().__init__()
    self.space = space
    self._tanh_constant = tanh_constant
    self._temperature = temperature
    self._faithful = faithful
    self.lstm = lstm.StackedLSTM(lstm_size, num_layers, seed)
    self.attention = lstm.Attention(lstm_size, seed)

  @abc.abstractmethod
  def run(self, n, decide) -> None:
    """Makes all decisions of n arcs; decide(logits) makes one, or k at once."""

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
  def sample(self, n, seed):
    """Returns n arcs, int32 [n, num_decisions], drawn with a stateless seed."""
    most = max(d.num_options for d in self.space.decisions)
    shape = (n, self.space.num_decisions, most)
    noise = self.cut(lstm.gumbel(shape, seed))

    def choose(i, logits):
      noisy = logits + noise[i][..., : logits.shape[-1]]
      return tf.argmax(noisy, -1, tf.int32)

    return self.as_stored(self.join(self._trace(n, choose).choices))

  def score(self, arcs) -> base.Score:
    """Returns the score of arcs, int32 [n, num_decisions]."""
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

  def trace(self, arcs) -> Trace:
    """Returns the logits of all decisions, given arcs [n, num_decisions]."""
    choices = self.cut(self.as_decided(arcs))
    return self._trace(tf.shape(arcs)[0], lambda i, logits: choices[i])

  def as_decided(self, arcs):
    """Returns the integers of arcs in the order in which they are decided."""
    return arcs

  def as_stored(self, decided):
    """Returns arcs; the inverse of `as_decided`."""
    return decided

  def cut(self, x) -> list:
    """Cuts x [n, num_decisions, ...] into what is decided at once."""
    return tf.unstack(x, self.space.num_decisions, axis=1)

  def join(self, choices: list):
    """Returns int32 [n, num_decisions]; the inverse of `cut`."""
    return tf.stack(choices, 1)

  def penalty(self, trace: Trace, like):
    """Returns the penalty of arcs, of the shape of `like`, [n]."""
    del trace
    return tf.zeros_like(like)

  def bound(self, logits, reduce: float = 1.0):
    """Returns logits over the temperature, bounded to +- constant / reduce."""
    if self._temperature is not None:
      logits /= self._temperature
    if self._tanh_constant is not None:
      logits = self._tanh_constant / reduce * tf.tanh(logits)
    return logits

  def _trace(self, n, choose) -> Trace:
    trace = Trace([], [])

    def decide(logits):
      trace.choices.append(choose(len(trace.choices), logits))
      trace.logits.append(logits)
      return trace.choices[-1]

    self.run(n, decide)
    return trace

  def _entropy(self, log_probs, chosen):
    """Returns the entropy in nats of each decision, of chosen's shape."""
    if self._faithful:
      # The original has the term of the choice alone.
      return -tf.exp(chosen) * chosen
    return -tf.reduce_sum(tf.exp(log_probs) * log_probs, -1)


def _sum(x):
  """Returns the sum over all decisions that were made at once, [n]."""
  return x if x.shape.rank == 1 else tf.reduce_sum(x, 1)
