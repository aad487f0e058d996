"""Random search: the baseline that every controller has to beat."""

import numpy as np
import tensorflow as tf

from enas_tf.controllers import base


class RandomSearch(base.Controller):
  """Proposes random arcs of its space; learns nothing.

  Args:
    space: the space of the arcs.
    seed: of the proposals.
  """

  def __init__(self, space, *, seed: int):
    super().__init__(space)
    self._seed = seed
    self._num_proposals = tf.Variable(0, trainable=False)

  def propose(self, n):
    first = int(self._num_proposals)
    self._num_proposals.assign_add(n)
    # A stream for each arc, so that it matters not how many are asked for.
    arcs = [
      self.space.random(np.random.default_rng([self._seed, number]))
      for number in range(first, first + n)
    ]
    return tf.constant([self.space.encode(arc) for arc in arcs], tf.int32)

  def take_back(self, n):
    self._num_proposals.assign_sub(n)

  def update(self, arcs, rewards):
    return {}

  def state(self):
    return {"num_proposals": self._num_proposals}
