"""The macro supernet: one network that holds every child's weights.

ENAS, section 2.3; the sizes are those of the original's general_child.py.
"""

import keras
import tensorflow as tf

from enas_tf import seeds
from enas_tf.layers import heads, regularize, shared, shared_stack
from enas_tf.networks import gated, macro_skeleton
from enas_tf.spaces import macro


class MacroSupernet(gated.GatedModel):
  """Classifies images with the child that an arc describes.

  A functional model of {"images": float32 [batch, height, width, channels],
  "arc": int32 [num_decisions]} that answers {"logits": [batch, num_classes]}.
  Only what the arc chooses is computed. Normalization takes the statistics of
  the batch always; dropout works in training alone.

  Args:
    space: of the arcs.
    out_filters: channels, even.
    image_shape: (height, width, channels) of an image, in pixels.
    num_classes: logits per image.
    keep_prob: fraction of the features that dropout keeps, in (0, 1].
    seed: of the initial weights and the dropout.

  Attributes:
    space: the space of the arcs.
    shared: a mapping from (layer, operation), the layer from 0 and the
      operation by its name, to the `SharedWeights` of that choice.
  """

  def __init__(
    self,
    space: macro.MacroSpace,
    *,
    out_filters: int,
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
    x = macro_skeleton.stem(images, out_filters, seed, moving_statistics=False)
    x = shared_stack.SharedStack(
      space.num_layers,
      tuple(f"macro/{op}" for op in space.ops),
      out_filters,
      macro_skeleton.pool_layers(space.num_layers),
      seeds.derive(seed, "body"),
      name="body",
    )(x, arc=arc, gates=gates)
    dropout = regularize.Dropout(
      keep_prob, seeds.derive(seed, "head_dropout"), name="head_dropout"
    )
    logits = heads.classifier(x, num_classes, dropout, seed, relu=False)
    super().__init__(
      {"images": images, "arc": arc, "gates": gates}, {"logits": logits}
    )
    self.space = space

  @property
  def stack(self) -> shared_stack.SharedStack:
    """The layers of all arcs."""
    return self.get_layer("body")

  @property
  def banks(self) -> list[shared.Bank]:
    """All banks, in the order of `chosen`."""
    return self.stack.banks

  def chosen(self, arc: tf.Tensor) -> list[tf.Tensor]:
    """Returns the blocks of each bank that an arc uses, int32 [n] each.

    Args:
      arc: int32 [num_decisions].
    """
    return self.stack.chosen(arc)

  @property
  def shared(self) -> dict[tuple[int, str], shared.SharedWeights]:
    """The shared weights of each choice; see the class."""
    return {
      (layer, op.removeprefix("macro/")): weights
      for (layer, op), weights in self.stack.shared.items()
    }
