"""The catalogue of operations that an arc can name, by their words.

An operation is a sequence of stages (ReLU, convolution, normalization, pool).
It is written once and used twice: `layers()` gives the stages as ordinary
Keras layers for a final child; a supernet runs `forward` on weights that it
gathered from its shared bank and, backward, first `input_gradient` and then
`weight_gradient`, so that the gradient of the input can leave before those of
the weights are done (see mixed.Mixed).

To add an operation, register a class that lists its stages:

    @register("sep_conv_7x7")
    class SepConv7x7(Operation):
      stages = _separable(7)
"""

import abc
import math
from typing import ClassVar, NamedTuple

import keras
import tensorflow as tf

from enas_tf import errors, seeds
from enas_tf.layers import conv, initial, norm

_REGISTRY = {}
_STRIDES = [1, 1, 1, 1]
# The deviation of a normal distribution that is cut off at two deviations.
_TRUNCATED = 0.87962566


class Weight(NamedTuple):
  """A weight of a stage: its shape, and "he", "ones" or "zeros" to begin."""

  shape: tuple[int, ...]
  initial: str

  def num_rows(self, filters: int) -> int:
    return math.prod(self.shape) // filters

  def initialize(self, copies: int, filters: int, seed: int):
    """Returns float32 [copies, num_rows, filters]."""
    shape = (copies, self.num_rows(filters), filters)
    if self.initial != "he":
      return (tf.ones if self.initial == "ones" else tf.zeros)(shape)
    # Differs from the original, whose fan-in was the number of rows of its
    # table; normalization hides the difference.
    stddev = math.sqrt(2 / math.prod(self.shape[:3])) / _TRUNCATED
    return keras.random.truncated_normal(shape, stddev=stddev, seed=seed)


class Stage(abc.ABC):
  """One step of an operation, with stride 1 and "same" padding in a search.

  In a shared bank each weight is a number of rows of `filters` numbers.
  """

  # Whether the stage has a stride (the first such one takes an operation's).
  spatial: ClassVar[bool] = False
  # How many tensors `forward` and `input_gradient` hand on to the gradients.
  num_saved: ClassVar[int]
  num_saved_back: ClassVar[int] = 0

  def weights(self, filters: int) -> tuple[Weight, ...]:
    """Returns the weights, the size of each a multiple of `filters`."""
    del filters
    return ()

  @abc.abstractmethod
  def forward(self, x, weights):
    """Returns (y, what the gradients need)."""

  @abc.abstractmethod
  def input_gradient(self, dy, weights, saved):
    """Returns (dx, what `weight_gradient` needs)."""

  def weight_gradient(self, weights, saved, saved_back):
    """Returns a gradient for each weight."""
    del weights, saved, saved_back
    return ()

  @abc.abstractmethod
  def layer(
    self, filters: int, stride: int, name: str, seed: int
  ) -> keras.Layer:
    """Returns the same stage as a Keras layer; `seed` is the network's."""


class Relu(Stage):
  num_saved = 1

  def forward(self, x, weights):
    y = tf.nn.relu(x)
    return y, (y,)

  def input_gradient(self, dy, weights, saved):
    return tf.raw_ops.ReluGrad(gradients=dy, features=saved[0]), ()

  def layer(self, filters, stride, name, seed):
    return keras.layers.ReLU(name=f"{name}_relu")


class Conv(Stage):
  """A k x k convolution, all channels to all channels."""

  spatial = True
  num_saved = 1
  num_saved_back = 1

  def __init__(self, kernel_size: int):
    self.kernel_size = kernel_size

  def weights(self, filters):
    shape = (self.kernel_size, self.kernel_size, filters, filters)
    return (Weight(shape, "he"),)

  def forward(self, x, weights):
    y = tf.nn.conv2d(x, weights[0], _STRIDES, "SAME")
    return y, (x,)

  def input_gradient(self, dy, weights, saved):
    dx = tf.raw_ops.Conv2DBackpropInput(
      input_sizes=tf.shape(saved[0]),
      filter=weights[0],
      out_backprop=dy,
      strides=_STRIDES,
      padding="SAME",
    )
    return dx, (dy,)

  def weight_gradient(self, weights, saved, saved_back):
    dw = tf.raw_ops.Conv2DBackpropFilter(
      input=saved[0],
      filter_sizes=weights[0].shape,
      out_backprop=saved_back[0],
      strides=_STRIDES,
      padding="SAME",
    )
    return (dw,)

  def layer(self, filters, stride, name, seed):
    return keras.layers.Conv2D(
      filters,
      self.kernel_size,
      strides=stride,
      padding="same",
      use_bias=False,
      kernel_initializer=initial.he_normal(seed, f"{name}_conv"),
      name=f"{name}_conv",
    )


class Depthwise(Stage):
  """A k x k convolution, each channel to itself."""

  spatial = True
  num_saved = 1
  num_saved_back = 1

  def __init__(self, kernel_size: int, dilation: int = 1):
    self.kernel_size = kernel_size
    self.dilation = dilation

  def weights(self, filters):
    shape = (self.kernel_size, self.kernel_size, filters, 1)
    return (Weight(shape, "he"),)

  def _convolve(self, x, weight):
    dilations = [self.dilation, self.dilation]
    return tf.nn.depthwise_conv2d(
      x, weight, _STRIDES, "SAME", dilations=dilations
    )

  def _gradient(self, of, x, weight, dy):
    # Not by the gradient's own kernel: some of them know no dilation.
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(of)
      y = self._convolve(x, weight)
    return tape.gradient(y, of, dy)

  def forward(self, x, weights):
    return self._convolve(x, weights[0]), (x,)

  def input_gradient(self, dy, weights, saved):
    x = saved[0]
    return self._gradient(x, x, weights[0], dy), (dy,)

  def weight_gradient(self, weights, saved, saved_back):
    weight = weights[0]
    return (self._gradient(weight, saved[0], weight, saved_back[0]),)

  def layer(self, filters, stride, name, seed):
    return keras.layers.DepthwiseConv2D(
      self.kernel_size,
      strides=stride,
      padding="same",
      dilation_rate=self.dilation if stride == 1 else 1,
      use_bias=False,
      depthwise_initializer=initial.he_normal(seed, f"{name}_depthwise"),
      name=f"{name}_depthwise",
    )


class Normalize(Stage):
  """Batch normalization, on the statistics of the batch in a search."""

  num_saved = 4
  num_saved_back = 2

  def __init__(self, epsilon: float = norm.EPSILON):
    self.epsilon = epsilon

  def weights(self, filters):
    return Weight((filters,), "ones"), Weight((filters,), "zeros")

  def forward(self, x, weights):
    y, _, _, *reserve = tf.raw_ops.FusedBatchNormV3(
      x=x,
      scale=weights[0],
      offset=weights[1],
      mean=tf.zeros([0]),
      variance=tf.zeros([0]),
      epsilon=self.epsilon,
      is_training=True,
    )
    return y, (x, *reserve)

  def input_gradient(self, dy, weights, saved):
    x, *reserve = saved
    dx, dscale, doffset, _, _ = tf.raw_ops.FusedBatchNormGradV3(
      y_backprop=dy,
      x=x,
      scale=weights[0],
      reserve_space_1=reserve[0],
      reserve_space_2=reserve[1],
      reserve_space_3=reserve[2],
      epsilon=self.epsilon,
      is_training=True,
    )
    return dx, (dscale, doffset)

  def weight_gradient(self, weights, saved, saved_back):
    return saved_back

  def layer(self, filters, stride, name, seed):
    return norm.BatchNorm(epsilon=self.epsilon, name=f"{name}_bn")


class Pool(Stage):
  """A k x k average or maximum; padding counts for neither."""

  spatial = True
  num_saved = 1

  def __init__(self, kind: str, size: int):
    self.kind = kind
    self.size = size

  def _options(self):
    ksize = [1, self.size, self.size, 1]
    return {"ksize": ksize, "strides": _STRIDES, "padding": "SAME"}

  def forward(self, x, weights):
    pool = tf.nn.avg_pool2d if self.kind == "avg" else tf.nn.max_pool2d
    return pool(x, self.size, 1, "SAME"), (x,)

  def input_gradient(self, dy, weights, saved):
    x = saved[0]
    if self.kind == "avg":
      dx = tf.raw_ops.AvgPoolGrad(
        orig_input_shape=tf.shape(x), grad=dy, **self._options()
      )
    else:
      # The forward pool runs again: only beside it is the gradient's fast
      # kernel chosen.
      y = tf.raw_ops.MaxPool(input=x, **self._options())
      dx = tf.raw_ops.MaxPoolGrad(
        orig_input=x, orig_output=y, grad=dy, **self._options()
      )
    return dx, ()

  def layer(self, filters, stride, name, seed):
    layer = (
      keras.layers.AveragePooling2D
      if self.kind == "avg"
      else keras.layers.MaxPooling2D
    )
    return layer(
      self.size, strides=stride, padding="same", name=f"{name}_{self.kind}"
    )


class Operation:
  """A sequence of stages that keeps height, width and channels.

  Attributes:
    word: the name of the operation in arcs and flags.
    stages: what it computes; empty for the identity.
  """

  word: ClassVar[str]
  stages: ClassVar[tuple[Stage, ...]] = ()

  def weights(self, filters: int) -> list[Weight]:
    return [w for stage in self.stages for w in stage.weights(filters)]

  def num_rows(self, filters: int) -> int:
    """Returns how many rows of `filters` numbers hold all weights."""
    return sum(weight.num_rows(filters) for weight in self.weights(filters))

  def initialize(self, copies: int, filters: int, seed: int):
    """Returns initial weights, float32 [copies, num_rows, filters]."""
    parts = [
      weight.initialize(copies, filters, seeds.derive(seed, f"weight_{i}"))
      for i, weight in enumerate(self.weights(filters))
    ]
    return tf.concat(parts, 1) if parts else tf.zeros([copies, 0, filters])

  def split_rows(self, rows, filters: int) -> list[list]:
    """Returns, for each stage, its weights out of [num_rows, filters]."""
    weights = self.weights(filters)
    if not weights:
      return [[] for _ in self.stages]
    parts = tf.split(rows, [weight.num_rows(filters) for weight in weights])
    shaped = iter(
      tf.reshape(part, weight.shape)
      for part, weight in zip(parts, weights, strict=True)
    )
    return [
      [next(shaped) for _ in stage.weights(filters)] for stage in self.stages
    ]

  def forward(self, x, rows):
    """Returns (y, what the gradients need: a list of tensors)."""
    saved = []
    weights = self.split_rows(rows, x.shape[-1])
    for stage, stage_weights in zip(self.stages, weights, strict=True):
      x, stage_saved = stage.forward(x, stage_weights)
      saved += stage_saved
    return x, saved

  def input_gradient(self, dy, rows, saved):
    """Returns (dx, what `weight_gradient` needs: a list of tensors)."""
    saved_back = []
    weights = self.split_rows(rows, dy.shape[-1])
    saved = self._by_stage(saved, "num_saved")
    for stage, stage_weights, stage_saved in reversed(
      list(zip(self.stages, weights, saved, strict=True))
    ):
      dy, stage_saved_back = stage.input_gradient(
        dy, stage_weights, stage_saved
      )
      saved_back = [*stage_saved_back, *saved_back]
    return dy, saved_back

  def weight_gradient(self, rows, saved, saved_back):
    """Returns the gradient of the rows, [num_rows, filters]."""
    filters = rows.shape[-1]
    gradients = [
      tf.reshape(gradient, [-1, filters])
      for stage, *arguments in zip(
        self.stages,
        self.split_rows(rows, filters),
        self._by_stage(saved, "num_saved"),
        self._by_stage(saved_back, "num_saved_back"),
        strict=True,
      )
      for gradient in stage.weight_gradient(*arguments)
    ]
    return tf.concat(gradients, 0) if gradients else tf.zeros([0, filters])

  def _by_stage(self, tensors, count: str) -> list[list]:
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
      stride: of the first stage that can have one.
      name: a prefix of the layers' names.
      seed: of the network.
    """
    layers = []
    for i, stage in enumerate(self.stages):
      here = stride if stage.spatial else 1
      layers.append(stage.layer(filters, here, f"{name}stage_{i}", seed))
      if stage.spatial:
        stride = 1
    return layers


def register(word: str):
  """Registers an operation under its word."""

  def decorate(cls):
    if word in _REGISTRY:
      raise ValueError(f"An operation is registered already: {word}")
    cls.word = word
    _REGISTRY[word] = cls()
    return cls

  return decorate


def get(word: str) -> Operation:
  """Returns the operation of that word.

  Raises:
    ConfigError: if there is none.
  """
  if word not in _REGISTRY:
    raise errors.ConfigError(
      f"No operation is called {word!r}: correct `child_ops`. Known are "
      f"{', '.join(_REGISTRY)}. Received: op={word}"
    )
  return _REGISTRY[word]


def words(space: str = "micro") -> tuple[str, ...]:
  """Returns the words of all operations that suit a search space.

  Those of the macro space have the same names, after "macro/".
  """
  is_macro = space == "macro"
  return tuple(
    word for word in _REGISTRY if word.startswith("macro/") == is_macro
  )


def _separable(kernel_size: int) -> tuple[Stage, ...]:
  """Returns two stacked separable convolutions (ENAS, appendix B)."""
  return 2 * (Relu(), Depthwise(kernel_size), Conv(1), Normalize())


@register("sep_conv_3x3")
class SepConv3x3(Operation):
  stages = _separable(3)


@register("sep_conv_5x5")
class SepConv5x5(Operation):
  stages = _separable(5)


@register("sep_conv_7x7")
class SepConv7x7(Operation):
  stages = _separable(7)


@register("avg_pool_3x3")
class AvgPool3x3(Operation):
  stages = (Pool("avg", 3),)


@register("max_pool_3x3")
class MaxPool3x3(Operation):
  stages = (Pool("max", 3),)


@register("identity")
class Identity(Operation):
  """The input itself; with stride 2 a child puts a factorized reduction."""

  def layers(self, filters, stride=1, name="", seed=0):
    if stride == 1:
      return []
    name = f"{name}reduce"
    return [
      conv.FactorizedReduction(filters, seeds.derive(seed, name), name=name),
      norm.BatchNorm(name=f"{name}_bn"),
    ]


@register("dil_conv_3x3")
class DilConv3x3(Operation):
  stages = (Relu(), Depthwise(3, dilation=2), Conv(1), Normalize())


@register("dil_conv_5x5")
class DilConv5x5(Operation):
  stages = (Relu(), Depthwise(5, dilation=2), Conv(1), Normalize())


@register("conv_1x1")
class Conv1x1(Operation):
  stages = (Relu(), Conv(1), Normalize())


@register("conv_3x3")
class Conv3x3(Operation):
  stages = (Relu(), Conv(3), Normalize())


@register("conv_5x5")
class Conv5x5(Operation):
  stages = (Relu(), Conv(5), Normalize())


@register("max_pool_5x5")
class MaxPool5x5(Operation):
  stages = (Pool("max", 5),)


# The operations of the macro space begin with a 1x1 convolution, and their
# ReLU comes last (ENAS, section 2.3; the original's general_child.py).
_PROJECT = (Conv(1), Normalize(), Relu())
_MACRO_EPSILON = 1e-3  # Of the second normalization, as in the original.


def _macro(*convolution: Stage) -> tuple[Stage, ...]:
  return (*_PROJECT, *convolution, Normalize(_MACRO_EPSILON), Relu())


@register("macro/conv_3x3")
class MacroConv3x3(Operation):
  stages = _macro(Conv(3))


@register("macro/sep_conv_3x3")
class MacroSepConv3x3(Operation):
  stages = _macro(Depthwise(3), Conv(1))


@register("macro/conv_5x5")
class MacroConv5x5(Operation):
  stages = _macro(Conv(5))


@register("macro/sep_conv_5x5")
class MacroSepConv5x5(Operation):
  stages = _macro(Depthwise(5), Conv(1))


@register("macro/sep_conv_7x7")
class MacroSepConv7x7(Operation):
  stages = _macro(Depthwise(7), Conv(1))


@register("macro/dil_conv_3x3")
class MacroDilConv3x3(Operation):
  stages = _macro(Depthwise(3, dilation=2), Conv(1))


@register("macro/dil_conv_5x5")
class MacroDilConv5x5(Operation):
  stages = _macro(Depthwise(5, dilation=2), Conv(1))


@register("macro/conv_1x1")
class MacroConv1x1(Operation):
  stages = _PROJECT


@register("macro/avg_pool_3x3")
class MacroAvgPool3x3(Operation):
  stages = (*_PROJECT, Pool("avg", 3))


@register("macro/max_pool_3x3")
class MacroMaxPool3x3(Operation):
  stages = (*_PROJECT, Pool("max", 3))
