"""The micro supernet: one network that holds every child's weights.

ENAS, section 2.3 and 2.4; the sizes are those of the original's micro_child.py.
"""

import keras
import tensorflow as tf

from enas_tf import seeds
from enas_tf.layers import cell_wiring, heads, regularize, shared, shared_cell
from enas_tf.networks import gated, micro_skeleton
from enas_tf.spaces import micro


class MicroSupernet(gated.GatedModel):
  """Classifies images with the child that an arc describes.

  A functional model of {"images": float32 [batch, height, width, channels],
  "arc": int32 [num_decisions]} that answers {"logits": [batch, num_classes]}
  and, with an auxiliary head, {"aux_logits": ...} too. Only what the arc
  chooses is computed. Normalization takes the statistics of the batch always;
  dropout works in training alone, unless `faithful`.

  Args:
    space: of the arcs.
    num_layers: normal cells, at least 1; two reduction cells come on top.
    out_filters: channels of the first cells, even.
    image_shape: (height, width, channels) of an image, in pixels.
    num_classes: logits per image.
    keep_prob: fraction of the features that dropout keeps, in (0, 1].
    use_aux_heads: whether there is an auxiliary classifier.
    seed: of the initial weights and the dropout.
    faithful: bring back the defects of the original that its numbers need.

  Attributes:
    space: the space of the arcs.
    shared: a mapping from (layer, node, input, previous node, operation), the
      operation by its name and the rest from 0, to the `SharedWeights` of that
      choice.
  """

  def __init__(
    self,
    space: micro.MicroSpace,
    *,
    num_layers: int,
    out_filters: int,
    image_shape: tuple[int, int, int],
    num_classes: int,
    use_aux_heads: bool,
    keep_prob: float,
    seed: int,
    faithful: bool = False,
  ) -> None:
    images = keras.Input(image_shape, name="images")
    arc = keras.Input(
      batch_shape=(space.num_decisions,), dtype="int32", name="arc"
    )
    gates = gated.gates_input(space)
    glue = micro_skeleton.Glue(seed, moving_statistics=False)
    x = glue.stem(images, 3 * out_filters)
    previous = [x, x]
    parts = cell_wiring.CommonParts(space.num_cells, space.ops)
    outputs = {}
    for cell in micro_skeleton.cells(num_layers, out_filters):
      inputs, older = glue.search_inputs(previous, cell, faithful)
      name = f"layer_{cell.index}_cell"
      x = shared_cell.SharedCell(
        space.num_cells,
        space.ops,
        cell.filters,
        first=4 * space.num_cells * cell.is_reduction,
        seed=seeds.derive(seed, name),
        parts=parts,
        name=name,
      )(*inputs, arc=arc, gates=gates)
      previous = [older, x]
      if use_aux_heads and cell.feeds_aux_head:
        # Differs from the original, which leaves the head random.
        outputs["aux_logits"] = heads.auxiliary(
          x, num_classes, seed, trainable=not faithful
        )
    # Differs from the original, whose rewards have the noise of dropout.
    dropout = regularize.Dropout(
      keep_prob,
      seeds.derive(seed, "head_dropout"),
      always=faithful,
      name="head_dropout",
    )
    outputs["logits"] = heads.classifier(x, num_classes, dropout, seed)
    super().__init__({"images": images, "arc": arc, "gates": gates}, outputs)
    self.space = space

  @property
  def cells(self) -> list[shared_cell.SharedCell]:
    """The cells, in order."""
    return [x for x in self.layers if isinstance(x, shared_cell.SharedCell)]

  @property
  def banks(self) -> list[shared.Bank]:
    """All banks, in the order of `chosen`."""
    return [bank for cell in self.cells for bank in cell.banks]

  def chosen(self, arc: tf.Tensor) -> list[tf.Tensor]:
    """Returns the blocks of each bank that an arc uses, int32 [n] each.

    Args:
      arc: int32 [num_decisions].
    """
    return [blocks for cell in self.cells for blocks in cell.chosen(arc)]

  @property
  def shared(
    self,
  ) -> dict[tuple[int, int, int, int, str], shared.SharedWeights]:
    """The shared weights of each choice; see the class."""
    return {
      (layer, *key): weights
      for layer, cell in enumerate(self.cells)
      for key, weights in cell.shared.items()
    }
