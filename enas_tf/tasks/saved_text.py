"""Exports a language model that needs neither enas_tf nor Keras."""

import json
import pathlib
from typing import Any

import keras
import tensorflow as tf

from enas_tf import files
from enas_tf.data import text
from enas_tf.tasks import saved


class _LanguageModel(tf.Module):
  """Texts in, log-probabilities out; the vocabulary travels as an asset."""

  def __init__(
    self, model: keras.Model, description: dict, vocabulary: str
  ) -> None:
    super().__init__()
    self._model = model
    self._units = model.get_layer("language").units
    self._token = f"({description['token']})"
    words = description["vocabulary"]
    self._eos = words.index(text.EOS)
    self._vocabulary = tf.saved_model.Asset(vocabulary)
    kinds = (
      tf.string,
      tf.lookup.TextFileIndex.WHOLE_LINE,
      tf.int64,
      tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    self._id_of = tf.lookup.StaticHashTable(
      tf.lookup.TextFileInitializer(self._vocabulary, *kinds),
      words.index(text.UNK),
    )
    self._words = tf.Variable(words, trainable=False)
    self.arc = tf.Variable(description["arc_string"], trainable=False)
    self.description = tf.Variable(json.dumps(description), trainable=False)

  @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, "texts")])
  def score(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns log-probability in nats, words and perplexity of texts.

    A text is scored as lines: "<eos>" stands before its first word and counts
    behind its last.

    Args:
      texts: string [n].
    """
    ids, lengths = self._encode(texts)
    return self._score(ids, lengths)

  @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32, "ids")])
  def score_ids(self, ids: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns the same of ids of words, scored as they are.

    Args:
      ids: int32 [n, words].
    """
    batch, length = tf.unstack(tf.shape(ids))
    return self._score(ids, tf.fill([batch], length - 1))

  @tf.function(
    input_signature=[
      tf.TensorSpec((), tf.string, "text"),
      tf.TensorSpec((), tf.int32, "num_words"),
      tf.TensorSpec((), tf.float32, "temperature"),
      tf.TensorSpec((2,), tf.int32, "seed"),
    ]
  )
  def continue_text(
    self,
    start: tf.Tensor,
    num_words: tf.Tensor,
    temperature: tf.Tensor,
    seed: tf.Tensor,
  ) -> dict[str, tf.Tensor]:
    """Returns a text and so many sampled words behind it.

    Args:
      start: the text to go on from.
      num_words: how many words are added.
      temperature: what logits are divided by; small is cautious.
      seed: of the random numbers.
    """
    ids, _ = self._encode(start[None])
    outputs = self._run(ids[:, :-1], tf.zeros([1, self._units]))
    words = tf.TensorArray(tf.string, num_words)

    def step(
      i: tf.Tensor,
      logits: tf.Tensor,
      state: tf.Tensor,
      words: tf.TensorArray,
    ) -> tuple[Any, ...]:
      noise = tf.random.experimental.stateless_fold_in(seed, i)
      word = tf.random.stateless_categorical(
        logits / temperature, 1, noise, tf.int32
      )
      words = words.write(i, self._words.value()[word[0, 0]])
      outputs = self._run(word, state)
      return i + 1, outputs["logits"][:, -1], outputs["state"], words

    *_, words = tf.while_loop(
      lambda i, *_: i < num_words,
      step,
      (0, outputs["logits"][:, -1], outputs["state"], words),
    )
    added = tf.strings.reduce_join(words.stack(), separator=" ")
    parts = tf.stack([start, added])
    # No blank where there is nothing before or behind it.
    parts = tf.boolean_mask(parts, tf.strings.length(parts) > 0)
    return {"text": tf.strings.reduce_join(parts, separator=" ")}

  def _encode(self, texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns (ids [n, words + 2], numbers of words that are scored [n])."""
    spaced = tf.strings.regex_replace(texts, self._token, r" \1 ")
    ids = tf.cast(
      self._id_of.lookup(tf.strings.split(spaced)).to_tensor(-1), tf.int32
    )
    lengths = tf.reduce_sum(tf.cast(ids >= 0, tf.int32), 1)
    ids = tf.where(ids >= 0, ids, self._eos)
    return tf.pad(ids, [[0, 0], [1, 1]], constant_values=self._eos), lengths + 1

  def _run(self, tokens: tf.Tensor, state: tf.Tensor) -> dict[str, tf.Tensor]:
    return self._model({"tokens": tokens, "state": state}, training=False)

  def _score(self, ids: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
    state = tf.zeros([tf.shape(ids)[0], self._units])
    logits = self._run(ids[:, :-1], state)["logits"]
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(ids[:, 1:], logits)
    counted = tf.sequence_mask(lengths, tf.shape(losses)[1], tf.float32)
    loss = tf.reduce_sum(losses * counted, 1)
    return {
      "log_probability": -loss,
      "words": lengths,
      "perplexity": tf.exp(loss / tf.cast(lengths, tf.float32)),
    }


def export(
  model: keras.Model, description: dict[str, Any], run_folder: pathlib.Path
) -> None:
  """Writes export/saved_model in a run's folder, and the Keras file beside it.

  Its functions and signatures are `score` (texts; also "serving_default"),
  `score_ids` and `continue_text`.

  Args:
    model: {"tokens", "state"} to {"logits", "outputs", "state"}.
    description: has vocabulary, token, arc_string, ...
    run_folder: of the run.
  """
  vocabulary = run_folder / saved.FOLDER / "vocabulary.txt"
  files.write_text(
    vocabulary, "".join(f"{word}\n" for word in description["vocabulary"])
  )
  module = _LanguageModel(model, description, str(vocabulary))
  signatures = {
    "serving_default": module.score,
    "score_ids": module.score_ids,
    "continue_text": module.continue_text,
  }
  saved.write(
    module,
    model,
    run_folder,
    signatures=signatures,
    # It is not for training; the cell's own gradient stays here.
    options=tf.saved_model.SaveOptions(experimental_custom_gradients=False),
  )
