"""The RNN supernet: one language model that holds every cell's weights.

ENAS, section 2.1; what is computed is what google-research's enas_lm does.
"""

import keras

from enas_tf import errors
from enas_tf.layers import dropouts, language, shared
from enas_tf.networks import gated
from enas_tf.spaces import rnn


class RnnSupernet(gated.GatedModel):
  """Predicts words with the cell that an arc describes.

  A functional model of {"tokens": int32 [batch, steps], "state": [batch,
  hidden_size], "arc": int32 [num_decisions]} that answers {"logits": [batch,
  steps, vocab_size], "outputs": [batch, steps, hidden_size], "state": [batch,
  hidden_size]}. Only what the arc chooses is computed. Dropout works in
  training alone.

  Args:
    space: of the arcs.
    vocab_size: number of words.
    hidden_size: of the embedding and of the state.
    output: "all" or "loose", see `language.Language`.
    drop_e: fraction of the words that dropout drops, in [0, 1).
    drop_i: fraction of the numbers of embedded words, likewise.
    drop_x: fraction of the numbers that go into the cell, likewise.
    drop_l: fraction of the numbers of each state in the cell, likewise.
    drop_o: fraction of the numbers before the softmax, likewise.
    seed: of the initial weights and the dropouts.

  Attributes:
    space: the space of the arcs.
    shared: a mapping from (node, function, previous node), nodes from 1 and
      previous ones from 0, the function by its name, to the `SharedWeights` of
      that choice: one kernel, float32 [hidden_size, 2 * hidden_size].

  Raises:
    ConfigError: if the function of node 0 is a decision of the space, or a
      cell cannot compute a function.
  """

  def __init__(
    self,
    space: rnn.RnnSpace,
    *,
    vocab_size: int,
    hidden_size: int,
    output: str = "all",
    drop_e: float = 0.0,
    drop_i: float = 0.0,
    drop_x: float = 0.0,
    drop_l: float = 0.0,
    drop_o: float = 0.0,
    seed: int = 0,
  ) -> None:
    if space.first_function:
      raise errors.ConfigError(
        "Node 0 of a shared cell is always tanh: give a space without "
        f"first_function. Received: first_function={space.first_function}"
      )
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    state = keras.Input((hidden_size,), name="state")
    arc = keras.Input(
      batch_shape=(space.num_decisions,), dtype="int32", name="arc"
    )
    gates = gated.gates_input(space)
    outputs = language.SharedLanguage(
      vocab_size,
      hidden_size,
      output,
      dropouts.Rates(drop_e, drop_i, drop_x, drop_l, drop_o),
      seed,
      num_nodes=space.num_nodes,
      words=space.functions,
      name="language",
    )(tokens, state, arc=arc, gates=gates)
    super().__init__(
      {"tokens": tokens, "state": state, "arc": arc, "gates": gates}, outputs
    )
    self.space = space

  @property
  def language(self) -> language.SharedLanguage:
    """The layer between words and logits."""
    return self.get_layer("language")

  @property
  def bank(self) -> keras.Variable:
    """The weights of all nodes; `language.block` tells what lies where."""
    return self.language.bank

  @property
  def shared(self) -> dict[tuple[int, str, int], shared.SharedWeights]:
    """The shared weights of each choice; see the class."""
    return self.language.shared
