"""Operations: sequences of stages that keep height, width and channels."""

from collections.abc import Iterable, Sequence

import keras
import tensorflow as tf

from enas_tf import seeds
from enas_tf.layers import initial, stage_layers
from enas_tf.layers.stages import Stage, Weight


class Operation:
  """A sequence of stages that keeps height, width and channels.

  Args:
    stages: what it computes; empty for the identity. A subclass may have them
      as an attribute instead.

  Attributes:
    name: the name of the operation in arcs and flags.
    stages: what it computes.
  """

  name: str = ""
  stages: Sequence[Stage] = ()

  def __init__(self, stages: Iterable[Stage] | None = None) -> None:
    if stages is not None:
      self.stages = tuple(stages)

  def weights(self, filters: int) -> list[Weight]:
    """Returns the weights of all stages, for so many channels.

    Args:
      filters: channels of the input and of the output.
    """
    return [w for stage in self.stages for w in stage.weights(filters)]

  def num_rows(self, filters: int) -> int:
    """Returns how many rows of `filters` numbers hold all weights.

    Args:
      filters: length of a row.
    """
    return sum(weight.num_rows(filters) for weight in self.weights(filters))

  def initialize(self, copies: int, filters: int, seed: int) -> tf.Tensor:
    """Returns the initial weights of several copies.

    Args:
      copies: how many.
      filters: channels, the length of a row.
      seed: of the random numbers.

    Returns:
      float32 [copies, num_rows, filters].
    """
    parts, number = [], 0
    for stage in self.stages:
      numbers = range(number, number + len(stage.weights(filters)))
      own_seeds = [seeds.derive(seed, f"weight_{i}") for i in numbers]
      parts += stage.initialize(copies, filters, own_seeds)
      number = numbers.stop
    return tf.concat(parts, 1) if parts else tf.zeros([copies, 0, filters])

  def split_rows(self, rows: tf.Tensor, filters: int) -> list[list[tf.Tensor]]:
    """Returns, for each stage, its weights out of [num_rows, filters].

    Args:
      rows: float32 [num_rows, filters].
      filters: length of a row.
    """
    weights = self.weights(filters)
    if not weights:
      return [[] for _ in self.stages]
    parts = tf.split(rows, [weight.num_rows(filters) for weight in weights])
    shaped = iter(
      weight.unpack(part) for part, weight in zip(parts, weights, strict=True)
    )
    return [
      [next(shaped) for _ in stage.weights(filters)] for stage in self.stages
    ]

  def run(
    self, x: tf.Tensor, rows: tf.Tensor
  ) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Runs the operation in a search.

    Args:
      x: float32 [batch, height, width, filters].
      rows: the weights, float32 [num_rows, filters].

    Returns:
      (y, what the gradients need); y is as large as x.
    """
    saved: list[tf.Tensor] = []
    weights = self.split_rows(rows, x.shape[-1])
    for stage, stage_weights in zip(self.stages, weights, strict=True):
      x, stage_saved = stage.run(x, stage_weights)
      saved += stage_saved
    return x, saved

  def input_gradient(
    self, dy: tf.Tensor, rows: tf.Tensor, saved: Sequence[tf.Tensor]
  ) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns the gradient of the input.

    Args:
      dy: the gradient of the output, float32 [batch, height, width, filters].
      rows: as in `run`.
      saved: of `run`; may be padded.

    Returns:
      (dx, what `weight_gradient` needs); dx is as large as dy.
    """
    saved_back: list[tf.Tensor] = []
    shape = dy.shape
    weights = self.split_rows(rows, dy.shape[-1])
    by_stage = self._by_stage(saved, "num_saved")
    for stage, stage_weights, stage_saved in reversed(
      list(zip(self.stages, weights, by_stage, strict=True))
    ):
      dy, stage_saved_back = stage.input_gradient(
        dy, stage_weights, stage_saved
      )
      dy.set_shape(shape)
      saved_back = [*stage_saved_back, *saved_back]
    return dy, saved_back

  def weight_gradient(
    self,
    rows: tf.Tensor,
    saved: Sequence[tf.Tensor],
    saved_back: Sequence[tf.Tensor],
  ) -> tf.Tensor:
    """Returns the gradient of the rows, float32 [num_rows, filters].

    Args:
      rows: as in `run`.
      saved: of `run`; may be padded.
      saved_back: of `input_gradient`; may be padded.
    """
    filters = rows.shape[-1]
    gradients = [
      weight.pack(gradient, filters)
      for stage, *arguments in zip(
        self.stages,
        self.split_rows(rows, filters),
        self._by_stage(saved, "num_saved"),
        self._by_stage(saved_back, "num_saved_back"),
        strict=True,
      )
      for weight, gradient in zip(
        stage.weights(filters), stage.weight_gradient(*arguments), strict=True
      )
    ]
    return tf.concat(gradients, 0) if gradients else tf.zeros([0, filters])

  def _by_stage(
    self, tensors: Iterable[tf.Tensor], count: str
  ) -> list[list[tf.Tensor]]:
    """Cuts a list that may be padded into a list for each stage."""
    tensors = iter(tensors)
    return [
      [next(tensors) for _ in range(getattr(stage, count))]
      for stage in self.stages
    ]

  def layers(
    self, filters: int, stride: int = 1, name: str = "", seed: int = 0
  ) -> list[keras.Layer]:
    """Returns the operation as Keras layers, to be called in turn.

    Args:
      filters: channels of the input and of the output.
      stride: of the first stage that can have one; if there is none, an average
        pool comes first.
      name: a prefix of the layers' names.
      seed: of the network.
    """
    layers = []
    if stride > 1 and not any(stage.spatial for stage in self.stages):
      layers.append(
        keras.layers.AveragePooling2D(
          stride, padding="same", name=f"{name}downsample"
        )
      )
    for i, stage in enumerate(self.stages):
      here = stride if stage.spatial else 1
      own = f"{name}stage_{i}"
      layer = stage.layer(filters, here, own, seed)
      if layer is None:
        layer = stage_layers.StageLayer(
          self.name, i, filters, seeds.derive(seed, own), name=own
        )
      layers.append(layer)
      if stage.spatial:
        stride = 1
    return layers

  def apply(
    self,
    x: keras.KerasTensor,
    filters: int,
    stride: int = 1,
    name: str = "",
    seed: int = 0,
  ) -> keras.KerasTensor:
    """Returns what `layers`, with these arguments, make of a tensor.

    Args:
      x: float32 [batch, height, width, filters].
      filters: see `layers`.
      stride: see `layers`.
      name: see `layers`.
      seed: see `layers`.
    """
    with initial.seeded(seeds.derive(seed, name)):  # For a user's own layers.
      for layer in self.layers(filters, stride, name, seed):
        x = layer(x)
    return x
