"""The LSTM policy of the RNN cell space (ENAS, section 2.1; enas_lm).

It decides, for each node, an earlier node (by attention over their anchors)
and then a function.
"""

from typing import NamedTuple

import tensorflow as tf

from enas_tf.controllers import base, lstm
from enas_tf.spaces import rnn

# Of all weights. Differs from the paper, which has that of the other spaces.
_INITIAL_RANGE = 0.01
# Not in the paper: a prior for near nodes. The logit of an earlier node loses
# the square of its distance over this.
_DISTANCE_SCALE = 6.0


class _Trace(NamedTuple):
  """A run of the policy, in the order of its decisions, which is the arc's."""

  logits: list
  choices: list


class RnnPolicy(tf.Module):
  """Samples and scores arcs of RNN cells.

  Args:
    space: the space of the arcs.
    lstm_size: units of the LSTM.
    num_layers: layers of the LSTM.
    tanh_constant: logits are bounded to +- this (those over earlier nodes
      before their prior), or None. The paper has 2.5.
    temperature: what logits are divided by, or None.
    faithful: score the entropy as the original does.
    seed: of the initial weights.
  """

  def __init__(
    self,
    space: rnn.RnnSpace,
    *,
    lstm_size: int = 64,
    num_layers: int = 1,
    tanh_constant: float | None = 2.25,
    temperature: float | None = 5.0,
    faithful: bool = False,
    seed: int = 0,
  ):
    super().__init__()
    self.space = space
    self._tanh_constant = tanh_constant
    self._temperature = temperature
    self._faithful = faithful
    functions = (len(space.functions), lstm_size)
    self.lstm = lstm.StackedLSTM(lstm_size, num_layers, seed)
    self.attention = lstm.Attention(lstm_size, seed + 100)
    self.g_emb = lstm.uniform((1, lstm_size), "embedding/g", seed + 200)
    self.emb = lstm.uniform(functions, "embedding/w", seed + 201)
    for variable in self.trainable_variables:
      variable.assign(variable * (_INITIAL_RANGE / lstm.INITIAL_RANGE))

  @property
  def named_variables(self) -> dict[str, tf.Variable]:
    """All weights by the names of the original (without "controller/")."""
    # The original has one layer, which needs no number.
    return {
      v.name.removesuffix(":0").replace("lstm/layer_0/", "lstm/"): v
      for v in self.trainable_variables
    }

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
    noise = lstm.gumbel(shape, seed)

    def choose(i, logits):
      noisy = logits + noise[:, i, : logits.shape[1]]
      return tf.argmax(noisy, 1, tf.int32)

    return tf.stack(self._run(n, choose).choices, 1)

  def score(self, arcs) -> base.Score:
    """Returns the score of arcs; nothing is penalised."""
    log_prob, entropy = 0.0, 0.0
    trace = self.trace(arcs)
    for logits, choice in zip(*trace, strict=True):
      log_probs = tf.nn.log_softmax(logits)
      chosen = tf.gather(log_probs, choice, batch_dims=1)
      log_prob += chosen
      entropy += self._entropy(log_probs, chosen)
    return base.Score(log_prob, entropy, tf.zeros_like(log_prob))

  def trace(self, arcs) -> _Trace:
    """Returns the logits of each decision, given arcs int32 [n, decisions]."""
    choices = tf.unstack(arcs, self.space.num_decisions, axis=1)
    return self._run(tf.shape(arcs)[0], lambda i, logits: choices[i])

  def _run(self, n, choose) -> _Trace:
    """Makes all decisions; choose(i, logits [n, options]) makes one, [n]."""
    trace = _Trace([], [])

    def decide(logits):
      trace.choices.append(choose(len(trace.choices), logits))
      trace.logits.append(logits)
      return trace.choices[-1]

    x, state = tf.tile(self.g_emb, [n, 1]), self.lstm.zero_state(n)
    # Differs from the paper: node 0, whose function is given, has no step of
    # the LSTM, and so zeros for an anchor.
    anchors = [] if self.space.first_function else [tf.zeros_like(x)]
    keys = [self.attention.key(anchor) for anchor in anchors]
    for node in range(len(anchors), self.space.num_nodes + 1):
      anchor, state = self.lstm(x, state)
      if node > 0:
        previous = decide(self._previous_logits(keys, anchor))
        x = _take(anchors, previous)
      h, state = self.lstm(x, state)
      function = decide(self._function_logits(h))
      x = tf.gather(self.emb, function)
      anchors.append(anchor)
      keys.append(self.attention.key(anchor))
    return trace

  def _previous_logits(self, keys, anchor):
    logits = self._bound(self.attention(keys, anchor))
    return logits - _distances(len(keys)) ** 2 / _DISTANCE_SCALE

  def _function_logits(self, h):
    # A function has one vector, to be chosen by and to be read.
    return self._bound(tf.matmul(h, self.emb, transpose_b=True))

  def _bound(self, logits):
    return lstm.bound(logits, self._tanh_constant, self._temperature)

  def _entropy(self, log_probs, chosen):
    """Returns the entropy in nats [n] of one decision.

    Args:
      log_probs: [n, options].
      chosen: those of the choices, [n].
    """
    if self._faithful:
      # The original has the term of the choice alone.
      return -tf.exp(chosen) * chosen
    return -tf.reduce_sum(tf.exp(log_probs) * log_probs, 1)


def _distances(node: int):
  """Returns how far a node is from those before it: node, ..., 2, 1."""
  return tf.range(node, 0, -1, tf.float32)


def _take(anchors, previous):
  """Returns the anchors [n, units] of nodes [n], over their distances."""
  # Not in the paper: that far anchors are made small.
  scaled = tf.stack(anchors, 1) / (0.1 + _distances(len(anchors)))[:, None]
  return tf.gather(scaled, previous, batch_dims=1)
