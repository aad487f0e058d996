"""An LSTM policy of any space: nothing but its decisions are asked for."""

import tensorflow as tf

from enas_tf.controllers import lstm, policy
from enas_tf.spaces import base as spaces

# Bounded so that its gradients do not vanish; no paper's.
DEFAULTS = policy.PolicySettings()


class GenericPolicy(policy.Policy):
  """Samples and scores arcs of any space, integer by integer.

  Each decision has its own options' vectors: those that they are chosen by, and
  those that the next decision reads. An earlier node is an option like others,
  whatever it does; the paper's policies, which attend to what it is, know more.

  Args:
    space: the space of the arcs.
    settings: see `policy.PolicySettings`.
    seed: of the initial weights, at least 0.
  """

  def __init__(
    self,
    space: spaces.Space,
    settings: policy.PolicySettings = DEFAULTS,
    *,
    seed: int = 0,
  ) -> None:
    super().__init__(space, settings, seed=seed)
    self._sizes = [each.num_options for each in space.decisions]
    size, total = settings.lstm_size, sum(self._sizes)
    self.g_emb = lstm.uniform((1, size), "g_emb", seed)
    self.emb = lstm.uniform((total, size), "emb/w", seed)
    self.softmax_w = lstm.uniform((size, total), "softmax/w", seed)

  def run(self, n: tf.Tensor, decide: policy.Decide) -> None:
    x = tf.broadcast_to(self.g_emb, [n, self.g_emb.shape[1]])
    state = self.lstm.zero_state(n)
    indices: dict[str, tf.Tensor] = {}
    for decision, emb, softmax_w in zip(
      self.space.decisions,
      tf.split(self.emb, self._sizes),
      tf.split(self.softmax_w, self._sizes, axis=1),
      strict=True,
    ):
      h, state = self.lstm(x, state)
      logits = self.bound(h @ softmax_w)
      if decision.shrinks_by is not None:
        taken = indices[decision.shrinks_by][:, None]
        logits = policy.mask(logits, decision.num_options - taken)
      indices[decision.name] = index = decide(logits)
      x = tf.gather(emb, index)
