"""Shared weights: banks of rows, and what lies where in them.

A bank is one variable [rows, filters] that is cut into blocks, one for each
key. An arc chooses blocks; one gather brings the rows of a block, and its
gradient touches these rows alone, so the cost of a step grows neither with the
number of keys nor with the number of operations.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from enas_tf.layers import operations


class Bank(keras.layers.Layer):
  """One variable [rows, filters], cut into blocks of whole rows.

  Args:
    sizes: rows of each block, in order.
    filters: length of a row.
    initial: the initial rows, [sum(sizes), filters].
    **kwargs: of a Keras layer, such as `name`.

  Attributes:
    rows: the variable.
    starts: the first row of each block, int32 [blocks + 1].
    block_of_row: int32 [rows].
  """

  def __init__(
    self,
    sizes: Sequence[int],
    filters: int,
    initial: tf.Tensor | np.ndarray,
    **kwargs: Any,
  ) -> None:
    super().__init__(**kwargs)
    self._sizes = np.asarray(sizes, np.int32)
    self.starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    self.block_of_row = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    self._filters = filters
    self._initial = initial

  def build(self, input_shape: Sequence[int | None] | None = None) -> None:
    """Makes the variable; the arguments give its shape.

    Args:
      input_shape: has no meaning here.
    """
    del input_shape
    self.rows = self.add_weight(
      shape=(int(self.starts[-1]), self._filters),
      initializer=lambda shape, dtype: tf.cast(self._initial, dtype),
      name="rows",
    )
    del self._initial  # As large as the bank.

  def rows_of(self, blocks: tf.Tensor) -> tf.Tensor:
    """Returns the indices of the rows of blocks, in order, int32 [m].

    Args:
      blocks: int32 [n].
    """
    return tf.raw_ops.RaggedRange(
      starts=tf.gather(self.starts, blocks),
      limits=tf.gather(self.starts[1:], blocks),
      deltas=1,
    ).rt_dense_values

  def call(self, blocks: tf.Tensor) -> tf.Tensor:
    """Returns the rows of blocks, in order, float32 [m, filters].

    Args:
      blocks: int32 [n].
    """
    return tf.gather(self.rows.value, self.rows_of(blocks))

  def split(self, blocks: tf.Tensor) -> list[tf.Tensor]:
    """Returns the rows of each block, a list of float32 [its rows, filters].

    One gather and one split for all: small graphs start faster.

    Args:
      blocks: int32 [n].
    """
    return tf.split(self(blocks), tf.gather(self._sizes, blocks))


class SharedWeights(NamedTuple):
  """Where the weights of one choice are stored.

  Attributes:
    variable: the bank, [rows, ...], or its value as an array.
    rows: which rows of it, one weight after the other; a weight fills whole
      rows, the last one perhaps with zeros at its end.
    shapes: of the weights, in the order of `Operation.weights`.
  """

  variable: keras.Variable | np.ndarray
  rows: slice
  shapes: tuple[tuple[int, ...], ...]

  def read(self) -> list[np.ndarray]:
    """Returns the weights, of `shapes`."""
    value = np.asarray(self.variable)[self.rows]
    parts = np.split(value, np.cumsum(self._num_rows()))
    return [
      part.reshape(-1)[: math.prod(shape)].reshape(shape)
      for part, shape in zip(parts, self.shapes, strict=False)
    ]

  def assign(self, values: Sequence[np.ndarray]) -> None:
    """Writes the weights.

    Args:
      values: an array for each of `shapes`, as large as it.
    """
    assert not isinstance(self.variable, np.ndarray)  # Those are only read.
    bank = np.array(self.variable)
    rows = bank[self.rows]
    starts = np.cumsum([0, *self._num_rows()])
    for value, shape, start, stop in zip(
      values, self.shapes, starts[:-1], starts[1:], strict=True
    ):
      numbers = np.reshape(value, [math.prod(shape)])
      rows[start:stop].reshape(-1)[: numbers.size] = numbers
    self.variable.assign(bank)

  def _num_rows(self) -> list[int]:
    length = math.prod(self.variable.shape[1:])
    return [-(-math.prod(shape) // length) for shape in self.shapes]


class SharedVariables(NamedTuple):
  """The weights of one choice that are variables of their own.

  Attributes:
    variables: in the order of `Operation.weights`.
  """

  variables: Sequence[keras.Variable]

  def read(self) -> list[np.ndarray]:
    """Returns the weights."""
    return [np.array(variable) for variable in self.variables]

  def assign(self, values: Sequence[np.ndarray]) -> None:
    """Writes the weights.

    Args:
      values: an array for each variable, as large as it.
    """
    for variable, value in zip(self.variables, values, strict=True):
      variable.assign(value)


def entries(
  rows: keras.Variable | np.ndarray, keys: Iterable[tuple[Any, ...]]
) -> dict[tuple[Any, ...], SharedWeights]:
  """Returns what lies where in a bank of operations.

  Args:
    rows: the bank, [rows, filters].
    keys: of its blocks, in order; each ends with the name of an operation.

  Returns:
    The weights by the keys; operations without weights have entries of no rows.
  """
  filters = rows.shape[-1]
  found, start = {}, 0
  shapes = {}
  for key in keys:
    if key[-1] not in shapes:
      weights = operations.get(key[-1]).weights(filters)
      num_rows = sum(weight.num_rows(filters) for weight in weights)
      shapes[key[-1]] = num_rows, tuple(weight.shape for weight in weights)
    num_rows, shapes_of_weights = shapes[key[-1]]
    found[key] = SharedWeights(
      rows, slice(start, start + num_rows), shapes_of_weights
    )
    start += num_rows
  return found
