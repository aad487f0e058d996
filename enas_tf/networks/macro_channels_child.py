"""The final child of the macro space with channel ranges.

The form is that of `macro_child`. A range keeps its fraction of the layer's
channels when these are more than in the search.
Differs from the original, whose code for this network could not run.
"""

from typing import Any

import keras

from enas_tf.layers import basic_stages, channel_ranges, norm, operations
from enas_tf.networks import macro_child
from enas_tf.spaces import macro_channels


def build(
  arc: macro_channels.MacroChannelsArc,
  *,
  out_filters: int,
  image_shape: tuple[int, int, int],
  num_classes: int,
  keep_prob: float = 1.0,
  as_searched: bool = False,
  seed: int = 0,
) -> keras.Model:
  """Returns the child of an arc.

  Args:
    arc: the arc.
    out_filters: see `macro_child.build`, as for all arguments below.
    image_shape: (height, width, channels) of an image, in pixels.
    num_classes: logits per image.
    keep_prob: fraction of the features that dropout keeps, in (0, 1].
    as_searched: compute what the supernet computes.
    seed: of the initial weights and the dropout.

  Returns:
    See `macro_child.build`.
  """
  layers = _SearchedLayers if as_searched else _FinalLayers
  return macro_child.build_from(
    arc.layers,
    layers(arc, out_filters, seed),
    keep_prob=keep_prob,
    image_shape=image_shape,
    num_classes=num_classes,
    seed=seed,
  )


def _ranges(
  arc: macro_channels.MacroChannelsArc,
  layer: macro_channels.Layer,
  body: macro_child.Layers,
  searched: bool,
  name: str,
  x: keras.KerasTensor,
) -> keras.KerasTensor:
  """Returns the concatenated ranges of all operations of a layer."""
  filters, seed = body.filters, body.seed
  parts = []
  for op, (_, count) in zip(arc.ops, layer.ranges, strict=True):
    operation = operations.get(f"macro/{op}")
    last = channel_ranges.last_convolution(operation)
    channels = max(1, round(count * filters / arc.out_filters))
    y = x
    for i, stage in enumerate(operation.stages):
      each = stage.layer(
        channels if i >= last else filters, 1, f"{name}_{op}_stage_{i}", seed
      )
      assert each is not None  # `last_convolution` refuses such operations.
      y = each(y)
    parts.append(y)
  x = parts[0]
  if len(parts) > 1:
    x = keras.layers.Concatenate(name=f"{name}_concat_ranges")(parts)
  if not searched:
    x = keras.layers.ReLU(name=f"{name}_ranges_relu")(x)
  x = basic_stages.Conv(1).layer(filters, 1, f"{name}_ranges", seed)(x)
  x = norm.BatchNorm(name=f"{name}_ranges_bn")(x)
  return (
    keras.layers.ReLU(name=f"{name}_ranges_last_relu")(x) if searched else x
  )


class _SearchedLayers(macro_child.SearchedLayers):
  def __init__(
    self, arc: macro_channels.MacroChannelsArc, filters: int, seed: int
  ) -> None:
    super().__init__(filters, seed)
    self._arc = arc

  def operate(
    self, number: int, layer: Any, x: keras.KerasTensor
  ) -> keras.KerasTensor:
    name = f"layer_{number}"
    return _ranges(self._arc, layer, self, True, name, x)


class _FinalLayers(macro_child.FinalLayers):
  def __init__(
    self, arc: macro_channels.MacroChannelsArc, filters: int, seed: int
  ) -> None:
    super().__init__(filters, seed)
    self._arc = arc

  def operate(
    self, number: int, layer: Any, x: keras.KerasTensor
  ) -> keras.KerasTensor:
    name = f"layer_{number}"
    return _ranges(self._arc, layer, self, False, name, x)
