"""Choices that wait for nothing but what they choose.

`tf.cond`, `tf.gather` and `tf.TensorArray` wait until all that could be chosen
is there. Below them lie the primitives `Switch`, whose output may be "dead",
and `Merge`, which answers with its first input that is not: with these, a node
of a cell runs as soon as the nodes are done that it reads. A dead tensor kills
what is computed from it, at no cost, up to the next `Merge`.

These functions work inside graphs alone, and have no gradients.
"""

from typing import Any

import tensorflow as tf


def split(value: tf.Tensor, flag: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
  """Returns (value if not flag, value if flag); the other one is dead.

  Args:
    value: any tensor.
    flag: a boolean scalar.
  """
  return tf.raw_ops.Switch(data=value, pred=flag)


def when(flag: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
  """Returns the value, dead unless flag.

  Args:
    flag: a boolean scalar.
    value: any tensor.
  """
  return split(value, flag)[1]


def merge(*values: tf.Tensor) -> tf.Tensor:
  """Returns the one that is not dead; if all are, it is dead.

  Args:
    *values: tensors of one type.
  """
  return tf.raw_ops.Merge(inputs=values).output


class Sum:
  """The sum of those of several tensors that flags choose.

  Args:
    value: what it begins with, if anything.

  Attributes:
    value: the sum; None while no value was added, dead while no flag chose one.
  """

  def __init__(self, value: tf.Tensor | None = None) -> None:
    self.value: Any = value
    # Whether a flag chose a value: a boolean scalar, True, or None at first.
    self._is_begun: Any = None if value is None else True

  def add(self, value: tf.Tensor, flag: tf.Tensor | bool = True) -> None:
    """Adds a value, if flag; it is dead if not.

    Args:
      value: what is added; may be dead where flag is false.
      flag: a boolean scalar, or True.
    """
    if flag is not True:
      value = when(flag, value)
    if self.value is None:
      self.value, self._is_begun = value, flag
      return
    sums = []
    if self._is_begun is not True:
      value, first = split(value, ~self._is_begun)
      sums.append(first)
    total = self.value
    if flag is not True:
      kept, total = split(total, flag)
      sums.append(kept)
    sums.append(total + value)
    self.value = merge(*sums) if len(sums) > 1 else sums[0]
    self._is_begun = self._or(flag)

  def _or(self, flag: tf.Tensor | bool) -> tf.Tensor | bool:
    if flag is True or self._is_begun is True:
      return True
    return self._is_begun | flag
