"""The LSTM policy of the macro space (ENAS, section 2.3).

It decides, for each layer, an operation and then (by attention over the
anchors of the layers before it) which of their outputs the layer adds.
`LayerPolicy` is what policies share that differ in the first of these.
"""

import tensorflow as tf

from enas_tf.controllers import lstm, policy
from enas_tf.spaces import macro, macro_channels

DEFAULTS = policy.PolicySettings()
LayerSpace = macro.MacroSpace | macro_channels.MacroChannelsSpace


class LayerPolicy(policy.Policy):
  """Samples and scores arcs of layers: what each does, and then its skips.

  What a layer does is decided one by one, by subclasses, and the l skips of
  layer l at once: logits [n, 1 or l, options], choices [n, 1 or l].

  Args:
    space: the space of the arcs; every layer has as many decisions, and layer
      l the l skips behind them.
    settings: see `policy.PolicySettings`; faithful is the penalty, too.
    skip_target: the fraction of skips, in (0, 1), that the penalty pulls to.
    seed: of the initial weights, at least 0.
  """

  space: LayerSpace

  def __init__(
    self,
    space: LayerSpace,
    settings: policy.PolicySettings = DEFAULTS,
    *,
    skip_target: float = 0.4,
    seed: int = 0,
  ) -> None:
    super().__init__(space, settings, seed=seed)
    lstm_size = settings.lstm_size
    self.attention = lstm.Attention(lstm_size, seed)
    self._log_targets = tf.math.log([1 - skip_target, skip_target])
    self.g_emb = lstm.uniform((1, lstm_size), "g_emb", seed)
    self._make_weights(lstm_size, seed)
    num_skips = space.num_layers * (space.num_layers - 1) // 2
    num_others = (space.num_decisions - num_skips) // space.num_layers
    # How many decisions are made at once, in the order of the arc.
    self._sizes = [1] * num_others
    self._positions_of_skips = []
    for layer in range(1, space.num_layers):
      self._sizes += [1] * num_others + [layer]
      self._positions_of_skips.append(len(self._sizes) - 1)

  def _make_weights(self, lstm_size: int, seed: int) -> None:
    """Makes the weights of `_decide_layer`.

    Args:
      lstm_size: units of the LSTM.
      seed: of the policy.
    """
    raise NotImplementedError

  def _decide_layer(
    self, x: tf.Tensor, state: lstm.State, decide: policy.Decide
  ) -> tuple[tf.Tensor, lstm.State]:
    """Decides what the next layer does.

    Args:
      x: what the LSTM reads next, [n, lstm_size].
      state: of the LSTM.
      decide: makes a decision, [n, 1], of logits [n, 1, options].

    Returns:
      (x, state) after these decisions.
    """
    raise NotImplementedError

  def cut(self, x: tf.Tensor) -> list[tf.Tensor]:
    return tf.split(x, self._sizes, axis=1)

  def join(self, choices: list[tf.Tensor]) -> tf.Tensor:
    return tf.concat(choices, 1)

  def penalty(self, trace: policy.Trace, like: tf.Tensor) -> tf.Tensor:
    """Returns how far the skips are from their target, in nats, [n].

    Args:
      trace: of the arcs.
      like: what the penalty is like in shape, [n].
    """
    penalty = super().penalty(trace, like)
    for position in self._positions_of_skips:
      penalty += self._divergence(trace.logits[position])
    return penalty / max(1, len(self._positions_of_skips))

  def run(self, n: tf.Tensor, decide: policy.Decide) -> None:
    x = tf.broadcast_to(self.g_emb, [n, self.g_emb.shape[1]])
    state = self.lstm.zero_state(n)
    start = x
    anchors: list[tf.Tensor] = []
    keys: list[tf.Tensor] = []
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

  def _skip_logits(self, keys: list[tf.Tensor], h: tf.Tensor) -> tf.Tensor:
    scores = self.attention(keys, h)
    return self.bound(tf.stack([-scores, scores], 2))

  def _divergence(self, logits: tf.Tensor) -> tf.Tensor:
    """Returns KL(skips || target) in nats [n], summed over skips [n, l, 2]."""
    # The original takes each logit through a sigmoid of its own: not a
    # distribution, and not zero where the fraction of skips is the target.
    squash = (
      tf.math.log_sigmoid if self._settings.faithful else tf.nn.log_softmax
    )
    log_probs = squash(logits)
    divergence = tf.exp(log_probs) * (log_probs - self._log_targets)
    return tf.reduce_sum(divergence, [1, 2])


class MacroPolicy(LayerPolicy):
  """Samples and scores macro arcs: a layer does one operation.

  Its arguments are those of `LayerPolicy`; the space is a `MacroSpace`.
  """

  def _make_weights(self, lstm_size: int, seed: int) -> None:
    num_ops = len(self.space.ops)
    self.emb = lstm.uniform((num_ops, lstm_size), "emb/w", seed)
    self.softmax_w = lstm.uniform((lstm_size, num_ops), "softmax/w", seed)

  def _decide_layer(
    self, x: tf.Tensor, state: lstm.State, decide: policy.Decide
  ) -> tuple[tf.Tensor, lstm.State]:
    h, state = self.lstm(x, state)
    op = decide(self.bound(h @ self.softmax_w)[:, None])
    return tf.gather(self.emb, op[:, 0]), state


def _blend(anchors: list[tf.Tensor], skips: tf.Tensor) -> tf.Tensor:
  """Returns the sum of the chosen anchors over 1 + their number, [n, units]."""
  skips = tf.cast(skips, tf.float32)[:, :, None]
  total = tf.reduce_sum(skips * tf.stack(anchors, 1), 1)
  return total / (1 + tf.reduce_sum(skips, 1))
