"""The body of the macro supernet: the layers that an arc describes."""

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from enas_tf import seeds
from enas_tf.layers import (
  basic_stages,
  conv,
  dataflow,
  mixed,
  norm,
  operations,
  shared,
  stack_wiring,
)

_NORMALIZE = basic_stages.Normalize()


class SharedStack(keras.layers.Layer):
  """Layers with a choice of operation and of skip connections (ENAS, 2.3).

  Tensor 0 is the input and tensor l + 1 the output of layer l, which is

      normalize(op_l(tensor l) + sum of tensor i over its skip bits i < l)

  without the normalization in layer 0. Behind the layers `pool_layers` every
  tensor so far is downsampled to half of height and width, each by weights of
  its own, as far as a later layer reads it.

  The operations of all layers have their weights in one bank, keyed by (layer,
  op).

  Args:
    num_layers: layers in the stack.
    ops: the operations of the space, as `operations.get` knows them.
    filters: channels, everywhere.
    pool_layers: the layers behind which is downsampled, from 0.
    seed: of the initial weights.
    **kwargs: of a Keras layer, such as `name`.
  """

  def __init__(
    self,
    num_layers: int,
    ops: Sequence[str],
    filters: int,
    pool_layers: Sequence[int],
    seed: int,
    **kwargs: Any,
  ) -> None:
    super().__init__(**kwargs)
    self.num_layers = num_layers
    self.ops = tuple(ops)
    self.filters = filters
    self.pool_layers = tuple(pool_layers)
    self._functions = mixed.Functions(ops)
    catalogue = [operations.get(op) for op in ops]
    initial = [
      operation.initialize(
        num_layers, filters, seeds.derive(seed, operation.name)
      )
      for operation in catalogue
    ]
    self.bank = shared.Bank(
      [operation.num_rows(filters) for operation in catalogue] * num_layers,
      filters,
      tf.reshape(tf.concat(initial, 1), [-1, filters]),
      name="bank",
    )
    for layer in range(1, num_layers):
      name = f"layer_{layer}_skip_bn"
      setattr(self, name, norm.BatchNorm(moving_statistics=False, name=name))
    for layer in pool_layers:
      for tensor in range(layer + 2):
        name = f"layer_{layer}_pool_{tensor}"
        reduction = conv.NormalizedReduction(
          filters, seeds.derive(seed, name), name=name
        )
        setattr(self, name, reduction)

  @property
  def banks(self) -> list[shared.Bank]:
    """The bank of the operations."""
    return [self.bank]

  @property
  def shared(self) -> dict[tuple[int, str], shared.SharedWeights]:
    """The weights of each (layer, operation's name)."""
    return shared.entries(self.bank.rows, keys(self.num_layers, self.ops))

  def block(
    self, layer: int | np.ndarray, op: int | tf.Tensor
  ) -> int | tf.Tensor:
    """Returns the block of the bank that holds the weights of one choice.

    Args:
      layer: from 0.
      op: index of the operation in `ops`.
    """
    return layer * len(self.ops) + op

  def build(self, input_shape: Sequence[int | None]) -> None:
    """Makes the variables, for an input [batch, height, width, filters].

    Args:
      input_shape: shape of the input, [batch, height, width, filters].
    """
    self.bank.build()
    for layer in range(1, self.num_layers):
      getattr(self, f"layer_{layer}_skip_bn").build(input_shape)
    for layer in self.pool_layers:
      for tensor in range(layer + 2):
        getattr(self, f"layer_{layer}_pool_{tensor}").build(input_shape)

  def chosen(self, arc: tf.Tensor) -> list[tf.Tensor]:
    """Returns the blocks of each of `banks` that an arc uses, int32 [n].

    Args:
      arc: int32 [num_decisions].
    """
    return [self._blocks(stack_wiring.Wiring(arc, self.num_layers))]

  def _blocks(self, wiring: stack_wiring.Wiring) -> tf.Tensor:
    return self.block(np.arange(self.num_layers, dtype=np.int32), wiring.ops)

  def call(
    self, x: tf.Tensor, arc: tf.Tensor, gates: tf.Tensor | None = None
  ) -> tf.Tensor:
    """Returns [batch, height / 4, width / 4, filters], if it pools twice.

    Args:
      x: float32 [batch, height, width, filters].
      arc: int32 [num_decisions].
      gates: of the decisions, float32 [num_decisions], or None. They multiply
        what an operation gives and what a skip connection adds. That of a skip
        connection that is not there has the gradient 0; so has that of an
        operation in a layer without any, whose sum is normalized.
    """
    run = self._run_in_graph if tf.executing_eagerly() else self._run
    return run(x, arc, gates)

  @functools.cached_property
  def _run_in_graph(self) -> Any:
    return tf.function(self._run, autograph=False)

  def _run(
    self, x: tf.Tensor, arc: tf.Tensor, gates: tf.Tensor | None
  ) -> tf.Tensor:
    wiring = stack_wiring.Wiring(arc, self.num_layers)
    rows = self.bank.split(self._blocks(wiring))
    norms, reductions = {}, {}
    for layer in range(1, self.num_layers):
      batch_norm = getattr(self, f"layer_{layer}_skip_bn")
      norms[layer] = [batch_norm.gamma.value + 0, batch_norm.beta.value + 0]
    for layer in self.pool_layers:
      for tensor in range(layer + 2):
        reduction = getattr(self, f"layer_{layer}_pool_{tensor}")
        reductions[layer, tensor] = reduction.weights_in_use()
    weights = {"rows": rows, "norms": norms, "reductions": reductions}
    if gates is not None:
      weights["gates"] = tf.unstack(gates)

    @tf.custom_gradient
    def run(x: tf.Tensor, *flat: tf.Tensor) -> tuple[tf.Tensor, Any]:
      one_run = _Run(
        self._functions,
        self.pool_layers,
        wiring,
        tf.nest.pack_sequence_as(weights, flat),
      )
      return one_run.forward(x), one_run.gradient

    y = run(x, *tf.nest.flatten(weights))
    y.set_shape(self.compute_output_spec(x, arc).shape)
    return y

  def compute_output_spec(
    self,
    x: keras.KerasTensor,
    arc: keras.KerasTensor,
    gates: keras.KerasTensor | None = None,
  ) -> keras.KerasTensor:
    """Returns the shape of the output.

    Args:
      x: see `call`.
      arc: see `call`.
      gates: see `call`.
    """
    del arc, gates
    batch, height, width, channels = x.shape
    for _ in self.pool_layers:
      height, width = -(-height // 2), -(-width // 2)
    return keras.KerasTensor((batch, height, width, channels), x.dtype)


def keys(num_layers: int, ops: Sequence[str]) -> list[tuple[int, str]]:
  """Returns the keys of the blocks of a stack's bank, in order.

  Args:
    num_layers: layers in the stack.
    ops: the operations of the space.

  Returns:
    (layer, name of the operation), layers from 0.
  """
  return [(layer, op) for layer in range(num_layers) for op in ops]


class _Run:
  """One run of the stack, forward and then backward.

  The gradient is written by hand, so that what the arc does not read costs
  nothing backward either.

  Args:
    functions: the mixed operations.
    pool_layers: the layers behind which is downsampled.
    wiring: of the arc.
    weights: "rows" of each layer, "norms" by layer, "reductions" by (layer,
      tensor), and "gates" of the decisions, if there are any.
  """

  def __init__(
    self,
    functions: mixed.Functions,
    pool_layers: tuple[int, ...],
    wiring: stack_wiring.Wiring,
    weights: dict[str, Any],
  ) -> None:
    self._functions = functions
    self._pool_layers = pool_layers
    self._wiring = wiring
    self._weights = weights
    self._saved: dict[Any, Any] = {}
    # What each layer adds, if it has gates.
    self._added: dict[int, list[tf.Tensor]] = {}

  def forward(self, x: tf.Tensor) -> tf.Tensor:
    """Returns the output of the last layer."""
    tensors = [x]
    for layer in range(self._wiring.num_layers):
      tensors.append(self._layer(layer, tensors))
      if layer in self._pool_layers:
        tensors = [
          self._reduce(layer, i, each) for i, each in enumerate(tensors)
        ]
    return tensors[-1]

  def _layer(self, layer: int, tensors: list[tf.Tensor]) -> tf.Tensor:
    x = tensors[-1]
    op, rows = self._wiring.op_of[layer], self._weights["rows"][layer]
    y, *saved = self._functions.of(x.shape[1:]).forward(x, op, rows)
    y.set_shape(x.shape)
    saved_norm = None
    y, *tensors = self._weighed(layer, y, tensors)
    if layer:
      total = dataflow.Sum(y)
      for tensor, bit in zip(tensors, self._wiring.skips[layer], strict=False):
        total.add(tensor, bit)
      y, saved_norm = _NORMALIZE.run(total.value, self._weights["norms"][layer])
    self._saved[layer] = saved, saved_norm, x.shape
    return y

  def _weighed(
    self, layer: int, y: tf.Tensor, tensors: list[tf.Tensor]
  ) -> list[tf.Tensor]:
    """Returns y and the tensors that a layer adds, times their gates."""
    if "gates" not in self._weights:
      return [y, *tensors]
    skips = map(dataflow.when, self._wiring.skips[layer], tensors)
    self._added[layer] = [y, *skips]
    return [
      each * gate
      for each, gate in zip(
        self._added[layer], self._gates_of(layer), strict=True
      )
    ]

  def _gates_of(self, layer: int) -> list[tf.Tensor]:
    """Returns the gates of a layer's operation and of its skips."""
    return self._weights["gates"][self._wiring.decisions_of(layer)]

  def _reduce(self, layer: int, tensor: int, x: tf.Tensor) -> tf.Tensor:
    is_read = self._wiring.is_read_after(layer, tensor)
    x = dataflow.when(is_read, x)
    kernel, *scale = self._weights["reductions"][layer, tensor]
    y = tf.nn.conv2d(x, kernel, 2, "SAME")
    y, saved = _NORMALIZE.run(y, scale)
    self._saved[layer, tensor] = x, is_read, saved
    return y

  def gradient(self, dy: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Returns the gradients of the input and of all weights."""
    wiring, weights = self._wiring, self._weights
    grads: dict[str, Any] = {
      "rows": list(weights["rows"]),
      "norms": {},
      "reductions": {},
    }
    if "gates" in weights:
      grads["gates"] = list(weights["gates"])
    sums = [dataflow.Sum() for _ in range(wiring.num_layers)]
    sums.append(dataflow.Sum(dy))
    for layer in reversed(range(wiring.num_layers)):
      if layer in self._pool_layers:
        sums = [
          self._gradient_of_reduce(layer, i, each, grads["reductions"])
          for i, each in enumerate(sums)
        ]
      d = sums.pop().value
      saved, saved_norm, shape = self._saved[layer]
      if layer:
        scale = weights["norms"][layer]
        d, grads["norms"][layer] = _NORMALIZE.input_gradient(
          d, scale, saved_norm
        )
        grads["norms"][layer] = list(grads["norms"][layer])
      d, *dskips = self._gradient_of_gates(layer, d, grads)
      for i, bit in enumerate(wiring.skips[layer]):
        sums[i].add(dskips[i], bit)
      d.set_shape(shape)
      functions = self._functions.of(d.shape[1:])
      arguments = wiring.op_of[layer], weights["rows"][layer], saved
      dx, *saved_back = functions.input_gradient(d, *arguments)
      dx.set_shape(shape)
      drows = functions.weight_gradient(*arguments, saved_back)
      drows.set_shape(weights["rows"][layer].shape)
      grads["rows"][layer] = drows
      sums[-1].add(dx)
    return sums[0].value, *tf.nest.flatten(grads)

  def _gradient_of_gates(
    self, layer: int, d: tf.Tensor, grads: dict[str, Any]
  ) -> list[tf.Tensor]:
    """Returns the gradients of y and the tensors that a layer adds.

    Args:
      layer: which.
      d: the gradient of the sum.
      grads: those of the layer's gates are put there, if it has any.
    """
    skips = self._wiring.skips[layer]
    if "gates" not in grads:
      return [d] * (1 + len(skips))
    y, *tensors = self._added[layer]
    of_gates = [tf.reduce_sum(d * y)]
    for tensor, bit in zip(tensors, skips, strict=True):
      unused, _ = dataflow.split(tf.zeros([]), bit)
      used = tf.reduce_sum(dataflow.when(bit, d) * tensor)
      of_gates.append(dataflow.merge(unused, used))
    grads["gates"][self._wiring.decisions_of(layer)] = of_gates
    return [d * gate for gate in self._gates_of(layer)]

  def _gradient_of_reduce(
    self,
    layer: int,
    tensor: int,
    total: dataflow.Sum,
    grads: dict[tuple[int, int], list[tf.Tensor]],
  ) -> dataflow.Sum:
    """Returns the sum with the gradient of a tensor before it is reduced."""
    x, is_read, saved = self._saved[layer, tensor]
    weights = self._weights["reductions"][layer, tensor]
    before = dataflow.Sum()
    d, scale = _NORMALIZE.input_gradient(total.value, weights[1:], saved)
    options = {"strides": [1, 2, 2, 1], "padding": "SAME"}
    dx = tf.raw_ops.Conv2DBackpropInput(
      input_sizes=tf.shape(x), filter=weights[0], out_backprop=d, **options
    )
    dx.set_shape(x.shape)
    before.add(dx, is_read)
    dkernel = tf.raw_ops.Conv2DBackpropFilter(
      input=x, filter_sizes=weights[0].shape, out_backprop=d, **options
    )
    grads[layer, tensor] = [
      dataflow.merge(grad, dataflow.split(tf.zeros_like(w), is_read)[0])
      for grad, w in zip((dkernel, *scale), weights, strict=True)
    ]
    return before
