"""Recurrent language models: the layers between words and logits.

The cell is that of `highway`; around it are an embedding, which is the softmax
too, and the dropouts of google-research's enas_lm. `SharedLanguage` runs the
cell of any arc on shared weights, `FixedLanguage` always the same.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from enas_tf import errors, seeds
from enas_tf.layers import dropouts, highway, shared

OUTPUTS = ("all", "loose")
# Initial weights are uniform within this distance of 0.
INITIAL_RANGE = 0.04


class Language(keras.layers.Layer):
  """Predicts each next word; the parent of the two below.

  Args:
    vocab_size: number of words.
    units: of the embedding and of the state.
    output: which nodes are averaged into the state: "all" but node 0, or the
      "loose" ones, which no node reads, node 0 among them.
    rates: of the dropouts.
    seed: of the initial weights and the dropouts.
    **kwargs: of a Keras layer, such as `name`.

  Attributes:
    embedding: [vocab_size, units], the weights of the softmax too.
    w_prev: [2 * units, 2 * units]; the first half of the rows is for the
      input, the second for the state.
    step: calls in training, int32.
  """

  def __init__(
    self,
    vocab_size: int,
    units: int,
    output: str = "all",
    rates: dropouts.Rates = dropouts.NONE,
    seed: int = 0,
    **kwargs: Any,
  ) -> None:
    super().__init__(**kwargs)
    if output not in OUTPUTS:
      raise errors.ConfigError(
        'A cell puts out the mean of "all" nodes or of the "loose" ends: '
        f"choose one. Received: output={output}"
      )
    self.vocab_size = vocab_size
    self.units = units
    self.output_nodes = output
    self.rates = dropouts.Rates(*rates)
    self.seed = seed

  def build(self, *shapes: Any, **named_shapes: Any) -> None:
    """Makes the variables; the arguments give their shapes.

    Args:
      *shapes: of the arguments of `call`.
      **named_shapes: likewise.
    """
    del shapes, named_shapes  # The arguments give all sizes.
    units = self.units
    self.embedding = self._weight("embedding", (self.vocab_size, units))
    self.w_prev = self._weight("w_prev", (2 * units, 2 * units))
    self.step = self.add_weight(
      shape=(), dtype="int32", initializer="zeros", trainable=False, name="step"
    )

  def _weight(self, name: str, shape: Sequence[int]) -> keras.Variable:
    """Returns a new variable, with random numbers of its own."""
    seed = tf.constant([seeds.derive(self.seed, name), 0], tf.int64)
    return self.add_weight(
      shape=shape,
      initializer=lambda shape, dtype: _uniform(shape, seed),
      name=name,
    )

  def kernels(self, arc: tf.Tensor | None = None) -> list[tf.Tensor]:
    """Returns the weights of nodes 1, 2, ..., [units, 2 * units] each.

    Args:
      arc: int32 [num_decisions], where the layer takes one.
    """
    raise NotImplementedError

  def cell(
    self, arc: tf.Tensor | None = None, gates: tf.Tensor | None = None
  ) -> highway.Cell:
    """Returns what the nodes do.

    Args:
      arc: int32 [num_decisions], where the layer takes one.
      gates: of its decisions, float32 [num_decisions], or None.
    """
    raise NotImplementedError

  def call(
    self,
    tokens: tf.Tensor,
    state: tf.Tensor,
    arc: tf.Tensor | None = None,
    gates: tf.Tensor | None = None,
    training: bool = False,
  ) -> dict[str, tf.Tensor]:
    """Predicts the word after each word.

    Args:
      tokens: int32 [batch, steps].
      state: before the first word, [batch, units].
      arc: int32 [num_decisions], where the layer takes one.
      gates: of its decisions, float32 [num_decisions], or None. They multiply
        what a node reads and what its function gives.
      training: whether there is dropout.

    Returns:
      {"logits": [batch, steps, vocab_size], "outputs": the states without
      their dropout, [batch, steps, units], "state": the last, [batch, units]}.
    """
    masks = self._masks(tf.shape(state)[0], training)
    return self.run(tokens, state, masks, arc, gates)

  def _masks(self, batch: tf.Tensor, training: bool) -> dropouts.Masks:
    """Returns masks; it counts the step."""
    rates, step = dropouts.NONE, 0
    if training:
      rates, step = self.rates, self.step.value + 0
      self.step.assign_add(1)
    return dropouts.draw(
      rates, self.vocab_size, batch, self.units, (self.seed, step)
    )

  def run(
    self,
    tokens: tf.Tensor,
    state: tf.Tensor,
    masks: dropouts.Masks,
    arc: tf.Tensor | None = None,
    gates: tf.Tensor | None = None,
  ) -> dict[str, tf.Tensor]:
    """Does what `call` does, with given masks.

    Args:
      tokens: int32 [batch, steps].
      state: before the first word, float32 [batch, units].
      masks: of the dropouts.
      arc: int32 [num_decisions], where the layer takes one.
      gates: see `call`.
    """
    x = tf.gather(self.embedding.value, tokens)
    x *= tf.gather(masks.word, tokens)
    x = tf.transpose(x, [1, 0, 2])  # [steps, batch, units], for the cell.
    x *= masks.embedded[:, 0] * masks.input
    w_input, w_state = tf.split(self.w_prev.value + 0, 2)
    outputs = highway.run(
      _multiply(x, w_input),
      state,
      w_state,
      self.kernels(arc),
      masks.state,
      self.cell(arc, gates),
    )
    last = outputs[-1]
    outputs = tf.transpose(outputs, [1, 0, 2])
    logits = _multiply(
      outputs * masks.output, self.embedding.value, transpose_b=True
    )
    return {"logits": logits, "outputs": outputs, "state": last}

  def compute_output_spec(
    self,
    tokens: keras.KerasTensor,
    state: keras.KerasTensor,
    **others: Any,
  ) -> dict[str, keras.KerasTensor]:
    """Returns the shapes of what `call` returns.

    Args:
      tokens: see `call`, as for all below.
      state: the state of the cell.
      **others: no shape depends on them.
    """
    del others
    shapes = {
      "logits": (*tokens.shape, self.vocab_size),
      "outputs": (*tokens.shape, self.units),
      "state": state.shape,
    }
    return {
      key: keras.KerasTensor(shape, state.dtype)
      for key, shape in shapes.items()
    }

  def get_config(self) -> dict[str, Any]:
    """Returns the arguments of the constructor."""
    return super().get_config() | {
      "vocab_size": self.vocab_size,
      "units": self.units,
      "output": self.output_nodes,
      "rates": list(self.rates),
      "seed": self.seed,
    }


@keras.saving.register_keras_serializable("enas_tf")
class SharedLanguage(Language):
  """A language model whose cell is any arc of a space, on shared weights.

  All weights of the nodes are in one variable, a block for each choice. One
  gather brings the blocks that an arc chooses, and its gradient touches these
  alone.

  Args:
    num_nodes: nodes after node 0.
    words: the functions of the space, in the order of their integers.
    *args: see `Language`.
    **kwargs: likewise.

  Attributes:
    bank: [blocks, units, 2 * units], keyed by (node, function, previous).
  """

  def __init__(
    self, *args: Any, num_nodes: int, words: Sequence[str], **kwargs: Any
  ) -> None:
    super().__init__(*args, **kwargs)
    self.num_nodes = num_nodes
    self.words = highway.checked(words)

  def build(self, *shapes: Any, **named_shapes: Any) -> None:
    """Makes the variables; the arguments give their shapes.

    Args:
      *shapes: of the arguments of `call`.
      **named_shapes: likewise.
    """
    super().build(*shapes, **named_shapes)
    shape = (self.num_blocks, self.units, 2 * self.units)
    self.bank = self._weight("bank", shape)

  @property
  def num_blocks(self) -> int:
    """Blocks of the bank."""
    return int(self.block(self.num_nodes + 1, 0, 0))

  @property
  def shared(self) -> dict[tuple[int, str, int], shared.SharedWeights]:
    """The weights of each (node, function's word, previous node)."""
    return entries(self.bank, self.num_nodes, self.words)

  def block(
    self,
    node: int | np.ndarray,
    function: int | tf.Tensor | np.ndarray,
    previous: int | tf.Tensor | np.ndarray,
  ) -> int | tf.Tensor | np.ndarray:
    """Returns the index in the bank of one choice.

    Args:
      node: from 1.
      function: its index in `words`.
      previous: the node that is read, from 0 and below `node`.
    """
    before = len(self.words) * (node * (node - 1) // 2)
    return before + function * node + previous

  def blocks(self, arc: tf.Tensor) -> tf.Tensor:
    """Returns the indices of all choices of an arc, int32 [num_nodes].

    Args:
      arc: int32 [num_decisions].
    """
    nodes = np.arange(1, self.num_nodes + 1, dtype=np.int32)
    return self.block(nodes, arc[1::2], arc[0::2])

  def kernels(self, arc: tf.Tensor | None = None) -> list[tf.Tensor]:
    """Returns those that the arc chooses; see `Language`."""
    return tf.unstack(tf.gather(self.bank.value, self.blocks(arc)))

  def cell(
    self, arc: tf.Tensor | None = None, gates: tf.Tensor | None = None
  ) -> highway.Cell:
    """Returns what the arc describes; see `Language`."""
    assert arc is not None  # Shared weights have no arc of their own.
    previous = arc[0::2]
    mean = highway.mean_of_nodes(previous, self.num_nodes, self.output_nodes)
    return highway.Cell(
      tf.unstack(previous), tf.unstack(arc[1::2]), self.words, mean, gates
    )

  def get_config(self) -> dict[str, Any]:
    """Returns the arguments of the constructor."""
    config = {"num_nodes": self.num_nodes, "words": list(self.words)}
    return super().get_config() | config


def entries(
  bank: keras.Variable | np.ndarray, num_nodes: int, words: Sequence[str]
) -> dict[tuple[int, str, int], shared.SharedWeights]:
  """Returns what lies where in the bank of a `SharedLanguage`.

  Args:
    bank: float32 [blocks, units, 2 * units].
    num_nodes: nodes after node 0.
    words: the functions of the space.

  Returns:
    By (node, function's word, previous node) one kernel, [units, 2 * units].
  """
  keys = [
    (node, word, previous)
    for node in range(1, num_nodes + 1)
    for word in words
    for previous in range(node)
  ]
  shapes = (tuple(bank.shape[1:]),)
  return {
    key: shared.SharedWeights(bank, slice(i, i + 1), shapes)
    for i, key in enumerate(keys)
  }


@keras.saving.register_keras_serializable("enas_tf")
class FixedLanguage(Language):
  """A language model of one cell.

  Args:
    nodes: (previous, function) of nodes 1, 2, ..., the function as a word.
    *args: see `Language`.
    **kwargs: likewise.
  """

  def __init__(
    self, *args: Any, nodes: Sequence[tuple[int, str]], **kwargs: Any
  ) -> None:
    super().__init__(*args, **kwargs)
    words = highway.checked([function for _, function in nodes])
    previous = [int(previous) for previous, _ in nodes]
    self.nodes = list(zip(previous, words, strict=True))

  def build(self, *shapes: Any, **named_shapes: Any) -> None:
    """Makes the variables; the arguments give their shapes.

    Args:
      *shapes: of the arguments of `call`.
      **named_shapes: likewise.
    """
    super().build(*shapes, **named_shapes)
    shape = (self.units, 2 * self.units)
    self.node_kernels = [
      self._weight(f"node_{i}", shape) for i in range(1, len(self.nodes) + 1)
    ]

  def kernels(self, arc: tf.Tensor | None = None) -> list[tf.Tensor]:
    """Returns always the same; see `Language`."""
    del arc
    return [variable.value + 0 for variable in self.node_kernels]

  def cell(
    self, arc: tf.Tensor | None = None, gates: tf.Tensor | None = None
  ) -> highway.Cell:
    """Returns always the same; see `Language`."""
    del arc, gates
    previous, words = zip(*self.nodes, strict=True)
    functions = range(len(words))
    mean = highway.mean_of_nodes(previous, len(previous), self.output_nodes)
    return highway.Cell(previous, functions, words, mean)

  def get_config(self) -> dict[str, Any]:
    """Returns the arguments of the constructor."""
    return super().get_config() | {"nodes": [list(x) for x in self.nodes]}


@tf.function(
  input_signature=[
    tf.TensorSpec([None], tf.int32),
    tf.TensorSpec([2], tf.int64),
  ],
  autograph=False,
)
def _uniform(shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
  """Returns initial weights; a bank is large, and a graph copies nothing."""
  return tf.random.stateless_uniform(shape, seed, -INITIAL_RANGE, INITIAL_RANGE)


def _multiply(
  x: tf.Tensor, kernel: tf.Tensor, transpose_b: bool = False
) -> tf.Tensor:
  """Returns x [a, b, c] times kernel, as one product of matrices."""
  rows = tf.reshape(x, [-1, x.shape[-1]])
  y = tf.matmul(rows, kernel, transpose_b=transpose_b)
  return tf.reshape(y, [*tf.unstack(tf.shape(x)[:2]), y.shape[-1]])
