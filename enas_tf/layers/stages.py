"""What operations are made of: stages, and their weights.

A stage says its weights and what it computes of them; the rest follows. Its
gradients come from a tape unless they are written by hand, and a final child
runs it as a Keras layer of its own.

    class Scale(stages.Stage):

      def weights(self, filters):
        return (stages.Weight((filters,), "ones"),)

      def forward(self, x, weights):
        return x * weights[0]

    operations.register("scale", Scale)
"""

import abc
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from enas_tf import seeds
from enas_tf.layers import initial

# The deviation of a normal distribution that is cut off at two deviations.
_TRUNCATED = 0.87962566


class Weight(NamedTuple):
  """A weight of a stage.

  A bank holds it in whole rows of `filters` numbers; what it does not fill of
  the last one are zeros.

  Attributes:
    shape: its shape, of integers.
    initial: what it begins with: "he", "ones", "zeros", or any initializer of
      Keras, an object or its name.
  """

  shape: tuple[int, ...]
  initial: str | keras.initializers.Initializer

  @property
  def size(self) -> int:
    """The count of its numbers."""
    return math.prod(self.shape)

  def num_rows(self, filters: int) -> int:
    """Returns how many rows of `filters` numbers hold the weight.

    Args:
      filters: length of a row.
    """
    return -(-self.size // filters)

  def pack(self, value: tf.Tensor, filters: int) -> tf.Tensor:
    """Returns a value of the weight as rows.

    Args:
      value: float32, of the weight's shape.
      filters: length of a row.

    Returns:
      float32 [num_rows, filters].
    """
    padding = self.num_rows(filters) * filters - self.size
    if padding:
      value = tf.pad(tf.reshape(value, [-1]), [[0, padding]])
    return tf.reshape(value, [-1, filters])

  def unpack(self, rows: tf.Tensor) -> tf.Tensor:
    """Returns the weight that rows hold.

    Args:
      rows: float32 [num_rows, filters].

    Returns:
      float32, of the weight's shape.
    """
    filters = rows.shape[-1]
    if self.num_rows(filters) * filters != self.size:
      rows = tf.reshape(rows, [-1])[: self.size]
    return tf.reshape(rows, self.shape)

  def initialize(self, copies: int, filters: int, seed: int) -> tf.Tensor:
    """Returns initial rows of several copies.

    Args:
      copies: how many; no two begin alike if the weight begins at random.
      filters: length of a row.
      seed: of the random numbers.

    Returns:
      float32 [copies, num_rows, filters].
    """
    if self.initial in ("he", "ones", "zeros") and self.size % filters == 0:
      return self._draw((copies, self.num_rows(filters), filters), seed)
    values = []
    for copy in range(copies):
      own_seed = seeds.derive(seed, f"copy_{copy}")
      values.append(self.pack(self._draw(self.shape, own_seed), filters))
    return tf.stack(values)

  def _draw(self, shape: tuple[int, ...], seed: int) -> tf.Tensor:
    if self.initial == "he":
      # Differs from the original, whose fan-in was the number of rows of its
      # table; normalization hides the difference.
      stddev = math.sqrt(2 / math.prod(self.shape[:3])) / _TRUNCATED
      return keras.random.truncated_normal(shape, stddev=stddev, seed=seed)
    with initial.seeded(seed):
      return keras.initializers.get(self.initial)(shape, "float32")


class Stage(abc.ABC):
  """One step of an operation, with stride 1 and "same" padding in a search.

  Attributes:
    spatial: whether its Keras layer takes a stride (the first such stage takes
      that of the operation).
    num_saved: how many tensors `run` hands on to the gradients.
    num_saved_back: how many `input_gradient` hands on to `weight_gradient`.
  """

  spatial: bool = False
  num_saved: int = 1
  num_saved_back: int = 1

  def weights(self, filters: int) -> tuple[Weight, ...]:
    """Returns the weights.

    Args:
      filters: channels of the input and of the output.
    """
    del filters
    return ()

  @abc.abstractmethod
  def forward(self, x: tf.Tensor, weights: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns what the stage computes.

    It is a function of its arguments alone, as the gradients run it again, and
    of TensorFlow's operations.

    Args:
      x: float32 [batch, height, width, filters].
      weights: a tensor for each of `weights`.

    Returns:
      float32 [batch, height, width, filters].
    """

  def initialize(
    self, copies: int, filters: int, own_seeds: Sequence[int]
  ) -> list[tf.Tensor]:
    """Returns initial rows for each weight.

    Args:
      copies: how many the stage has in a bank.
      filters: length of a row.
      own_seeds: one for each weight.

    Returns:
      float32 [copies, num_rows of the weight, filters] for each.
    """
    return [
      weight.initialize(copies, filters, seed)
      for weight, seed in zip(self.weights(filters), own_seeds, strict=True)
    ]

  def run(
    self, x: tf.Tensor, weights: Sequence[tf.Tensor]
  ) -> tuple[tf.Tensor, Sequence[tf.Tensor]]:
    """Returns (y, what the gradients need: `num_saved` tensors).

    Args:
      x: as in `forward`.
      weights: as in `forward`.
    """
    return self.forward(x, weights), (x,)

  def input_gradient(
    self,
    dy: tf.Tensor,
    weights: Sequence[tf.Tensor],
    saved: Sequence[tf.Tensor],
  ) -> tuple[tf.Tensor, Sequence[tf.Tensor]]:
    """Returns (dx, what `weight_gradient` needs: `num_saved_back` tensors).

    By a tape, which finds both gradients at once, unless it is written by hand.

    Args:
      dy: the gradient of the output, as large as it.
      weights: as in `forward`.
      saved: of `run`.
    """
    x = tf.ensure_shape(saved[0], dy.shape)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch([x, *weights])
      y = self.forward(x, weights)
    dx, *dweights = tape.gradient(
      y, [x, *weights], dy, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    flat = [tf.reshape(gradient, [-1]) for gradient in dweights]
    return dx, (tf.concat(flat, 0) if flat else tf.zeros([0]),)

  def weight_gradient(
    self,
    weights: Sequence[tf.Tensor],
    saved: Sequence[tf.Tensor],
    saved_back: Sequence[tf.Tensor],
  ) -> Sequence[tf.Tensor]:
    """Returns a gradient for each weight, as large as it.

    Args:
      weights: as in `forward`.
      saved: of `run`.
      saved_back: of `input_gradient`.
    """
    del saved
    sizes = [math.prod(weight.shape) for weight in weights]
    parts = tf.split(saved_back[0], sizes) if sizes else []
    return [
      tf.reshape(part, weight.shape)
      for part, weight in zip(parts, weights, strict=True)
    ]

  def layer(
    self, filters: int, stride: int, name: str, seed: int
  ) -> keras.Layer | None:
    """Returns the same stage as a Keras layer, for a final child.

    Args:
      filters: channels of the output.
      stride: of the stage, if it is `spatial`; else 1.
      name: what the name of the layer begins with.
      seed: of the network.

    Returns:
      The layer; None if it has none, and `operations.StageLayer` does it.
    """
    del filters, stride, name, seed
    return None


class ForwardStage(Stage):
  """What any object with `forward`, and perhaps `weights`, computes.

  Args:
    thing: the object; its methods are those of a `Stage`.
  """

  def __init__(self, thing: Any) -> None:
    self._thing = thing

  def weights(self, filters: int) -> tuple[Weight, ...]:
    """Returns the weights; see `Stage`."""
    weights = getattr(self._thing, "weights", None)
    return tuple(weights(filters)) if weights else ()

  def forward(self, x: tf.Tensor, weights: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns what the object computes; see `Stage`."""
    return self._thing.forward(x, weights)
