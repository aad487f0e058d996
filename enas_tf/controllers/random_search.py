"""Random search: the baseline that every controller has to beat."""

import tensorflow as tf

from enas_tf.controllers import base


class RandomSearch(base.Controller):
  """Proposes arcs whose decisions are uniform; learns nothing.

  Args:
    space: the space of the arcs.
    seed: of the proposals.
  """

  def __init__(self, space, *, seed: int):
    super().__init__(space)
    self._seed = seed
    self._num_proposals = tf.Variable(0, trainable=False)
    self._options = tf.constant([d.num_options for d in space.decisions])

  def propose(self, n):
    seed = (self._seed, self._num_proposals)
    self._num_proposals.assign_add(1)
    uniform = tf.random.stateless_uniform((n, self.space.num_decisions), seed)
    return tf.cast(uniform * tf.cast(self._options, tf.float32), tf.int32)

  def update(self, arcs, rewards):
    return {}

  def state(self):
    return {"num_proposals": self._num_proposals}
