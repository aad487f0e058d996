"""The stages that the catalogue of operations is made of.

Their gradients are written by hand: TensorFlow's kernels for them, one for the
input and one for the weights, so that a search can run them when it needs them.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from enas_tf.layers import initial, norm, stages

_STRIDES = [1, 1, 1, 1]
_Tensors = Sequence[tf.Tensor]


class Relu(stages.Stage):
  """Rectified linear units."""

  num_saved_back = 0

  def forward(self, x: tf.Tensor, weights: _Tensors) -> tf.Tensor:
    """Returns max(x, 0); see `Stage`."""
    return tf.nn.relu(x)

  def run(self, x: tf.Tensor, weights: _Tensors) -> tuple[tf.Tensor, _Tensors]:
    """Returns (y, (y,)): the gradient needs no input; see `Stage`."""
    y = self.forward(x, weights)
    return y, (y,)

  def input_gradient(
    self, dy: tf.Tensor, weights: _Tensors, saved: _Tensors
  ) -> tuple[tf.Tensor, _Tensors]:
    """Returns (dx, ()); see `Stage`."""
    return tf.raw_ops.ReluGrad(gradients=dy, features=saved[0]), ()

  def weight_gradient(
    self, weights: _Tensors, saved: _Tensors, saved_back: _Tensors
  ) -> _Tensors:
    """Returns no gradients; see `Stage`."""
    return ()

  def layer(
    self, filters: int, stride: int, name: str, seed: int
  ) -> keras.Layer:
    """Returns a ReLU; see `Stage`."""
    return keras.layers.ReLU(name=f"{name}_relu")


class Conv(stages.Stage):
  """A k x k convolution, all channels to all channels.

  Args:
    kernel_size: k, in pixels.
  """

  spatial = True

  def __init__(self, kernel_size: int) -> None:
    self.kernel_size = kernel_size

  def weights(self, filters: int) -> tuple[stages.Weight, ...]:
    """Returns the kernel; see `Stage`."""
    shape = (self.kernel_size, self.kernel_size, filters, filters)
    return (stages.Weight(shape, "he"),)

  def forward(self, x: tf.Tensor, weights: _Tensors) -> tf.Tensor:
    """Returns the convolution; see `Stage`."""
    return tf.nn.conv2d(x, weights[0], _STRIDES, "SAME")

  def input_gradient(
    self, dy: tf.Tensor, weights: _Tensors, saved: _Tensors
  ) -> tuple[tf.Tensor, _Tensors]:
    """Returns (dx, (dy,)); see `Stage`."""
    dx = tf.raw_ops.Conv2DBackpropInput(
      input_sizes=tf.shape(saved[0]),
      filter=weights[0],
      out_backprop=dy,
      strides=_STRIDES,
      padding="SAME",
    )
    return dx, (dy,)

  def weight_gradient(
    self, weights: _Tensors, saved: _Tensors, saved_back: _Tensors
  ) -> _Tensors:
    """Returns that of the kernel; see `Stage`."""
    dw = tf.raw_ops.Conv2DBackpropFilter(
      input=saved[0],
      filter_sizes=weights[0].shape,
      out_backprop=saved_back[0],
      strides=_STRIDES,
      padding="SAME",
    )
    return (dw,)

  def layer(
    self, filters: int, stride: int, name: str, seed: int
  ) -> keras.Layer:
    """Returns a convolution without bias; see `Stage`."""
    return keras.layers.Conv2D(
      filters,
      self.kernel_size,
      strides=stride,
      padding="same",
      use_bias=False,
      kernel_initializer=initial.he_normal(seed, f"{name}_conv"),
      name=f"{name}_conv",
    )


class Depthwise(stages.Stage):
  """A k x k convolution, each channel to itself.

  Args:
    kernel_size: k, in pixels.
    dilation: distance of the pixels that are seen; 1 if a child has a stride.
  """

  spatial = True

  def __init__(self, kernel_size: int, dilation: int = 1) -> None:
    self.kernel_size = kernel_size
    self.dilation = dilation

  def weights(self, filters: int) -> tuple[stages.Weight, ...]:
    """Returns the kernel; see `Stage`."""
    shape = (self.kernel_size, self.kernel_size, filters, 1)
    return (stages.Weight(shape, "he"),)

  def forward(self, x: tf.Tensor, weights: _Tensors) -> tf.Tensor:
    """Returns the convolution; see `Stage`."""
    dilations = [self.dilation, self.dilation]
    return tf.nn.depthwise_conv2d(
      x, weights[0], _STRIDES, "SAME", dilations=dilations
    )

  def _gradient(
    self, of: tf.Tensor, x: tf.Tensor, weight: tf.Tensor, dy: tf.Tensor
  ) -> tf.Tensor:
    # Not by the gradient's own kernel: some of them know no dilation.
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(of)
      y = self.forward(x, [weight])
    return tape.gradient(y, of, dy)

  def input_gradient(
    self, dy: tf.Tensor, weights: _Tensors, saved: _Tensors
  ) -> tuple[tf.Tensor, _Tensors]:
    """Returns (dx, (dy,)); see `Stage`."""
    x = saved[0]
    return self._gradient(x, x, weights[0], dy), (dy,)

  def weight_gradient(
    self, weights: _Tensors, saved: _Tensors, saved_back: _Tensors
  ) -> _Tensors:
    """Returns that of the kernel; see `Stage`."""
    weight = weights[0]
    return (self._gradient(weight, saved[0], weight, saved_back[0]),)

  def layer(
    self, filters: int, stride: int, name: str, seed: int
  ) -> keras.Layer:
    """Returns a depthwise convolution without bias; see `Stage`."""
    return keras.layers.DepthwiseConv2D(
      self.kernel_size,
      strides=stride,
      padding="same",
      dilation_rate=self.dilation if stride == 1 else 1,
      use_bias=False,
      depthwise_initializer=initial.he_normal(seed, f"{name}_depthwise"),
      name=f"{name}_depthwise",
    )


class Normalize(stages.Stage):
  """Batch normalization, on the statistics of the batch in a search.

  Args:
    epsilon: added to the variance.
  """

  num_saved = 4
  num_saved_back = 2

  def __init__(self, epsilon: float = norm.EPSILON) -> None:
    self.epsilon = epsilon

  def weights(self, filters: int) -> tuple[stages.Weight, ...]:
    """Returns scale and offset; see `Stage`."""
    shape = (filters,)
    return stages.Weight(shape, "ones"), stages.Weight(shape, "zeros")

  def forward(self, x: tf.Tensor, weights: _Tensors) -> tf.Tensor:
    """Returns the normalized input; see `Stage`."""
    return self.run(x, weights)[0]

  def run(self, x: tf.Tensor, weights: _Tensors) -> tuple[tf.Tensor, _Tensors]:
    """Returns (y, what the kernel reserves for its gradient); see `Stage`."""
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

  def input_gradient(
    self, dy: tf.Tensor, weights: _Tensors, saved: _Tensors
  ) -> tuple[tf.Tensor, _Tensors]:
    """Returns (dx, those of scale and offset); see `Stage`."""
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

  def weight_gradient(
    self, weights: _Tensors, saved: _Tensors, saved_back: _Tensors
  ) -> _Tensors:
    """Returns those of scale and offset; see `Stage`."""
    return saved_back

  def layer(
    self, filters: int, stride: int, name: str, seed: int
  ) -> keras.Layer:
    """Returns a normalization with moving averages; see `Stage`."""
    return norm.BatchNorm(epsilon=self.epsilon, name=f"{name}_bn")


class Pool(stages.Stage):
  """A k x k average or maximum; padding counts for neither.

  Args:
    kind: "avg" or "max".
    size: k, in pixels.
  """

  spatial = True
  num_saved_back = 0

  def __init__(self, kind: str, size: int) -> None:
    self.kind = kind
    self.size = size

  def _options(self) -> dict[str, list[int] | str]:
    ksize = [1, self.size, self.size, 1]
    return {"ksize": ksize, "strides": _STRIDES, "padding": "SAME"}

  def forward(self, x: tf.Tensor, weights: _Tensors) -> tf.Tensor:
    """Returns the average or maximum; see `Stage`."""
    pool = tf.nn.avg_pool2d if self.kind == "avg" else tf.nn.max_pool2d
    return pool(x, self.size, 1, "SAME")

  def input_gradient(
    self, dy: tf.Tensor, weights: _Tensors, saved: _Tensors
  ) -> tuple[tf.Tensor, _Tensors]:
    """Returns (dx, ()); see `Stage`."""
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

  def weight_gradient(
    self, weights: _Tensors, saved: _Tensors, saved_back: _Tensors
  ) -> _Tensors:
    """Returns no gradients; see `Stage`."""
    return ()

  def layer(
    self, filters: int, stride: int, name: str, seed: int
  ) -> keras.Layer:
    """Returns a pool; see `Stage`."""
    layer = (
      keras.layers.AveragePooling2D
      if self.kind == "avg"
      else keras.layers.MaxPooling2D
    )
    return layer(
      self.size, strides=stride, padding="same", name=f"{name}_{self.kind}"
    )
