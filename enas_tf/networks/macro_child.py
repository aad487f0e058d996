"""The final macro child: one arc as an ordinary Keras model.

ENAS, section 2.3, in the form of the original's general_child.py: ReLU first,
skip connections concatenated and projected, twice the channels behind each
downsampling. `as_searched` builds the child as the supernet computes it.
"""

import abc
from collections.abc import Sequence
from typing import Any, Protocol

import keras

from enas_tf import errors, seeds
from enas_tf.layers import (
  basic_stages,
  heads,
  norm,
  operations,
  regularize,
  stages,
)
from enas_tf.networks import macro_skeleton
from enas_tf.spaces import macro


class Layer(Protocol):
  """A layer of any arc of whole networks."""

  @property
  def skips(self) -> tuple[int, ...]:
    """1 for each earlier layer that is joined, 0 for the others."""


def build(
  arc: macro.MacroArc,
  *,
  out_filters: int,
  image_shape: tuple[int, int, int],
  num_classes: int,
  keep_prob: float = 1.0,
  faithful: bool = False,
  as_searched: bool = False,
  seed: int = 0,
) -> keras.Model:
  """Returns the child of an arc.

  Args:
    arc: the arc; it gives the number of layers.
    out_filters: channels of the first layers, even.
    image_shape: (height, width, channels) of an image, in pixels.
    num_classes: logits per image.
    keep_prob: fraction of the features that dropout keeps, in (0, 1].
    faithful: bring back what the original's network computes.
    as_searched: compute what the supernet computes.
    seed: of the initial weights and the dropout.

  Returns:
    A functional model of images, float32 [batch, height, width, channels],
    that answers {"logits": [batch, num_classes]}.

  Raises:
    ConfigError: if the original could not build the arc, and `faithful`.
  """
  body: Layers
  if as_searched:
    body = SearchedLayers(out_filters, seed)
  else:
    body = FinalLayers(out_filters, seed, faithful)
  return build_from(
    arc.layers,
    body,
    keep_prob=keep_prob,
    image_shape=image_shape,
    num_classes=num_classes,
    seed=seed,
  )


def build_from(
  layers: Sequence[Layer],
  body: "Layers",
  *,
  image_shape: tuple[int, int, int],
  num_classes: int,
  keep_prob: float,
  seed: int,
) -> keras.Model:
  """Returns a child of layers that `body` makes.

  Args:
    layers: what each layer does, with its `skips`.
    body: makes the layers.
    image_shape: see `build`.
    num_classes: see `build`.
    keep_prob: see `build`.
    seed: see `build`.
  """
  images = keras.Input(image_shape, name="images")
  x = macro_skeleton.stem(images, body.filters, seed, moving_statistics=True)
  tensors = [x]
  pool_layers = macro_skeleton.pool_layers(len(layers))
  for number, layer in enumerate(layers):
    x = body.operate(number, layer, tensors[-1])
    if number:
      read = [t for t, skip in zip(tensors, layer.skips, strict=False) if skip]
      x = body.join(number, x, read)
    tensors.append(x)
    if number in pool_layers:
      tensors = body.downsample(number, tensors)
  dropout = regularize.Dropout(
    keep_prob, seeds.derive(seed, "head_dropout"), name="head_dropout"
  )
  logits = heads.classifier(tensors[-1], num_classes, dropout, seed, relu=False)
  return keras.Model(images, {"logits": logits}, name="macro_child")


def inference(model: keras.Model) -> keras.Model:
  """Returns the child on the same weights, images to logits alone.

  Args:
    model: a child, as `build` makes it.
  """
  return keras.Model(model.input, model.output["logits"], name=model.name)


class Layers(abc.ABC):
  """How the layers of a macro child are made.

  Args:
    filters: channels of the first layers.
    seed: of the network.

  Attributes:
    filters: channels, here and now.
    seed: of the network.
  """

  def __init__(self, filters: int, seed: int) -> None:
    self.filters = filters
    self.seed = seed

  @abc.abstractmethod
  def operate(
    self, number: int, layer: Any, x: keras.KerasTensor
  ) -> keras.KerasTensor:
    """Returns what a layer computes of the one before it.

    Args:
      number: of the layer, from 0.
      layer: what it does, as an arc of the body's space says it.
      x: float32 [batch, height, width, channels].
    """

  @abc.abstractmethod
  def join(
    self, number: int, x: keras.KerasTensor, read: list[keras.KerasTensor]
  ) -> keras.KerasTensor:
    """Returns that, joined with the tensors of its skip connections.

    Args:
      number: of the layer, from 1.
      x: what the layer computes, float32 [batch, height, width, channels].
      read: the tensors, likewise.
    """

  def downsample(
    self, number: int, tensors: list[keras.KerasTensor]
  ) -> list[keras.KerasTensor]:
    """Halves height and width of all tensors behind a layer.

    Args:
      number: of the layer, from 0.
      tensors: float32 [batch, height, width, channels] each.
    """
    return [
      macro_skeleton.downsample(
        x,
        self.filters,
        f"layer_{number}_pool_{i}",
        self.seed,
        moving_statistics=True,
      )
      for i, x in enumerate(tensors)
    ]


class SearchedLayers(Layers):
  """Layers as the supernet computes them; see `Layers`."""

  def operate(
    self, number: int, layer: Any, x: keras.KerasTensor
  ) -> keras.KerasTensor:
    """Returns what the operation computes; see `Layers`."""
    operation = operations.get(f"macro/{layer.op}")
    name = f"layer_{number}_{layer.op}_"
    return operation.apply(x, self.filters, 1, name, self.seed)

  def join(
    self, number: int, x: keras.KerasTensor, read: list[keras.KerasTensor]
  ) -> keras.KerasTensor:
    """Returns the normalized sum; see `Layers`."""
    if read:
      x = keras.layers.Add(name=f"layer_{number}_add")([x, *read])
    return norm.BatchNorm(name=f"layer_{number}_skip_bn")(x)


class FinalLayers(Layers):
  """Layers of the original's final network.

  Differs from the original in what a layer computes: what was searched, where
  the original put plain convolutions for separable ones and had no pools.

  Args:
    filters: see `Layers`.
    seed: see `Layers`.
    faithful: put those plain convolutions back.
  """

  def __init__(self, filters: int, seed: int, faithful: bool = False) -> None:
    super().__init__(filters, seed)
    self._faithful = faithful

  def operate(
    self, number: int, layer: Any, x: keras.KerasTensor
  ) -> keras.KerasTensor:
    """Returns convolutions, or a pool behind one; see `Layers`."""
    name = f"layer_{number}"
    x = self._convolve(x, [basic_stages.Conv(1)], f"{name}_conv_1x1")
    found = stages_behind(layer.op, self._faithful)
    if found is None:  # A user's own operation, as it is.
      operation = operations.get(f"macro/{layer.op}")
      own_name = f"{name}_{layer.op}_"
      return operation.apply(x, self.filters, 1, own_name, self.seed)
    if not found:
      return x
    if isinstance(found[0], basic_stages.Pool):
      return found[0].layer(self.filters, 1, name, self.seed)(x)
    size = _kernel_size(found[0])
    return self._convolve(x, found, f"{name}_conv_{size}x{size}")

  def join(
    self, number: int, x: keras.KerasTensor, read: list[keras.KerasTensor]
  ) -> keras.KerasTensor:
    """Returns the projected concatenation; see `Layers`."""
    if read:
      x = keras.layers.Concatenate(name=f"layer_{number}_concat")([*read, x])
    return self._convolve(x, [basic_stages.Conv(1)], f"layer_{number}_skip")

  def downsample(
    self, number: int, tensors: list[keras.KerasTensor]
  ) -> list[keras.KerasTensor]:
    """Halves height and width, and doubles the channels; see `Layers`."""
    self.filters *= 2
    return super().downsample(number, tensors)

  def _convolve(
    self, x: keras.KerasTensor, found: Sequence[stages.Stage], name: str
  ) -> keras.KerasTensor:
    """Returns relu, convolution, normalization."""
    x = keras.layers.ReLU(name=f"{name}_relu")(x)
    for stage in found:
      layer = stage.layer(self.filters, 1, name, self.seed)
      assert layer is not None  # No operation of a user's own gets here.
      x = layer(x)
    return norm.BatchNorm(name=f"{name}_bn")(x)


def stages_behind(op: str, faithful: bool) -> list[stages.Stage] | None:
  """Returns the stages of an operation behind its first convolution.

  Args:
    op: of a layer.
    faithful: see `build`.

  Returns:
    Those with weights, or a pool; None if the operation does not begin with a
    convolution, as a user's own.

  Raises:
    ConfigError: see `build`.
  """
  operation = operations.get(f"macro/{op}")
  if not faithful and not isinstance(operation, operations.MacroOperation):
    return None
  found = [
    stage
    for stage in operation.stages[1:]
    if not isinstance(stage, basic_stages.Normalize | basic_stages.Relu)
  ]
  if not faithful:
    return found
  if op not in macro.PAPER_OPS[:4]:
    raise errors.ConfigError(
      "The original's final macro network has no pools: leave `faithful` "
      f"out, or give an arc of convolutions. Received: op={op}"
    )
  return [basic_stages.Conv(_kernel_size(found[0]))]


def _kernel_size(stage: stages.Stage) -> int:
  """Returns that of a convolution."""
  assert isinstance(stage, basic_stages.Conv | basic_stages.Depthwise)
  return stage.kernel_size
