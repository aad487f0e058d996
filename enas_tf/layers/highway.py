"""A recurrent cell with highway connections, which an arc describes.

One step, for the state s and the input x (enas_lm; ENAS, section 2.1):

    h, t = (x W_x + s W_s) split in two;  s_0 = s + sigmoid(t) (tanh(h) - s)
    h, t = (p W_l) split,  p = s_(previous of l)
    s_l = p + sigmoid(t) (f_l(h) - p)                         for l = 1, 2, ..
    the new state = a weighted mean of s_0, s_1, ...

The gradient is written by hand: the products that give the gradients of the
weights are then one for each node, not one for each node and step, and the
steps of any number are one loop in the graph.
"""

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from enas_tf import errors

# A function, and its derivative out of its argument and its value.
FUNCTIONS = {
  "tanh": (tf.tanh, lambda h, y: 1 - y * y),
  "relu": (tf.nn.relu, lambda h, y: tf.cast(h > 0, h.dtype)),
  "sigmoid": (tf.sigmoid, lambda h, y: y * (1 - y)),
  "identity": (tf.identity, lambda h, y: tf.ones_like(h)),
  "elu": (tf.nn.elu, lambda h, y: tf.where(h > 0, 1.0, y + 1)),
  "swish": (tf.nn.swish, lambda h, y: y + tf.sigmoid(h) * (1 - y)),
  "softplus": (tf.nn.softplus, lambda h, y: tf.sigmoid(h)),
  "sine": (tf.sin, lambda h, y: tf.cos(h)),
}


class Cell:
  """The cell that is run.

  Args:
    previous: the node that each node 1, 2, ... reads: scalars int32, or
      integers when the cell is always the same.
    functions: the function of each node, an index into `words`; likewise.
    words: the functions of the space.
    mean: weights of s_0, s_1, ... in the new state, [nodes + 1].
    factors: of what a node reads and of what its function gives, [2 * nodes],
      or None.
  """

  def __init__(
    self,
    previous: Iterable[int | tf.Tensor],
    functions: Iterable[int | tf.Tensor],
    words: Sequence[str],
    mean: tf.Tensor | Sequence[float],
    factors: tf.Tensor | None = None,
  ) -> None:
    self.previous = list(previous)
    self.functions = list(functions)
    self.words = tuple(words)
    self.mean = tf.convert_to_tensor(mean, tf.float32)
    self.factors = factors

  @property
  def num_nodes(self) -> int:
    """Nodes after node 0."""
    return len(self.previous)

  def read(self, states: list[tf.Tensor], node: int) -> tf.Tensor:
    """Returns the state that a node reads.

    Args:
      states: of the nodes before it, float32 [batch, units] each.
      node: index in `previous`.
    """
    previous = self.previous[node]
    if isinstance(previous, int):
      return states[previous]
    return tf.stack(states)[previous]

  def apply(self, node: int, h: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns (value, derivative) of a node's function.

    Args:
      node: index in `functions`.
      h: its argument, float32 [batch, units].
    """
    branches = [functools.partial(_value, word, h) for word in self.words]
    function = self.functions[node]
    if isinstance(function, int):
      return branches[function]()
    return tf.switch_case(function, branches)


def _value(word: str, h: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
  function, derivative = FUNCTIONS[word]
  y = function(h)
  return y, derivative(h, y)


def run(
  inputs: tf.Tensor,
  state: tf.Tensor,
  state_kernel: tf.Tensor,
  kernels: Sequence[tf.Tensor],
  mask: tf.Tensor,
  cell: Cell,
) -> tf.Tensor:
  """Runs the cell over all steps.

  Args:
    inputs: x W_x of each step, float32 [steps, batch, 2 * units].
    state: before the first step, [batch, units].
    state_kernel: W_s, [units, 2 * units].
    kernels: W_1, W_2, ..., [units, 2 * units] each.
    mask: what every state is multiplied by before a W, [batch, units].
    cell: what the nodes do.

  Returns:
    The states after each step, [steps, batch, units].
  """

  @tf.custom_gradient
  def call(
    inputs: tf.Tensor,
    state: tf.Tensor,
    state_kernel: tf.Tensor,
    *others: tf.Tensor,
  ) -> tuple[tf.Tensor, Any]:
    one_run = _Run(state_kernel, others[: cell.num_nodes], mask, cell)
    return one_run.forward(inputs, state), one_run.gradient

  factors = [] if cell.factors is None else [cell.factors]
  return call(inputs, state, state_kernel, *kernels, *factors)


def mean_of_nodes(
  previous: tf.Tensor | Sequence[int], num_nodes: int, output: str
) -> tf.Tensor:
  """Returns the weights of s_0, s_1, ... in the new state, [num_nodes + 1].

  Args:
    previous: what nodes 1, 2, ... read, int32 [num_nodes].
    num_nodes: nodes after node 0.
    output: "all" of them but node 0, or the "loose" ones that no node reads.
  """
  if output == "all":
    counted = tf.constant([0.0] + [1.0] * num_nodes)
  else:
    read = tf.reduce_max(tf.one_hot(previous, num_nodes + 1), 0)
    counted = 1 - read
  return counted / tf.reduce_sum(counted)


def checked(words: Sequence[str]) -> tuple[str, ...]:
  """Returns the names of functions in lower case.

  Args:
    words: the names, in any case.

  Raises:
    ConfigError: if a cell cannot compute one.
  """
  lower = tuple(word.lower() for word in words)
  unknown = [word for word in lower if word not in FUNCTIONS]
  if unknown:
    raise errors.ConfigError(
      "The functions of a cell must be among "
      f"{', '.join(FUNCTIONS)}: change `child_functions`. Received: "
      f"functions={','.join(unknown)}"
    )
  return lower


class _Run:
  """One run of the cell, forward and then backward."""

  def __init__(
    self,
    state_kernel: tf.Tensor,
    kernels: Sequence[tf.Tensor],
    mask: tf.Tensor,
    cell: Cell,
  ) -> None:
    self._state_kernel = state_kernel
    self._kernels = kernels
    self._mask = mask
    self._cell = cell

  def forward(self, inputs: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
    """Returns the states after each step, [steps, batch, units]."""
    steps = tf.shape(inputs)[0]
    self._first = state
    arrays = [
      tf.TensorArray(tf.float32, steps, element_shape=shape)
      for shape in self._shapes(inputs, state)
    ]

    def step(
      t: tf.Tensor,
      state: tf.Tensor,
      outputs: tf.TensorArray,
      states: tf.TensorArray,
      gates: tf.TensorArray,
    ) -> tuple[Any, ...]:
      all_states, all_gates = self._step(inputs[t], state)
      stacked = tf.stack(all_states)
      state = tf.tensordot(self._cell.mean, stacked, 1)
      state.set_shape(self._first.shape)
      return (
        t + 1,
        state,
        outputs.write(t, state),
        states.write(t, stacked),
        gates.write(t, tf.stack(all_gates)),
      )

    _, _, outputs, states, gates = tf.while_loop(
      lambda t, *_: t < steps, step, (0, state, *arrays)
    )
    self._outputs = outputs.stack()
    self._states = states.stack()  # [steps, nodes + 1, batch, units]
    self._gates = gates.stack()  # [steps, nodes + 1, batch, 2 * units]
    return self._outputs

  def _shapes(
    self, inputs: tf.Tensor, state: tf.Tensor
  ) -> Iterator[Sequence[int | None]]:
    num_nodes = self._cell.num_nodes + 1
    yield state.shape
    yield (num_nodes, *state.shape)
    yield (num_nodes, *inputs.shape[1:])

  def _step(
    self, x: tf.Tensor, state: tf.Tensor
  ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """Returns the states and the gates of all nodes."""
    z = x + (state * self._mask) @ self._state_kernel
    h, t = tf.split(z, 2, axis=1)
    states, gates = [state + tf.sigmoid(t) * (tf.tanh(h) - state)], [z]
    for node, kernel in enumerate(self._kernels):
      read = self._weighed(2 * node, self._cell.read(states, node))
      z = (read * self._mask) @ kernel
      h, t = tf.split(z, 2, axis=1)
      y = self._weighed(2 * node + 1, self._cell.apply(node, h)[0])
      states.append(read + tf.sigmoid(t) * (y - read))
      gates.append(z)
    return states, gates

  def _weighed(self, decision: int, x: tf.Tensor) -> tf.Tensor:
    """Returns x times the factor of a decision, if there is one."""
    factors = self._cell.factors
    return x if factors is None else x * factors[decision]

  def gradient(self, doutputs: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Returns the gradients of the inputs, the state, all kernels, factors."""
    steps = tf.shape(doutputs)[0]
    before = tf.concat([self._first[None], self._outputs[:-1]], 0)
    gradients = tf.TensorArray(
      tf.float32, steps, element_shape=self._gates.shape[1:]
    )

    def step(
      t: tf.Tensor,
      dstate: tf.Tensor,
      gradients: tf.TensorArray,
      *dfactors: tf.Tensor,
    ) -> tuple[Any, ...]:
      dstate, dgates, of_step = self._gradient_of_step(
        t, before[t], dstate + doutputs[t]
      )
      sums = [each + tf.stack(of_step) for each in dfactors]
      return t - 1, dstate, gradients.write(t, dgates), *sums

    factors = self._cell.factors
    dfactors = [] if factors is None else [tf.zeros_like(factors)]
    _, dstate, gradients, *dfactors = tf.while_loop(
      lambda t, *_: t >= 0,
      step,
      (steps - 1, tf.zeros_like(self._first), gradients, *dfactors),
    )
    gates = gradients.stack()
    dkernels = [
      self._weight_gradient(
        self._weighed(2 * node - 2, self._states[:, previous]), gates[:, node]
      )
      for node, previous in enumerate(self._cell.previous, start=1)
    ]
    dstate_kernel = self._weight_gradient(before, gates[:, 0])
    return gates[:, 0], dstate, dstate_kernel, *dkernels, *dfactors

  def _weight_gradient(self, read: tf.Tensor, gates: tf.Tensor) -> tf.Tensor:
    """Returns the sum over steps and batch of read^T gates, in one product."""
    read = tf.reshape(read * self._mask, [-1, read.shape[-1]])
    return tf.matmul(
      read, tf.reshape(gates, [-1, gates.shape[-1]]), transpose_a=True
    )

  def _gradient_of_step(
    self, t: tf.Tensor, before: tf.Tensor, dstate: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
    """Returns the gradients of the state before, the gates and the factors."""
    states = tf.unstack(self._states[t])
    gates = tf.unstack(self._gates[t])
    # Of s_0, s_1, ...; a row is added to when a later node has read it.
    dstates = self._cell.mean[:, None, None] * dstate
    dgates = [None] * len(gates)
    dfactors: list[tf.Tensor] = []  # From the last to the first.
    for node in reversed(range(self._cell.num_nodes)):
      read = self._cell.read(states[: node + 1], node)
      h, t = tf.split(gates[node + 1], 2, axis=1)
      y, derivative = self._cell.apply(node, h)
      dread, dgates[node + 1] = self._gradient_of_node(
        dstates[node + 1],
        self._weighed(2 * node, read),
        gates[node + 1],
        self._kernels[node],
        (
          self._weighed(2 * node + 1, y),
          self._weighed(2 * node + 1, derivative),
        ),
      )
      if self._cell.factors is not None:
        dy = dstates[node + 1] * tf.sigmoid(t)
        dfactors += [tf.reduce_sum(dy * y), tf.reduce_sum(dread * read)]
        dread = self._weighed(2 * node, dread)
      dstates = tf.tensor_scatter_nd_add(
        dstates, [[self._cell.previous[node]]], dread[None]
      )
    h, _ = tf.split(gates[0], 2, axis=1)
    dbefore, dgates[0] = self._gradient_of_node(
      dstates[0], before, gates[0], self._state_kernel, _value("tanh", h)
    )
    return dbefore, tf.stack(dgates), dfactors[::-1]

  def _gradient_of_node(
    self,
    dstate: tf.Tensor,
    read: tf.Tensor,
    gate: tf.Tensor,
    kernel: tf.Tensor,
    applied: tuple[tf.Tensor, tf.Tensor],
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the gradients of what a node reads, and of its gates."""
    y, derivative = applied
    t = tf.sigmoid(tf.split(gate, 2, axis=1)[1])
    dgate = tf.concat(
      [dstate * t * derivative, dstate * (y - read) * t * (1 - t)], 1
    )
    dread = tf.matmul(dgate, kernel, transpose_b=True) * self._mask
    return dstate * (1 - t) + dread, dgate
