"""The final micro child: one arc as an ordinary Keras model.

ENAS, section 2.4, as the original's micro_child.py builds it; `as_searched`
builds the child as the supernet computes it instead.
"""

import dataclasses

import keras

from enas_tf import seeds
from enas_tf.layers import heads, operations, regularize
from enas_tf.networks import micro_skeleton
from enas_tf.spaces import micro

LOGITS, AUX_LOGITS = "head_dense", "aux_dense"


def build(
  arc: micro.MicroArc,
  *,
  num_layers: int,
  out_filters: int,
  image_shape: tuple[int, int, int],
  num_classes: int,
  use_aux_heads: bool = False,
  keep_prob: float = 1.0,
  drop_path_keep_prob: float = 1.0,
  faithful: bool = False,
  as_searched: bool = False,
  total_steps: int = 1,
  seed: int = 0,
) -> keras.Model:
  """Returns the child of an arc.

  Args:
    arc: the arc.
    num_layers: normal cells, at least 1; two reduction cells come on top.
    out_filters: channels of the first cells, even.
    image_shape: (height, width, channels) of an image, in pixels.
    num_classes: logits per image.
    use_aux_heads: whether there is an auxiliary classifier.
    keep_prob: fraction of the features that dropout keeps, in (0, 1].
    drop_path_keep_prob: fraction of the paths that the last cell keeps at the
      end of the training, in (0, 1].
    faithful: bring back the defects of the original that its numbers need.
    as_searched: compute what the supernet computes.
    total_steps: of the whole training; drop path reaches its end there.
    seed: of the initial weights and the dropout.

  Returns:
    A functional model of images, float32 [batch, height, width, channels]. Its
    outputs are a dict of "logits" [batch, num_classes] and, with an auxiliary
    head, "aux_logits". `inference(model)` is the same network without that
    head.
  """
  settings = _Settings(
    num_layers,
    out_filters,
    use_aux_heads,
    keep_prob,
    drop_path_keep_prob,
    faithful,
    as_searched,
    total_steps,
    seed,
  )
  return _Builder(arc, settings).build(image_shape, num_classes)


def inference(model: keras.Model) -> keras.Model:
  """Returns the child on the same weights, images to logits alone.

  Args:
    model: a child, as `build` makes it.
  """
  return keras.Model(
    model.input, model.get_layer(LOGITS).output, name=model.name
  )


@dataclasses.dataclass(frozen=True)
class _Settings:
  """See `build`."""

  num_layers: int
  out_filters: int
  use_aux_heads: bool
  keep_prob: float
  drop_path_keep_prob: float
  faithful: bool
  as_searched: bool
  total_steps: int
  seed: int


class _Builder:
  """Holds what the parts of the network need of each other."""

  def __init__(self, arc: micro.MicroArc, settings: _Settings) -> None:
    self._arc = arc
    self._child = settings
    self._seed = settings.seed
    self._glue = micro_skeleton.Glue(self._seed, moving_statistics=True)

  def build(
    self, image_shape: tuple[int, int, int], num_classes: int
  ) -> keras.Model:
    child, seed = self._child, self._seed
    images = keras.Input(image_shape, name="images")
    x = self._glue.stem(images, 3 * child.out_filters)
    previous = [x, x]
    outputs = {}
    for cell in micro_skeleton.cells(child.num_layers, child.out_filters):
      build_cell = (
        self._searched_cell if child.as_searched else self._final_cell
      )
      older, x = build_cell(previous, cell)
      previous = [older, x]
      if child.use_aux_heads and cell.feeds_aux_head:
        # Differs from the original, which leaves the head random.
        outputs["aux_logits"] = heads.auxiliary(
          x, num_classes, seed, trainable=not child.faithful
        )
    dropout = regularize.Dropout(
      child.keep_prob, seeds.derive(seed, "head_dropout"), name="head_dropout"
    )
    outputs["logits"] = heads.classifier(x, num_classes, dropout, seed)
    return keras.Model(images, outputs, name="micro_child")

  def _nodes(self, cell: micro_skeleton.Cell) -> tuple[micro.Node, ...]:
    return self._arc.reduction if cell.is_reduction else self._arc.normal

  def _final_cell(
    self, previous: list[keras.KerasTensor], cell: micro_skeleton.Cell
  ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Returns (the next cell's older input, the output of the cell)."""
    name = f"layer_{cell.index}"
    x0, x1 = self._glue.calibrate(previous[0], previous[1], cell.filters, name)
    x1 = self._glue.project(x1, cell.filters, f"{name}_layer_base")
    values = self._run_nodes([x0, x1], cell, stride=1 + cell.is_reduction)
    ends = micro.loose_ends(self._nodes(cell))
    size = min(values[i].shape[1:3] for i in ends)
    # An input that a reduction cell does not read still has the full size.
    loose = [
      values[i]
      if values[i].shape[1:3] == size
      else self._glue.reduce(values[i], cell.filters, f"{name}_calibrate_{i}")
      for i in ends
    ]
    if len(loose) == 1:
      return previous[1], loose[0]
    return previous[1], keras.layers.Concatenate(name=f"{name}_join")(loose)

  def _searched_cell(
    self, previous: list[keras.KerasTensor], cell: micro_skeleton.Cell
  ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Returns the same, computed as the supernet does."""
    name = f"layer_{cell.index}"
    inputs, older = self._glue.search_inputs(
      previous, cell, self._child.faithful
    )
    values = self._run_nodes(list(inputs), cell, stride=1)
    loose = [values[i] for i in micro.loose_ends(self._nodes(cell))]
    x = loose[0]
    if len(loose) > 1:
      x = keras.layers.Concatenate(name=f"{name}_join")(loose)
    return older, self._glue.project(x, cell.filters, f"{name}_final_conv")

  def _run_nodes(
    self,
    values: list[keras.KerasTensor],
    cell: micro_skeleton.Cell,
    stride: int,
  ) -> list[keras.KerasTensor]:
    """Returns the values of the inputs and of all nodes."""
    for i, node in enumerate(self._nodes(cell)):
      name = f"layer_{cell.index}_cell_{i}"
      results = [
        self._apply(
          op, values[index], cell, f"{name}_{side}", stride if index < 2 else 1
        )
        for index, op, side in (
          (node.index_1, node.op_1, "x"),
          (node.index_2, node.op_2, "y"),
        )
      ]
      values.append(keras.layers.Add(name=f"{name}_add")(results))
    return values

  def _apply(
    self,
    op: str,
    x: keras.KerasTensor,
    cell: micro_skeleton.Cell,
    name: str,
    stride: int,
  ) -> keras.KerasTensor:
    x = operations.get(op).apply(
      x, cell.filters, stride, f"{name}_", self._seed
    )
    keep_prob = self._child.drop_path_keep_prob
    if op == "identity" or keep_prob == 1 or self._child.as_searched:
      return x
    name = f"{name}_drop_path"
    ratio = (cell.index + 1) / (self._child.num_layers + 2)
    return regularize.DropPath(
      keep_prob,
      ratio,
      self._child.total_steps,
      seeds.derive(self._seed, name),
      name=name,
    )(x)
