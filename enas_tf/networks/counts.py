"""How large and how costly a network is, counted analytically.

Profilers count what a kernel does (a padded factorized reduction, for one);
this counts what the definition asks for.
"""

import math

import keras

from enas_tf.layers import conv


def parameters(model: keras.Model) -> int:
  """Returns the number of trainable parameters.

  Args:
    model: any model.
  """
  return sum(math.prod(v.shape) for v in model.trainable_variables)


def multiply_adds(model: keras.Model) -> int:
  """Returns the multiply-adds of convolutions and dense layers, for one image.

  Args:
    model: a functional model of ordinary layers, for example
      `micro_child.inference(model)`.
  """
  return sum(_layer_multiply_adds(layer) for layer in model.layers)


def _layer_multiply_adds(layer: keras.Layer) -> int:
  if isinstance(layer, keras.Model):  # Within another one.
    return multiply_adds(layer)
  if isinstance(layer, keras.layers.Dense):
    return math.prod(layer.kernel.shape)
  if not isinstance(
    layer,
    (
      keras.layers.Conv2D,
      keras.layers.DepthwiseConv2D,
      conv.FactorizedReduction,
    ),
  ):
    return 0
  pixels = math.prod(layer.output.shape[1:3])
  weights = layer.trainable_variables
  return pixels * sum(math.prod(v.shape) for v in weights)
