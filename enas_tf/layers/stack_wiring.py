"""Which operations and skip connections the layers of a macro arc have."""

import functools

import tensorflow as tf


class Wiring:
  """What the layers of an arc do, as tensors.

  Args:
    arc: int32 [num_decisions].
    num_layers: layers in the stack.

  Attributes:
    ops: the operation of each layer, int32 [num_layers].
  """

  def __init__(self, arc: tf.Tensor, num_layers: int) -> None:
    self.num_layers = num_layers
    self._arc = arc
    first = [self.decisions_of(layer).start for layer in range(num_layers)]
    self.ops = tf.gather(arc, first)

  def decisions_of(self, layer: int) -> slice:
    """Returns where in the arc a layer's operation and its skips stand.

    Args:
      layer: from 0.
    """
    first = layer * (layer + 1) // 2
    return slice(first, first + layer + 1)

  @functools.cached_property
  def op_of(self) -> list[tf.Tensor]:
    """The operation of each layer, scalars."""
    return tf.unstack(self.ops)

  @functools.cached_property
  def skips(self) -> list[list[tf.Tensor]]:
    """For each layer, whether it reads tensor 0, 1, ..., scalars."""
    bits = tf.unstack(tf.cast(self._arc, tf.bool))
    layers = range(self.num_layers)
    return [bits[self.decisions_of(layer)][1:] for layer in layers]

  def is_read_after(self, layer: int, tensor: int) -> tf.Tensor:
    """Returns whether a layer behind `layer` reads a tensor, a scalar.

    Args:
      layer: from 0.
      tensor: 0 for the input of the stack, l + 1 for the output of layer l.
    """
    if tensor == layer + 1:
      return tf.constant(True)  # The next layer's operation does.
    later = [
      self.skips[each][tensor]
      for each in range(layer + 1, self.num_layers)
      if tensor < each
    ]
    return tf.reduce_any(tf.stack(later))
