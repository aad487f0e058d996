"""The LSTM policy of the macro space (ENAS, section 2.3).

It decides, for each layer, an operation and then (by attention over the
anchors of the layers before it) which of their outputs the layer adds.
`LayerPolicy` is what policies share that differ in the first of these.
"""

from typing import NamedTuple

import tensorflow as tf

from enas_tf.controllers import base, lstm
from enas_tf.spaces import base as spaces


class _Trace(NamedTuple):
  """A run of the policy, of a MacroPolicy: op_0, op_1, skips_1, op_2, ...

  What is done in a layer is decided one by one and the l skips of layer l at
  once: logits [n, 1 or l, options], choices [n, 1 or l].
  """

  logits: list
  choices: list


class LayerPolicy(tf.Module):
  """Samples and scores arcs of layers: what each does, and then its skips.

  Subclasses decide what a layer does.

  Args:
    space: the space of the arcs; every layer has as many decisions, and layer
      l the l skips behind them.
    lstm_size: units of the LSTM.
    num_layers: layers of the LSTM.
    tanh_constant: logits are bounded to +- this, or None.
    temperature: what logits are divided by, or None.
    skip_target: the share of skips, in (0, 1), that the penalty pulls to.
    faithful: score entropy and penalty as the original does.
    seed: of the initial weights.
  """

  def __init__(
    self,
    space: spaces.Space,
    *,
    lstm_size: int = 64,
    num_layers: int = 1,
    tanh_constant: float | None = 1.5,
    temperature: float | None = None,
    skip_target: float = 0.4,
    faithful: bool = False,
    seed: int = 0,
  ):
    super().__init__()
    self.space = space
    self._tanh_constant = tanh_constant
    self._temperature = temperature
    self._faithful = faithful
    self._log_targets = tf.math.log([1 - skip_target, skip_target])
    self.lstm = lstm.StackedLSTM(lstm_size, num_layers, seed)
    self.attention = lstm.Attention(lstm_size, seed + 100)
    self.g_emb = lstm.uniform((1, lstm_size), "g_emb", seed + 200)
    self._make_weights(lstm_size, seed + 201)
    num_skips = space.num_layers * (space.num_layers - 1) // 2
    num_others = (space.num_decisions - num_skips) // space.num_layers
    # How many decisions are made at once, in the order of the arc.
    self._sizes = [1] * num_others
    self._places_of_skips = []
    for layer in range(1, space.num_layers):
      self._sizes += [1] * num_others + [layer]
      self._places_of_skips.append(len(self._sizes) - 1)

  def _make_weights(self, lstm_size: int, seed: int) -> None:
    """Makes the weights of `_decide_layer`; draws from `seed` and later."""
    raise NotImplementedError

  def _decide_layer(self, x, state, decide):
    """Decides what the next layer does.

    Args:
      x: what the LSTM reads next, [n, lstm_size].
      state: of the LSTM.
      decide: makes a decision, [n, 1], of logits [n, 1, options].

    Returns:
      (x, state) after these decisions.
    """
    raise NotImplementedError

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
    noise = tf.split(lstm.gumbel(shape, seed), self._sizes, axis=1)

    def choose(i, logits):
      noisy = logits + noise[i][:, :, : logits.shape[2]]
      return tf.argmax(noisy, 2, tf.int32)

    return tf.concat(self._run(n, choose).choices, 1)

  def score(self, arcs) -> base.Score:
    """Returns the score of arcs; the penalty is that of the skips."""
    log_prob, entropy = 0.0, 0.0
    trace = self.trace(arcs)
    for logits, choice in zip(*trace, strict=True):
      log_probs = tf.nn.log_softmax(logits)
      # A gather would do, but its gradient would double the graph.
      one_hot = tf.one_hot(choice, logits.shape[2])
      chosen = tf.reduce_sum(one_hot * log_probs, 2)
      log_prob += tf.reduce_sum(chosen, 1)
      entropy += self._entropy(log_probs, chosen)
    penalty = tf.zeros_like(log_prob)
    for place in self._places_of_skips:
      penalty += self._penalty(trace.logits[place])
    penalty /= max(1, len(self._places_of_skips))
    return base.Score(log_prob, entropy, penalty)

  def trace(self, arcs) -> _Trace:
    """Returns the logits of all decisions, given arcs int32 [n, decisions]."""
    choices = tf.split(arcs, self._sizes, axis=1)
    return self._run(tf.shape(arcs)[0], lambda i, logits: choices[i])

  def _run(self, n, choose) -> _Trace:
    """Makes all decisions; choose(i, logits [n, k, options]) returns [n, k]."""
    trace = _Trace([], [])

    def decide(logits):
      trace.choices.append(choose(len(trace.choices), logits))
      trace.logits.append(logits)
      return trace.choices[-1]

    x, state = tf.tile(self.g_emb, [n, 1]), self.lstm.zero_state(n)
    start, anchors, keys = x, [], []
    for _ in range(self.space.num_layers):
      h, state = self.lstm(*self._decide_layer(x, state, decide))
      if anchors:
        skips = decide(self._skip_logits(keys, h))
        x = _blend(anchors, skips)
      else:
        x = start
      # Bit i of a later layer is scored with the anchor of layer i, although
      # it joins tensor i, the output of layer i - 1: as in the original.
      anchors.append(h)
      keys.append(self.attention.key(h))
    return trace

  def _skip_logits(self, keys, h):
    scores = self.attention(keys, h)
    return self._bound(tf.stack([-scores, scores], 2))

  def _bound(self, logits):
    return lstm.bound(logits, self._tanh_constant, self._temperature)

  def _entropy(self, log_probs, chosen):
    """Returns the entropy in nats [n] of some decisions.

    Args:
      log_probs: [n, k, options].
      chosen: those of the choices, [n, k].
    """
    if self._faithful:
      # The original has the term of the choice alone.
      return -tf.reduce_sum(tf.exp(chosen) * chosen, 1)
    return -tf.reduce_sum(tf.exp(log_probs) * log_probs, [1, 2])

  def _penalty(self, logits):
    """Returns KL(skips || target) in nats [n], summed over skips [n, l, 2]."""
    # The original takes each logit through a sigmoid of its own: not a
    # distribution, and not zero where the share of skips is the target.
    squash = tf.math.log_sigmoid if self._faithful else tf.nn.log_softmax
    log_probs = squash(logits)
    divergence = tf.exp(log_probs) * (log_probs - self._log_targets)
    return tf.reduce_sum(divergence, [1, 2])


class MacroPolicy(LayerPolicy):
  """Samples and scores macro arcs: a layer does one operation.

  Args: those of `LayerPolicy`; the space is a `MacroSpace`.
  """

  def _make_weights(self, lstm_size, seed):
    num_ops = len(self.space.ops)
    self.emb = lstm.uniform((num_ops, lstm_size), "emb/w", seed)
    self.softmax_w = lstm.uniform((lstm_size, num_ops), "softmax/w", seed + 1)

  def _decide_layer(self, x, state, decide):
    h, state = self.lstm(x, state)
    op = decide(self._bound(h @ self.softmax_w)[:, None])
    return tf.gather(self.emb, op[:, 0]), state


def _blend(anchors, skips):
  """Returns the sum of the chosen anchors over 1 + their number, [n, units]."""
  skips = tf.cast(skips, tf.float32)[:, :, None]
  total = tf.reduce_sum(skips * tf.stack(anchors, 1), 1)
  return total / (1 + tf.reduce_sum(skips, 1))
