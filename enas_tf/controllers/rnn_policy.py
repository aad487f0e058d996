"""The LSTM policy of the RNN cell space (ENAS, section 2.1; enas_lm).

It decides, for each node, an earlier node (by attention over their anchors)
and then a function.
"""

import tensorflow as tf

from enas_tf.controllers import lstm, policy
from enas_tf.spaces import rnn

DEFAULTS = policy.PolicySettings()
# Of all weights of a faithful policy, enas_lm's. The paper has that of the
# other spaces, and with it a policy learns sooner.
_INITIAL_RANGE = 0.01
# Not in the paper: a prior for near nodes. The logit of an earlier node loses
# the square of its distance over this.
_DISTANCE_SCALE = 6.0


class RnnPolicy(policy.Policy):
  """Samples and scores arcs of RNN cells.

  Args:
    space: the space of the arcs.
    settings: see `policy.PolicySettings`; faithful are small initial weights,
      too; logits over earlier nodes are bounded before their prior.
    seed: of the initial weights, at least 0.
  """

  space: rnn.RnnSpace

  def __init__(
    self,
    space: rnn.RnnSpace,
    settings: policy.PolicySettings = DEFAULTS,
    *,
    seed: int = 0,
  ) -> None:
    super().__init__(space, settings, seed=seed)
    lstm_size = settings.lstm_size
    self.attention = lstm.Attention(lstm_size, seed)
    functions = (len(space.functions), lstm_size)
    self.g_emb = lstm.uniform((1, lstm_size), "embedding/g", seed)
    self.emb = lstm.uniform(functions, "embedding/w", seed)
    if settings.faithful:
      for variable in self.trainable_variables:
        variable.assign(variable * (_INITIAL_RANGE / lstm.INITIAL_RANGE))

  @property
  def named_variables(self) -> dict[str, tf.Variable]:
    # The original has one layer, which needs no number.
    return {
      name.replace("lstm/layer_0/", "lstm/"): variable
      for name, variable in super().named_variables.items()
    }

  def run(self, n: tf.Tensor, decide: policy.Decide) -> None:
    x = tf.broadcast_to(self.g_emb, [n, self.g_emb.shape[1]])
    state = self.lstm.zero_state(n)
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

  def _previous_logits(
    self, keys: list[tf.Tensor], anchor: tf.Tensor
  ) -> tf.Tensor:
    logits = self.bound(self.attention(keys, anchor))
    return logits - _distances(len(keys)) ** 2 / _DISTANCE_SCALE

  def _function_logits(self, h: tf.Tensor) -> tf.Tensor:
    # A function has one vector, to be chosen by and to be read.
    return self.bound(tf.matmul(h, self.emb, transpose_b=True))


def _distances(node: int) -> tf.Tensor:
  """Returns how far a node is from those before it: node, ..., 2, 1."""
  return tf.range(node, 0, -1, tf.float32)


def _take(anchors: list[tf.Tensor], previous: tf.Tensor) -> tf.Tensor:
  """Returns the anchors [n, units] of nodes [n], over their distances."""
  # Not in the paper: that far anchors are made small.
  scaled = tf.stack(anchors, 1) / (0.1 + _distances(len(anchors)))[:, None]
  return tf.gather(scaled, previous, batch_dims=1)
