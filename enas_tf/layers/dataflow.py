"""Choices that wait for nothing but what they choose.

`tf.cond`, `tf.gather` and `tf.TensorArray` wait until all that could be chosen
is there. Below them lie the primitives `Switch`, whose output may be "dead",
and `Merge`, which answers with its first input that is not: with these, a node
of a cell runs as soon as the nodes are done that it reads. A dead tensor kills
what is computed from it, at no cost, up to the next `Merge`.

These functions work inside graphs alone, and have no gradients.
"""

import tensorflow as tf


def split(value, flag):
  """Returns (value if not flag, value if flag); the other one is dead."""
  return tf.raw_ops.Switch(data=value, pred=flag)


def when(flag, value):
  """Returns the value, dead unless flag."""
  return split(value, flag).output_true


def merge(*values):
  """Returns the one that is not dead; if all are, it is dead."""
  return tf.raw_ops.Merge(inputs=values).output


class Sum:
  """The sum of those of several tensors that flags choose.

  Attributes:
    value: the sum; dead while nothing was added.
  """

  def __init__(self):
    self.value = None
    self._is_begun = None

  def add(self, value, flag) -> None:
    """Adds a value, if flag; it is dead if not."""
    if self.value is None:
      self.value, self._is_begun = value, flag
      return
    kept, total = split(self.value, flag)
    more, first = split(value, ~self._is_begun)
    self.value = merge(kept, first, total + more)
    self._is_begun |= flag
