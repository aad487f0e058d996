"""A layer of the macro supernet that joins a range of channels of each op."""

import keras
import tensorflow as tf

from enas_tf import seeds
from enas_tf.layers import norm, operations


class ChannelRanges(keras.layers.Layer):
  """Runs all operations, each for a range of its channels, and joins them.

  From an operation's last convolution on, only the channels of the range are
  computed. What all ranges give is concatenated; a 1x1 convolution with the
  rows of the same ranges, normalization and ReLU follow (the original's
  general_child.py without whole channels).

  Args:
    words: the operations, as `operations.get` knows them.
    filters: channels of the input, of each whole operation and of the output.
    first: place of the layer's first integer in the arc.
    seed: of the initial weights.
  """

  def __init__(
    self, words: tuple[str, ...], filters: int, first: int, seed: int, **kwargs
  ):
    super().__init__(**kwargs)
    self._operations = [operations.get(word) for word in words]
    self._filters = filters
    self._first = first
    self._seed = seed
    self.norm = norm.BatchNorm(moving_statistics=False, name="bn")

  def build(self, input_shape):
    for i, operation in enumerate(self._operations):
      for j, weight in enumerate(operation.weights(self._filters)):
        self._add(f"op_{i}_{j}", weight)
    rows = self._filters * len(self._operations)
    weight = operations.Weight((1, 1, rows, self._filters), "he")
    self._add("kernel", weight)
    self.norm.build((*input_shape[:3], self._filters))

  def _add(self, name: str, weight: operations.Weight) -> None:
    seed = seeds.derive(self._seed, name)
    initial = weight.initialize(1, self._filters, seed)
    variable = self.add_weight(
      shape=weight.shape,
      initializer=lambda shape, dtype: tf.reshape(initial, shape),
      name=name,
    )
    setattr(self, name, variable)

  def call(self, x, arc):
    """Returns [batch, height, width, filters].

    Args:
      x: [batch, height, width, filters].
      arc: int32 [num_decisions]: start and count - 1 for each operation.
    """
    parts, rows = [], []
    for i, operation in enumerate(self._operations):
      start = arc[self._first + 2 * i]
      count = arc[self._first + 2 * i + 1] + 1
      parts.append(self._run(i, operation, x, start, count))
      rows.append(self.kernel[:, :, i * self._filters + start :][:, :, :count])
    y = tf.nn.conv2d(tf.concat(parts, -1), tf.concat(rows, 2), 1, "SAME")
    y.set_shape(x.shape)
    return tf.nn.relu(self.norm(y))

  def _run(self, number: int, operation, x, start, count):
    """Returns [batch, height, width, count] of an operation."""
    last = last_convolution(operation)
    place = 0
    for i, stage in enumerate(operation.stages):
      weights = []
      for _ in stage.weights(self._filters):
        weight = getattr(self, f"op_{number}_{place}").value
        if i >= last:
          weight = weight[..., start : start + count]
        weights.append(weight)
        place += 1
      x, _ = stage.forward(x, weights)
    return x

  def compute_output_spec(self, x, arc):
    del arc
    return keras.KerasTensor(x.shape, x.dtype)


class ChosenSum(keras.layers.Layer):
  """Adds those of several tensors that an arc chooses.

  Args:
    first: place of the first of the layer's skip bits in the arc.
  """

  def __init__(self, first: int, **kwargs):
    super().__init__(**kwargs)
    self._first = first

  def call(self, x, *tensors, arc):
    for i, tensor in enumerate(tensors):
      x += tensor * tf.cast(arc[self._first + i], x.dtype)
    return x

  def compute_output_spec(self, x, *tensors, arc):
    del tensors, arc
    return keras.KerasTensor(x.shape, x.dtype)


def last_convolution(operation: operations.Operation) -> int:
  """Returns the number of the last stage that mixes channels."""
  return max(
    i
    for i, stage in enumerate(operation.stages)
    if isinstance(stage, operations.Conv)
  )
