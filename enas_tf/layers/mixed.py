"""The operation that an integer chooses, as functions of a graph."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from enas_tf.layers import operations


class Functions:
  """The mixed operations of a network, one for each shape of images.

  All cells and layers of one shape call the same functions, which keeps the
  graph, and with it the start of a search, small. A network has one such
  object and hands it to them.

  Args:
    ops: the operations of the space, as `operations.get` knows them.
  """

  def __init__(self, ops: Sequence[str]) -> None:
    self.ops = tuple(ops)
    self._by_shape: dict[tuple[int | None, ...], Mixed] = {}

  def of(self, shape: tf.TensorShape) -> "Mixed":
    """Returns the operation for images [batch, *shape].

    Args:
      shape: of an image: (height, width, channels).
    """
    key = tuple(shape)
    if key not in self._by_shape:
      self._by_shape[key] = Mixed(self.ops, key)
    return self._by_shape[key]


class Mixed:
  """The three functions of a mixed operation on [batch, *shape].

  Only the operation runs that an int32 scalar `op` chooses, an index into
  `ops`; one out of range runs the last. `rows` are its rows of a bank, [their
  number, filters]. Backward, the gradient of the input is ready before those of
  the weights are computed.

  Args:
    ops: the operations.
    shape: height, width and channels.

  Attributes:
    forward: (x, op, rows) to [y, what the gradients need].
    input_gradient: (dy, op, rows, saved) to [dx, what the next one needs].
    weight_gradient: (op, rows, saved, saved_back) to drows.
  """

  def __init__(self, ops: Sequence[str], shape: tuple[int | None, ...]) -> None:
    self._operations = [operations.get(op) for op in ops]
    image = tf.TensorSpec((None, *shape))
    op = tf.TensorSpec((), tf.int32)
    rows = tf.TensorSpec((None, shape[-1]))
    saved = [tf.TensorSpec(None)] * self._most("num_saved")
    saved_back = [tf.TensorSpec(None)] * self._most("num_saved_back")
    self.forward = _function(self._forward, image, op, rows)
    self.input_gradient = _function(
      self._input_gradient, image, op, rows, saved
    )
    self.weight_gradient = _function(
      self._weight_gradient, op, rows, saved, saved_back
    )

  def _forward(
    self, x: tf.Tensor, op: tf.Tensor, rows: tf.Tensor
  ) -> list[tf.Tensor]:
    def branch(operation: operations.Operation) -> list[tf.Tensor]:
      y, saved = operation.run(x, rows)
      return [tf.identity(y), *self._pad(saved, "num_saved")]

    return self._switch(op, branch)

  def _input_gradient(
    self,
    dy: tf.Tensor,
    op: tf.Tensor,
    rows: tf.Tensor,
    saved: list[tf.Tensor],
  ) -> list[tf.Tensor]:
    def branch(operation: operations.Operation) -> list[tf.Tensor]:
      dx, saved_back = operation.input_gradient(dy, rows, saved)
      return [tf.identity(dx), *self._pad(saved_back, "num_saved_back")]

    return self._switch(op, branch)

  def _weight_gradient(
    self,
    op: tf.Tensor,
    rows: tf.Tensor,
    saved: list[tf.Tensor],
    saved_back: list[tf.Tensor],
  ) -> tf.Tensor:
    return self._switch(
      op, lambda operation: operation.weight_gradient(rows, saved, saved_back)
    )

  def _switch(
    self, op: tf.Tensor, branch: Callable[[operations.Operation], Any]
  ) -> Any:
    """Runs branch(operation) for the chosen operation alone."""
    return tf.switch_case(
      op, [functools.partial(branch, each) for each in self._operations]
    )

  def _pad(self, tensors: list[tf.Tensor], count: str) -> list[tf.Tensor]:
    """Pads with empty tensors, as all branches return equally many."""
    return [*tensors, *[tf.zeros([0])] * (self._most(count) - len(tensors))]

  def _most(self, count: str) -> int:
    return max(
      sum(getattr(stage, count) for stage in operation.stages)
      for operation in self._operations
    )


def _function(function: Callable[..., Any], *signature: Any) -> Any:
  """Returns a graph function that is called, not copied, where it is used."""
  return tf.function(
    function,
    autograph=False,
    # Without this the graph, and the first step, grow tenfold.
    experimental_attributes={"_noinline": True},
  ).get_concrete_function(*signature)
