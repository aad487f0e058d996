"""The LSTM policy of the macro space with channel ranges.

It decides, for each operation of a layer, where its range of channels starts
and how many there are, and then the layer's skips as in the macro space.
"""

import tensorflow as tf

from enas_tf.controllers import lstm, macro_policy, policy
from enas_tf.spaces import macro_channels


class MacroChannelsPolicy(macro_policy.LayerPolicy):
  """Samples and scores macro_channels arcs.

  Its arguments are those of `LayerPolicy`; the space is a
  `MacroChannelsSpace`.
  """

  space: macro_channels.MacroChannelsSpace

  def _make_weights(self, lstm_size: int, seed: int) -> None:
    filters = self.space.out_filters

    def make(shape: tuple[int, ...], name: str) -> list[tf.Variable]:
      return [
        lstm.uniform(shape, name.format(i), seed)
        for i in range(len(self.space.ops))
      ]

    shape = (filters, lstm_size)
    self.emb_start = make(shape, "emb/branch_{}/w_start")
    self.emb_count = make(shape, "emb/branch_{}/w_count")
    shape = (lstm_size, filters)
    self.softmax_start = make(shape, "softmax/branch_{}/w_start")
    self.softmax_count = make(shape, "softmax/branch_{}/w_count")

  def _decide_layer(
    self, x: tf.Tensor, state: lstm.State, decide: policy.Decide
  ) -> tuple[tf.Tensor, lstm.State]:
    filters = self.space.out_filters
    for emb_start, emb_count, softmax_start, softmax_count in zip(
      self.emb_start,
      self.emb_count,
      self.softmax_start,
      self.softmax_count,
      strict=True,
    ):
      h, state = self.lstm(x, state)
      start = decide(self.bound(h @ softmax_start)[:, None])  # [n, 1]
      h, state = self.lstm(tf.gather(emb_start, start[:, 0]), state)
      # The range of channels ends at the last.
      logits = policy.mask(self.bound(h @ softmax_count), filters - start)
      count = decide(logits[:, None])
      x = tf.gather(emb_count, count[:, 0])
    return x, state
