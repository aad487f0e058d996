"""How large macro children are; the steps are those of their builders."""

import abc
from collections.abc import Sequence
from typing import Any

from enas_tf.layers import basic_stages, channel_ranges, operations
from enas_tf.networks import counting, macro_child, macro_skeleton
from enas_tf.spaces import macro, macro_channels


def count(
  arc: macro.MacroArc | macro_channels.MacroChannelsArc,
  *,
  out_filters: int,
  image_shape: tuple[int, int, int],
  num_classes: int,
  faithful: bool = False,
  as_searched: bool = False,
) -> counting.Counter:
  """Returns the count of a child.

  Args:
    arc: of the macro space, or of that with channel ranges.
    out_filters: see `macro_child.build`, as for all arguments below.
    image_shape: (height, width, channels) of an image, in pixels.
    num_classes: logits per image.
    faithful: with what the original's network computes.
    as_searched: as the supernet computes it.
  """
  form = _Searched if as_searched else _Final
  body = form(arc, out_filters, faithful)
  x = counting.Shape(*image_shape)
  shapes = [body.normalize(body.convolve(x, out_filters, 3))]
  layers: Sequence[macro_child.Layer] = arc.layers
  pool_layers = macro_skeleton.pool_layers(len(layers))
  for number, layer in enumerate(layers):
    x = body.layer(layer, shapes[-1])
    if number:
      read = [s for s, skip in zip(shapes, layer.skips, strict=False) if skip]
      x = body.join(x, read)
    shapes.append(x)
    if number in pool_layers:
      is_read = _still_read(shapes, layers[number + 1 :])
      shapes = body.downsample(shapes, is_read)
  body.classify(shapes[-1], num_classes)
  return body


def _still_read(
  shapes: Sequence[counting.Shape], later: Sequence[macro_child.Layer]
) -> list[bool]:
  """Returns which tensors later layers read; others are cut off the network.

  The newest is read by the next layer, or by the classifier.
  """
  newest = len(shapes) - 1
  return [
    i == newest or any(any(layer.skips[i : i + 1]) for layer in later)
    for i in range(len(shapes))
  ]


class _Body(counting.Counter, abc.ABC):
  """Counts the layers; see `macro_child.Layers`."""

  def __init__(self, arc: Any, filters: int, faithful: bool) -> None:
    super().__init__()
    self.filters = filters
    self._arc = arc
    self._faithful = faithful

  def layer(self, layer: Any, x: counting.Shape) -> counting.Shape:
    if isinstance(layer, macro_channels.Layer):
      return self._ranges(layer, x)
    return self._operation(layer.op, x)

  @abc.abstractmethod
  def _operation(self, op: str, x: counting.Shape) -> counting.Shape:
    """Counts the one operation of a layer."""

  @abc.abstractmethod
  def join(
    self, x: counting.Shape, read: Sequence[counting.Shape]
  ) -> counting.Shape:
    """Counts what joins a layer with its skip connections."""

  def downsample(
    self, shapes: list[counting.Shape], is_read: Sequence[bool]
  ) -> list[counting.Shape]:
    return [
      self.reduce(x, self.filters) if read else x.strided(2, self.filters)
      for x, read in zip(shapes, is_read, strict=True)
    ]

  def _ranges(
    self, layer: macro_channels.Layer, x: counting.Shape
  ) -> counting.Shape:
    """Counts the ranges of all operations of a layer, and their projection."""
    parts = []
    for op, (_, number) in zip(self._arc.ops, layer.ranges, strict=True):
      operation = operations.get(f"macro/{op}")
      last = channel_ranges.last_convolution(operation)
      channels = max(1, round(number * self.filters / self._arc.out_filters))
      y = x
      for i, stage in enumerate(operation.stages):
        y = self.stage(stage, y, channels if i >= last else self.filters)
      parts.append(y)
    return self.project(counting.concatenated(parts), self.filters)


class _Searched(_Body):
  def _operation(self, op: str, x: counting.Shape) -> counting.Shape:
    return self.operate(operations.get(f"macro/{op}"), x)

  def join(
    self, x: counting.Shape, read: Sequence[counting.Shape]
  ) -> counting.Shape:
    return self.normalize(x)  # Of a sum.


class _Final(_Body):
  def _operation(self, op: str, x: counting.Shape) -> counting.Shape:
    x = self.project(x, self.filters)
    found = macro_child.stages_behind(op, self._faithful)
    if found is None:
      return self.operate(operations.get(f"macro/{op}"), x)
    if not found or isinstance(found[0], basic_stages.Pool):
      return x
    for stage in found:
      x = self.stage(stage, x, self.filters)
    return self.normalize(x)

  def join(
    self, x: counting.Shape, read: Sequence[counting.Shape]
  ) -> counting.Shape:
    return self.project(counting.concatenated([*read, x]), self.filters)

  def downsample(
    self, shapes: list[counting.Shape], is_read: Sequence[bool]
  ) -> list[counting.Shape]:
    self.filters *= 2
    return super().downsample(shapes, is_read)
