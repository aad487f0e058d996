"""The LSTM policy of the micro space (ENAS, section 2.4; micro_controller.py).

It decides, for each node of the normal and then of the reduction cell, two
earlier nodes (by attention over their anchors) and two operations.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from enas_tf.controllers import base, lstm
from enas_tf.spaces import micro

_SEPARABLE = ("sep_conv_3x3", "sep_conv_5x5")
# The original prefers the separable convolutions at the start, by a bias that
# is learnt and, in the normal cell alone, by one that is not.
_LEARNT_BIAS = 10.0
_FIXED_BIAS = 0.25


class _Trace(NamedTuple):
  """A run of the policy, in the order of its decisions."""

  logits: list
  choices: list


class MicroPolicy(tf.Module):
  """Samples and scores micro arcs.

  Args:
    space: the space of the arcs.
    lstm_size: units of the LSTM.
    num_layers: layers of the LSTM.
    tanh_constant: logits are bounded to +- this, or None.
    op_tanh_reduce: the bound of the op logits is this many times smaller.
    temperature: what logits are divided by, or None.
    seed: of the initial weights.
  """

  def __init__(
    self,
    space: micro.MicroSpace,
    *,
    lstm_size: int = 64,
    num_layers: int = 1,
    tanh_constant: float | None = 1.10,
    op_tanh_reduce: float = 2.5,
    temperature: float | None = None,
    seed: int = 0,
  ):
    super().__init__()
    self.space = space
    self._tanh_constant = tanh_constant
    self._op_tanh_reduce = op_tanh_reduce
    self._temperature = temperature
    num_ops = len(space.ops)
    self.lstm = lstm.StackedLSTM(lstm_size, num_layers, seed)
    self.attention = lstm.Attention(lstm_size, seed + 100)
    self.g_emb = lstm.uniform((1, lstm_size), "g_emb", seed + 200)
    self.emb = lstm.uniform((num_ops, lstm_size), "emb/w", seed + 201)
    self.softmax_w = lstm.uniform((lstm_size, num_ops), "softmax/w", seed + 202)
    separable = np.isin(space.ops, _SEPARABLE)
    bias = np.where(separable, _LEARNT_BIAS, 0)[None]
    self.softmax_b = tf.Variable(bias.astype(np.float32), name="softmax/b")
    bias = np.where(separable, _FIXED_BIAS, -_FIXED_BIAS)
    self._fixed_bias = tf.constant(bias, tf.float32)
    # The arc stores index_1 op_1 index_2 op_2 of a node; the policy decides
    # index_1 index_2 op_1 op_2.
    order = np.arange(space.num_decisions).reshape(-1, 4)[:, [0, 2, 1, 3]]
    self._place_of_decision = order.reshape(-1)
    self._decision_of_place = np.argsort(self._place_of_decision)

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
    noise = lstm.gumbel(shape, seed)

    def choose(i, logits):
      noisy = logits + noise[:, i, : logits.shape[1]]
      return tf.argmax(noisy, 1, tf.int32)

    choices = tf.stack(self._run(n, choose).choices, 1)
    return tf.gather(choices, self._decision_of_place, axis=1)

  def score(self, arcs) -> base.Score:
    """Returns the score of arcs; nothing is penalised."""
    log_prob, entropy = 0.0, 0.0
    trace = self.trace(arcs)
    for logits, choice in zip(*trace, strict=True):
      log_probs = tf.nn.log_softmax(logits)
      log_prob += tf.gather(log_probs, choice, batch_dims=1)
      entropy -= tf.reduce_sum(tf.exp(log_probs) * log_probs, 1)
    return base.Score(log_prob, entropy, tf.zeros_like(log_prob))

  def trace(self, arcs) -> _Trace:
    """Returns the logits of each decision, given arcs int32 [n, decisions]."""
    choices = tf.unstack(
      tf.gather(arcs, self._place_of_decision, axis=1), axis=1
    )
    return self._run(tf.shape(arcs)[0], lambda i, logits: choices[i])

  def _run(self, n, choose) -> _Trace:
    """Makes all decisions; choose(i, logits [n, options]) makes one, [n]."""
    trace = _Trace([], [])

    def decide(logits):
      trace.choices.append(choose(len(trace.choices), logits))
      trace.logits.append(logits)
      return trace.choices[-1]

    # The reduction cell starts from the state that the normal cell left.
    state = self.lstm.zero_state(n)
    for cell in micro.CELLS:
      state = self._run_cell(n, state, cell, decide)
    return trace

  def _run_cell(self, n, state, cell, decide):
    start = tf.tile(self.g_emb, [n, 1])
    anchors = [tf.zeros_like(start)] * 2
    keys = []
    for _ in range(2):
      h, state = self.lstm(start, state)
      keys.append(self.attention.key(h))
    for _ in range(self.space.num_cells):
      x = start
      for _ in range(2):
        h, state = self.lstm(x, state)
        index = decide(self._bound(self.attention(keys, h)))
        x = tf.gather(tf.stack(anchors, 1), index, batch_dims=1)
      for _ in range(2):
        h, state = self.lstm(x, state)
        op = decide(self._op_logits(h, cell))
        x = tf.gather(self.emb, op)
      h, state = self.lstm(x, state)
      anchors.append(h)
      keys.append(self.attention.key(h))
    return state

  def _op_logits(self, h, cell):
    logits = h @ self.softmax_w + self.softmax_b
    logits = self._bound(logits, self._op_tanh_reduce)
    return logits + self._fixed_bias if cell == "normal" else logits

  def _bound(self, logits, reduce=1.0):
    constant = self._tanh_constant
    if constant is not None:
      constant /= reduce
    return lstm.bound(logits, constant, self._temperature)
