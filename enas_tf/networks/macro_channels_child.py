"""The final child of the macro space with channel ranges.

The form is that of `macro_child`. A range keeps its share of the layer's
channels when these are more than in the search.
Differs from the original, whose code for this network could not run.
"""

import keras

from enas_tf import config
from enas_tf.layers import channel_ranges, norm, operations
from enas_tf.networks import macro_child
from enas_tf.spaces import macro_channels


def build(
  arc: macro_channels.MacroChannelsArc,
  child: config.ChildConfig,
  *,
  image_shape: tuple[int, int, int],
  num_classes: int,
  seed: int = 0,
) -> keras.Model:
  """Returns the child of an arc; arguments and result as in `macro_child`."""
  return macro_child.build_from(
    arc.layers,
    _SearchedLayers(arc) if child.as_searched else _FinalLayers(arc),
    child,
    image_shape=image_shape,
    num_classes=num_classes,
    seed=seed,
  )


def _ranges(arc, layer, filters: int, searched: bool, name: str, seed: int, x):
  """Returns the concatenated ranges of all operations of a layer."""
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
      y = each(y)
    parts.append(y)
  x = parts[0]
  if len(parts) > 1:
    x = keras.layers.Concatenate(name=f"{name}_concat_ranges")(parts)
  if not searched:
    x = keras.layers.ReLU(name=f"{name}_ranges_relu")(x)
  x = operations.Conv(1).layer(filters, 1, f"{name}_ranges", seed)(x)
  x = norm.BatchNorm(name=f"{name}_ranges_bn")(x)
  return (
    keras.layers.ReLU(name=f"{name}_ranges_last_relu")(x) if searched else x
  )


class _SearchedLayers(macro_child.SearchedLayers):
  def __init__(self, arc):
    super().__init__()
    self._arc = arc

  def operate(self, number, layer, x):
    name = f"layer_{number}"
    return _ranges(self._arc, layer, self.filters, True, name, self.seed, x)


class _FinalLayers(macro_child.FinalLayers):
  def __init__(self, arc):
    super().__init__()
    self._arc = arc

  def operate(self, number, layer, x):
    name = f"layer_{number}"
    return _ranges(self._arc, layer, self.filters, False, name, self.seed, x)
