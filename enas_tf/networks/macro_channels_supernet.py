"""The supernet of the macro space with channel ranges.

Every layer runs all operations, each for the range of channels that the arc
names, so that all weights but those of other channels are used at every step.
"""

import keras
import tensorflow as tf

from enas_tf import seeds
from enas_tf.layers import channel_ranges, heads, norm, regularize, shared
from enas_tf.networks import gated, macro_skeleton
from enas_tf.spaces import macro_channels


class MacroChannelsSupernet(gated.GatedModel):
  """Classifies images with the child that an arc describes.

  A functional model of {"images": float32 [batch, height, width, channels],
  "arc": int32 [num_decisions]} that answers {"logits": [batch, num_classes]}.
  Normalization takes the statistics of the batch always; dropout works in
  training alone.

  Args:
    space: of the arcs.
    image_shape: (height, width, channels) of an image, in pixels.
    num_classes: logits per image.
    keep_prob: fraction of the features that dropout keeps, in (0, 1].
    seed: of the initial weights and the dropout.

  Attributes:
    space: the space of the arcs.
    banks: none: every step uses all variables.
  """

  def __init__(
    self,
    space: macro_channels.MacroChannelsSpace,
    *,
    image_shape: tuple[int, int, int],
    num_classes: int,
    keep_prob: float,
    seed: int,
  ) -> None:
    images = keras.Input(image_shape, name="images")
    arc = keras.Input(
      batch_shape=(space.num_decisions,), dtype="int32", name="arc"
    )
    gates = gated.gates_input(space)
    filters = space.out_filters
    ops = tuple(f"macro/{op}" for op in space.ops)
    x = macro_skeleton.stem(images, filters, seed, moving_statistics=False)
    tensors = [x]
    first = 0
    for layer in range(space.num_layers):
      name = f"layer_{layer}"
      ranges = f"{name}_ranges"
      y = channel_ranges.ChannelRanges(
        ops, filters, first, seeds.derive(seed, ranges), name=ranges
      )(tensors[-1], arc=arc, gates=gates)
      first += 2 * len(ops)
      if layer:
        y = channel_ranges.ChosenSum(first, name=f"{name}_add")(
          y, *tensors[:layer], arc=arc
        )
        y = norm.BatchNorm(moving_statistics=False, name=f"{name}_skip_bn")(y)
      first += layer
      tensors.append(y)
      if layer in macro_skeleton.pool_layers(space.num_layers):
        tensors = [
          macro_skeleton.downsample(
            x, filters, f"{name}_pool_{i}", seed, moving_statistics=False
          )
          for i, x in enumerate(tensors)
        ]
    dropout = regularize.Dropout(
      keep_prob, seeds.derive(seed, "head_dropout"), name="head_dropout"
    )
    logits = heads.classifier(
      tensors[-1], num_classes, dropout, seed, relu=False
    )
    super().__init__(
      {"images": images, "arc": arc, "gates": gates}, {"logits": logits}
    )
    self.space = space

  @property
  def banks(self) -> list[shared.Bank]:
    """No bank; see the class."""
    return []

  @property
  def shared(self) -> dict[tuple[int, str], shared.SharedVariables]:
    """The weights of each (layer, operation's name), for all its channels."""
    ranges = [
      layer
      for layer in self.layers
      if isinstance(layer, channel_ranges.ChannelRanges)
    ]
    return {
      (number, op.removeprefix("macro/")): shared.SharedVariables(variables)
      for number, layer in enumerate(ranges)
      for op, variables in layer.shared.items()
    }

  def chosen(self, arc: tf.Tensor) -> list[tf.Tensor]:
    """Returns the blocks of each bank that an arc uses: there are none.

    Args:
      arc: int32 [num_decisions].
    """
    del arc
    return []
