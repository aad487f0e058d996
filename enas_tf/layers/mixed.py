"""The operation that an integer chooses, as functions that all places share."""

import functools

import tensorflow as tf

from enas_tf.layers import operations


@functools.cache
def functions_of(words: tuple[str, ...], shape: tf.TensorShape) -> "Mixed":
  """Returns the functions for inputs of the shape [batch, *shape]."""
  return Mixed(words, tuple(shape))


class Mixed:
  """The three functions of a mixed operation on [batch, *shape].

  Only the operation runs that an int32 scalar `op` chooses, an index into
  `words`; one out of range runs the last. `rows` are its rows of a bank, [their
  number, filters]. All places of one shape call the same functions, which keeps
  the graph, and with it the start of a search, small. Backward, the gradient of
  the input is ready before those of the weights are computed.

  Attributes:
    forward: (x, op, rows) to [y, what the gradients need].
    input_gradient: (dy, op, rows, saved) to [dx, what the next one needs].
    weight_gradient: (op, rows, saved, saved_back) to drows.
  """

  def __init__(self, words, shape):
    self._operations = [operations.get(word) for word in words]
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

  def _forward(self, x, op, rows):
    def branch(operation):
      y, saved = operation.forward(x, rows)
      return [tf.identity(y), *self._pad(saved, "num_saved")]

    return self._switch(op, branch)

  def _input_gradient(self, dy, op, rows, saved):
    def branch(operation):
      dx, saved_back = operation.input_gradient(dy, rows, saved)
      return [tf.identity(dx), *self._pad(saved_back, "num_saved_back")]

    return self._switch(op, branch)

  def _weight_gradient(self, op, rows, saved, saved_back):
    return self._switch(
      op, lambda operation: operation.weight_gradient(rows, saved, saved_back)
    )

  def _switch(self, op, branch):
    """Runs branch(operation) for the chosen operation alone."""
    return tf.switch_case(
      op, [functools.partial(branch, each) for each in self._operations]
    )

  def _pad(self, tensors, count: str):
    """Pads with empty tensors, as all branches return equally many."""
    return [*tensors, *[tf.zeros([0])] * (self._most(count) - len(tensors))]

  def _most(self, count: str) -> int:
    return max(
      sum(getattr(stage, count) for stage in operation.stages)
      for operation in self._operations
    )


def _function(function, *signature):
  """Returns a graph function that is called, not copied, where it is used."""
  return tf.function(
    function,
    autograph=False,
    # Without this the graph, and the first step, grow tenfold.
    experimental_attributes={"_noinline": True},
  ).get_concrete_function(*signature)
