"""The final macro child: one arc as an ordinary Keras model.

ENAS, section 2.3, in the form of the original's general_child.py: ReLU first,
skip connections concatenated and projected, twice the channels behind each
halving. `--child_as_searched` builds the child as the supernet computes it.
"""

import keras

from enas_tf import config, errors, seeds
from enas_tf.layers import heads, norm, operations, regularize
from enas_tf.networks import macro_skeleton
from enas_tf.spaces import macro


def build(
  arc: macro.MacroArc,
  child: config.ChildConfig,
  *,
  image_shape: tuple[int, int, int],
  num_classes: int,
  seed: int = 0,
) -> keras.Model:
  """Returns the child of an arc.

  Args:
    arc: the arc; it gives the number of layers.
    child: the other sizes.
    image_shape: (height, width, channels).
    num_classes: logits per image.
    seed: of the initial weights and the dropout.

  Returns:
    A functional model of images, float32 [batch, height, width, channels],
    that answers {"logits": [batch, num_classes]}.

  Raises:
    ConfigError: if the original could not build the arc, and `child.faithful`.
  """
  if child.as_searched:
    body = SearchedLayers()
  else:
    body = FinalLayers(child.faithful)
  return build_from(
    arc.layers,
    body,
    child,
    image_shape=image_shape,
    num_classes=num_classes,
    seed=seed,
  )


def build_from(
  layers, body, child: config.ChildConfig, *, image_shape, num_classes, seed
) -> keras.Model:
  """Returns a child of layers that `body` makes; see `build`."""
  body.seed = seed
  body.filters = child.out_filters * child.out_filters_scale
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
      tensors = body.halve(number, tensors)
  dropout = regularize.Dropout(
    child.keep_prob, seeds.derive(seed, "head_dropout"), name="head_dropout"
  )
  logits = heads.classifier(tensors[-1], num_classes, dropout, seed, relu=False)
  return keras.Model(images, {"logits": logits}, name="macro_child")


def inference(model: keras.Model) -> keras.Model:
  """Returns the child on the same weights, images to logits alone."""
  return keras.Model(model.input, model.output["logits"], name=model.name)


class SearchedLayers:
  """Layers as the supernet computes them.

  Attributes:
    filters: channels, everywhere.
    seed: of the network.
  """

  filters: int
  seed: int

  def operate(self, number: int, layer: macro.Layer, x):
    """Returns what a layer computes of the one before it."""
    operation = operations.get(f"macro/{layer.op}")
    name = f"layer_{number}_{layer.op}_"
    for each in operation.layers(self.filters, 1, name, self.seed):
      x = each(x)
    return x

  def join(self, number: int, x, read: list):
    """Returns that, joined with the tensors of its skip connections."""
    if read:
      x = keras.layers.Add(name=f"layer_{number}_add")([x, *read])
    return norm.BatchNorm(name=f"layer_{number}_skip_bn")(x)

  def halve(self, number: int, tensors):
    """Halves height and width of all tensors behind a layer."""
    return [
      macro_skeleton.halve(
        x,
        self.filters,
        f"layer_{number}_pool_{i}",
        self.seed,
        moving_statistics=True,
      )
      for i, x in enumerate(tensors)
    ]


class FinalLayers:
  """Layers of the original's final network.

  Differs from the original in what a layer computes: what was searched, where
  the original put plain convolutions for separable ones and had no pools.

  Attributes:
    filters: channels, here and now.
    seed: of the network.
  """

  filters: int
  seed: int

  def __init__(self, faithful: bool = False):
    self._faithful = faithful

  def operate(self, number: int, layer: macro.Layer, x):
    """Returns what a layer computes of the one before it."""
    name = f"layer_{number}"
    x = self._convolve(x, [operations.Conv(1)], f"{name}_conv_1x1")
    stages = self._stages(layer.op)
    if not stages:
      return x
    if isinstance(stages[0], operations.Pool):
      return stages[0].layer(self.filters, 1, name, self.seed)(x)
    size = stages[0].kernel_size
    return self._convolve(x, stages, f"{name}_conv_{size}x{size}")

  def join(self, number: int, x, read: list):
    """Returns that, joined with the tensors of its skip connections."""
    if read:
      x = keras.layers.Concatenate(name=f"layer_{number}_concat")([*read, x])
    return self._convolve(x, [operations.Conv(1)], f"layer_{number}_skip")

  def halve(self, number: int, tensors):
    """Halves height and width of all tensors, and doubles the channels."""
    self.filters *= 2
    return [
      macro_skeleton.halve(
        x,
        self.filters,
        f"layer_{number}_pool_{i}",
        self.seed,
        moving_statistics=True,
      )
      for i, x in enumerate(tensors)
    ]

  def _stages(self, op: str) -> list[operations.Stage]:
    """Returns the stages of an operation behind its first convolution."""
    stages = [
      stage
      for stage in operations.get(f"macro/{op}").stages[1:]
      if not isinstance(stage, operations.Normalize | operations.Relu)
    ]
    if not self._faithful:
      return stages
    if op not in macro.PAPER_OPS[:4]:
      raise errors.ConfigError(
        "The original's final macro network has no pools: leave `faithful` "
        f"out, or give an arc of convolutions. Received: op={op}"
      )
    return [operations.Conv(stages[0].kernel_size)]

  def _convolve(self, x, stages, name: str):
    """Returns relu, convolution, normalization."""
    x = keras.layers.ReLU(name=f"{name}_relu")(x)
    for stage in stages:
      x = stage.layer(self.filters, 1, name, self.seed)(x)
    return norm.BatchNorm(name=f"{name}_bn")(x)
