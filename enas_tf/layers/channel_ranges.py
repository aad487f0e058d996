"""A layer of the macro supernet that joins ranges of all operations."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from enas_tf import errors, seeds
from enas_tf.layers import basic_stages, norm, operations, stages


class ChannelRanges(keras.layers.Layer):
  """Runs all operations, each for a range of its channels, and joins them.

  From an operation's last convolution on, only the channels of the range are
  computed. What all ranges give is concatenated; a 1x1 convolution with the
  rows of the same ranges, normalization and ReLU follow (the original's
  general_child.py without whole channels).

  Args:
    ops: the operations, as `operations.get` knows them.
    filters: channels of the input, of each whole operation and of the output.
    first: index of the layer's first integer in the arc.
    seed: of the initial weights.
    **kwargs: of a Keras layer, such as `name`.
  """

  def __init__(
    self,
    ops: Sequence[str],
    filters: int,
    first: int,
    seed: int,
    **kwargs: Any,
  ) -> None:
    super().__init__(**kwargs)
    self.ops = tuple(ops)
    self._operations = [operations.get(op) for op in ops]
    self._last = [last_convolution(each) for each in self._operations]
    self._filters = filters
    self._first = first
    self._seed = seed
    self.norm = norm.BatchNorm(moving_statistics=False, name="bn")

  def build(self, input_shape: Sequence[int | None]) -> None:
    """Makes the variables, for an input [batch, height, width, filters].

    Args:
      input_shape: shape of the input, [batch, height, width, filters].
    """
    for i, operation in enumerate(self._operations):
      for j, weight in enumerate(operation.weights(self._filters)):
        self._add(f"op_{i}_{j}", weight)
    rows = self._filters * len(self._operations)
    weight = stages.Weight((1, 1, rows, self._filters), "he")
    self._add("kernel", weight)
    self.norm.build((*input_shape[:3], self._filters))

  def _add(self, name: str, weight: stages.Weight) -> None:
    seed = seeds.derive(self._seed, name)
    initial = weight.initialize(1, self._filters, seed)
    variable = self.add_weight(
      shape=weight.shape,
      initializer=lambda shape, dtype: tf.reshape(initial, shape),
      name=name,
    )
    setattr(self, name, variable)

  @property
  def shared(self) -> dict[str, list[keras.Variable]]:
    """The weights of each operation's name, for all of its channels."""
    return {
      op: [
        getattr(self, f"op_{i}_{j}")
        for j in range(len(operation.weights(self._filters)))
      ]
      for i, (op, operation) in enumerate(
        zip(self.ops, self._operations, strict=True)
      )
    }

  def call(
    self, x: tf.Tensor, arc: tf.Tensor, gates: tf.Tensor | None = None
  ) -> tf.Tensor:
    """Returns float32 [batch, height, width, filters].

    Args:
      x: float32 [batch, height, width, filters].
      arc: int32 [num_decisions]: start and count - 1 for each operation.
      gates: of the decisions, float32 [num_decisions], or None. Those of start
        and count both multiply the range of channels.
    """
    parts, rows = [], []
    for i, operation in enumerate(self._operations):
      first = self._first + 2 * i
      start, count = arc[first], arc[first + 1] + 1
      y = self._run(i, operation, x, start, count)
      if gates is not None:
        y *= gates[first] * gates[first + 1]
      parts.append(y)
      rows.append(self.kernel[:, :, i * self._filters + start :][:, :, :count])
    y = tf.nn.conv2d(tf.concat(parts, -1), tf.concat(rows, 2), 1, "SAME")
    y.set_shape(x.shape)
    return tf.nn.relu(self.norm(y))

  def _run(
    self,
    number: int,
    operation: operations.Operation,
    x: tf.Tensor,
    start: tf.Tensor,
    count: tf.Tensor,
  ) -> tf.Tensor:
    """Returns [batch, height, width, count] of an operation."""
    last = self._last[number]
    index = 0
    for i, stage in enumerate(operation.stages):
      weights = []
      for _ in stage.weights(self._filters):
        weight = getattr(self, f"op_{number}_{index}").value
        if i >= last:
          weight = weight[..., start : start + count]
        weights.append(weight)
        index += 1
      x = stage.forward(x, weights)
    return x

  def compute_output_spec(
    self,
    x: keras.KerasTensor,
    arc: keras.KerasTensor,
    gates: keras.KerasTensor | None = None,
  ) -> keras.KerasTensor:
    """Returns the shape of the output, which is that of the input.

    Args:
      x: see `call`.
      arc: see `call`.
      gates: see `call`.
    """
    del arc, gates
    return keras.KerasTensor(x.shape, x.dtype)


class ChosenSum(keras.layers.Layer):
  """Adds those of several tensors that an arc chooses.

  Args:
    first: index of the first of the layer's skip bits in the arc.
    **kwargs: of a Keras layer, such as `name`.
  """

  def __init__(self, first: int, **kwargs: Any) -> None:
    super().__init__(**kwargs)
    self._first = first

  def call(
    self,
    x: tf.Tensor,
    *tensors: tf.Tensor,
    arc: tf.Tensor,
    gates: tf.Tensor | None = None,
  ) -> tf.Tensor:
    """Returns x plus what is chosen, as large as x.

    Args:
      x: float32 [batch, height, width, filters].
      *tensors: as large as x.
      arc: int32 [num_decisions].
      gates: of the decisions, float32 [num_decisions], or None. They multiply
        what is added; that of a tensor that is not has the gradient 0.
    """
    for i, tensor in enumerate(tensors):
      factor = tf.cast(arc[self._first + i], x.dtype)
      if gates is not None:
        factor *= gates[self._first + i]
      x += tensor * factor
    return x

  def compute_output_spec(
    self,
    x: keras.KerasTensor,
    *tensors: keras.KerasTensor,
    arc: keras.KerasTensor,
    gates: keras.KerasTensor | None = None,
  ) -> keras.KerasTensor:
    """Returns the shape of the output, which is that of x.

    Args:
      x: see `call`.
      *tensors: see `call`.
      arc: see `call`.
      gates: see `call`.
    """
    del tensors, arc, gates
    return keras.KerasTensor(x.shape, x.dtype)


def last_convolution(operation: operations.Operation) -> int:
  """Returns the index of the last stage that mixes channels.

  Args:
    operation: of the macro space.

  Raises:
    ConfigError: if the operation has no such stage, as a user's own.
  """
  found = [
    i
    for i, stage in enumerate(operation.stages)
    if isinstance(stage, basic_stages.Conv)
  ]
  if not found:
    raise errors.ConfigError(
      "An operation of a user's own has no ranges of channels: take it out of "
      "`child_ops`, or set `controller_search_whole_channels`. Received: "
      f"op={operation.name}"
    )
  return found[-1]
