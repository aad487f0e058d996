"""The LSTM policy of the micro space (ENAS, section 2.4; micro_controller.py).

It decides, for each node of the normal and then of the reduction cell, two
earlier nodes (by attention over their anchors) and two operations.
"""

import numpy as np
import tensorflow as tf

from enas_tf.controllers import lstm, policy
from enas_tf.spaces import micro

DEFAULTS = policy.PolicySettings()
_SEPARABLE = ("sep_conv_3x3", "sep_conv_5x5")
# The original prefers the separable convolutions at the start, by a bias that
# is learnt and, in the normal cell alone, by one that is not. Only a faithful
# policy does: the former saturates the tanh, so that it cannot be unlearnt, and
# the preference keeps the other weights of a supernet from being trained.
_LEARNT_BIAS = 10.0
_FIXED_BIAS = 0.25


class MicroPolicy(policy.Policy):
  """Samples and scores micro arcs.

  Args:
    space: the space of the arcs.
    settings: see `policy.PolicySettings`; faithful is the preference for
      separable convolutions at the start, and the entropy is always exact.
    op_tanh_reduce: the bound of the logits of operations is this many times
      smaller.
    seed: of the initial weights, at least 0.
  """

  space: micro.MicroSpace

  def __init__(
    self,
    space: micro.MicroSpace,
    settings: policy.PolicySettings = DEFAULTS,
    *,
    op_tanh_reduce: float = 1.0,
    seed: int = 0,
  ) -> None:
    super().__init__(space, settings._replace(faithful=False), seed=seed)
    lstm_size = settings.lstm_size
    self.attention = lstm.Attention(lstm_size, seed)
    self._op_tanh_reduce = op_tanh_reduce
    num_ops = len(space.ops)
    self.g_emb = lstm.uniform((1, lstm_size), "g_emb", seed)
    self.emb = lstm.uniform((num_ops, lstm_size), "emb/w", seed)
    self.softmax_w = lstm.uniform((lstm_size, num_ops), "softmax/w", seed)
    separable = np.isin(space.ops, _SEPARABLE)
    learnt = np.where(separable, _LEARNT_BIAS, 0)[None]
    fixed = np.where(separable, _FIXED_BIAS, -_FIXED_BIAS)
    if not settings.faithful:
      learnt, fixed = np.zeros_like(learnt), np.zeros_like(fixed)
    self.softmax_b = tf.Variable(learnt.astype(np.float32), name="softmax/b")
    self._fixed_bias = tf.constant(fixed, tf.float32)
    # The arc stores index_1 op_1 index_2 op_2 of a node; the policy decides
    # index_1 index_2 op_1 op_2.
    order = np.arange(space.num_decisions).reshape(-1, 4)[:, [0, 2, 1, 3]]
    self._position_of_decision = order.reshape(-1)
    self._decision_at_position = np.argsort(self._position_of_decision)

  def as_decided(self, arcs: tf.Tensor) -> tf.Tensor:
    return tf.gather(arcs, self._position_of_decision, axis=1)

  def as_stored(self, decided: tf.Tensor) -> tf.Tensor:
    return tf.gather(decided, self._decision_at_position, axis=1)

  def run(self, n: tf.Tensor, decide: policy.Decide) -> None:
    # The reduction cell starts from the state that the normal cell left.
    state = self.lstm.zero_state(n)
    for cell in micro.CELLS:
      state = self._run_cell(n, state, cell, decide)

  def _run_cell(
    self, n: tf.Tensor, state: lstm.State, cell: str, decide: policy.Decide
  ) -> lstm.State:
    start = tf.broadcast_to(self.g_emb, [n, self.g_emb.shape[1]])
    anchors = [tf.zeros_like(start)] * 2
    keys = []
    for _ in range(2):
      h, state = self.lstm(start, state)
      keys.append(self.attention.key(h))
    for _ in range(self.space.num_cells):
      x = start
      for _ in range(2):
        h, state = self.lstm(x, state)
        index = decide(self.bound(self.attention(keys, h)))
        x = tf.gather(tf.stack(anchors, 1), index, batch_dims=1)
      for _ in range(2):
        h, state = self.lstm(x, state)
        op = decide(self._op_logits(h, cell))
        x = tf.gather(self.emb, op)
      h, state = self.lstm(x, state)
      anchors.append(h)
      keys.append(self.attention.key(h))
    return state

  def _op_logits(self, h: tf.Tensor, cell: str) -> tf.Tensor:
    logits = h @ self.softmax_w + self.softmax_b
    logits = self.bound(logits, self._op_tanh_reduce)
    return logits + self._fixed_bias if cell == "normal" else logits
