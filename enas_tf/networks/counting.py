"""How large a network will be, from the shapes of its layers alone.

A counter is handed shapes where a builder is handed tensors, so that a count
reads like the function that builds the network, and takes no network.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras

from enas_tf.layers import basic_stages, operations
from enas_tf.layers import stages as all_stages
from enas_tf.networks import counts


class Shape(NamedTuple):
  """The shape of a tensor, without its batch.

  Attributes:
    height: in pixels.
    width: in pixels.
    channels: of each pixel.
  """

  height: int
  width: int
  channels: int

  @property
  def num_pixels(self) -> int:
    """Height times width."""
    return self.height * self.width

  @property
  def size(self) -> tuple[int, int]:
    """(height, width)."""
    return self.height, self.width

  def strided(self, stride: int, channels: int) -> "Shape":
    """Returns the shape behind a layer with "same" padding.

    Args:
      stride: of the layer.
      channels: of its output.
    """
    return Shape(-(-self.height // stride), -(-self.width // stride), channels)


class Counter:
  """Adds up what layers cost; each method stands for some layers.

  Attributes:
    parameters: trainable ones.
    multiply_adds: of convolutions and dense layers, for one example.
  """

  def __init__(self) -> None:
    self.parameters = 0
    self.multiply_adds = 0

  def convolve(
    self, x: Shape, filters: int, kernel_size: int, stride: int = 1
  ) -> Shape:
    """Counts a convolution without bias.

    Args:
      x: of the input.
      filters: channels of the output.
      kernel_size: in pixels.
      stride: in pixels.
    """
    y = x.strided(stride, filters)
    self._multiply(y, kernel_size**2 * x.channels * filters)
    return y

  def normalize(self, x: Shape) -> Shape:
    """Counts scale and offset of a normalization.

    Args:
      x: of the input.
    """
    self.parameters += 2 * x.channels
    return x

  def project(self, x: Shape, filters: int) -> Shape:
    """Counts a 1x1 convolution and its normalization.

    Args:
      x: of the input.
      filters: channels of the output.
    """
    return self.normalize(self.convolve(x, filters, 1))

  def reduce(self, x: Shape, filters: int) -> Shape:
    """Counts a factorized reduction and its normalization.

    Args:
      x: of the input.
      filters: channels of the output, even.
    """
    return self.normalize(self.convolve(x, filters, 1, stride=2))

  def classify(self, x: Shape, num_classes: int) -> None:
    """Counts a dense layer without bias, on the mean of all pixels.

    Args:
      x: of the input.
      num_classes: logits.
    """
    self._multiply(Shape(1, 1, num_classes), x.channels * num_classes)

  def operate(
    self, operation: operations.Operation, x: Shape, stride: int = 1
  ) -> Shape:
    """Counts an operation, see `Operation.layers`.

    Args:
      operation: of the catalogue, or a user's own.
      x: of the input; the output has as many channels.
      stride: of the operation.
    """
    if isinstance(operation, operations.Identity):
      return self.reduce(x, x.channels) if stride > 1 else x
    if not all(isinstance(each, _OURS) for each in operation.stages):
      found = _built(operation, x, stride)
      self.parameters += found.parameters
      self.multiply_adds += found.multiply_adds
      return x.strided(stride, x.channels)
    for stage in operation.stages:
      x = self.stage(stage, x, x.channels, stride)
      stride = 1 if stage.spatial else stride
    return x

  def stage(
    self, stage: all_stages.Stage, x: Shape, filters: int, stride: int = 1
  ) -> Shape:
    """Counts one of our own stages, see `Stage.layer`.

    Args:
      stage: of an operation.
      x: of the input.
      filters: channels of the output, where it can choose them.
      stride: of the operation; the stage may be none that takes it.
    """
    if isinstance(stage, basic_stages.Conv):
      return self.convolve(x, filters, stage.kernel_size, stride)
    if isinstance(stage, basic_stages.Depthwise):
      y = x.strided(stride, x.channels)
      self._multiply(y, stage.kernel_size**2 * x.channels)
      return y
    if isinstance(stage, basic_stages.Normalize):
      return self.normalize(x)
    assert isinstance(stage, _OURS)  # A ReLU, or a pool.
    return x.strided(stride if stage.spatial else 1, x.channels)

  def _multiply(self, y: Shape, num_weights: int) -> None:
    """Counts weights, each of which is used at every pixel of the output."""
    self.parameters += num_weights
    self.multiply_adds += num_weights * y.num_pixels


def of(model: keras.Model) -> Counter:
  """Returns the count of a network that was built.

  Args:
    model: see `counts.multiply_adds`.
  """
  counter = Counter()
  counter.parameters = counts.parameters(model)
  counter.multiply_adds = counts.multiply_adds(model)
  return counter


# What a formula is known of.
_OURS = (
  basic_stages.Conv,
  basic_stages.Depthwise,
  basic_stages.Normalize,
  basic_stages.Pool,
  basic_stages.Relu,
)


@functools.cache
def _built(operation: operations.Operation, x: Shape, stride: int) -> Counter:
  """Returns the count of a user's operation, which has no formula."""
  inputs = keras.Input(x)
  outputs: Any = operation.apply(inputs, x.channels, stride)
  return of(keras.Model(inputs, outputs))


def concatenated(shapes: Sequence[Shape]) -> Shape:
  """Returns the shape of a concatenation of channels.

  Args:
    shapes: of equal heights and widths.
  """
  channels = sum(each.channels for each in shapes)
  return Shape(shapes[0].height, shapes[0].width, channels)
