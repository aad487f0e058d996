"""The final RNN child: one cell in an ordinary Keras language model."""

import keras

from enas_tf import errors
from enas_tf.layers import dropouts, language
from enas_tf.spaces import rnn


def build(
  arc: rnn.RnnArc,
  *,
  vocab_size: int,
  hidden_size: int,
  output: str = "loose",
  drop_e: float = 0.0,
  drop_i: float = 0.0,
  drop_x: float = 0.0,
  drop_l: float = 0.0,
  drop_o: float = 0.0,
  seed: int = 0,
) -> keras.Model:
  """Returns the child of an arc.

  Args:
    arc: the arc; it gives the number of nodes.
    vocab_size: number of words.
    hidden_size: of the embedding and of the state.
    output: "all" or "loose", see `language.Language`.
    drop_e: fraction of the words that dropout drops, in [0, 1).
    drop_i: fraction of the numbers of embedded words, likewise.
    drop_x: fraction of the numbers that go into the cell, likewise.
    drop_l: fraction of the numbers of each state in the cell, likewise.
    drop_o: fraction of the numbers before the softmax, likewise.
    seed: of the initial weights and the dropouts.

  Returns:
    A functional model of {"tokens": int32 [batch, steps], "state": [batch,
    hidden_size]} that answers {"logits": [batch, steps, vocab_size],
    "outputs": [batch, steps, hidden_size], "state": [batch, hidden_size]}.

  Raises:
    ConfigError: if node 0 of the arc is not tanh, or a cell cannot compute a
      function.
  """
  if arc.function(0) != rnn.FIRST_FUNCTION:
    raise errors.ConfigError(
      f"Node 0 of a cell is always {rnn.FIRST_FUNCTION}: change the arc. "
      f"Received: node_0/function={arc.function(0)}"
    )
  tokens = keras.Input((None,), dtype="int32", name="tokens")
  state = keras.Input((hidden_size,), name="state")
  outputs = language.FixedLanguage(
    vocab_size,
    hidden_size,
    output,
    dropouts.Rates(drop_e, drop_i, drop_x, drop_l, drop_o),
    seed,
    nodes=arc.nodes,
    name="language",
  )(tokens, state)
  inputs = {"tokens": tokens, "state": state}
  return keras.Model(inputs, outputs, name="rnn_child")
