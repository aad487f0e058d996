"""Texts whose next word is to be predicted."""

import functools
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import keras
import numpy as np

from enas_tf import errors
from enas_tf.data import text, text_source, text_windows
from enas_tf.tasks import base, language_steps, saved_text
from enas_tf.training import keras_optimizers, measuring

_EVAL_ROWS = 10  # Rows that the text of an evaluation is cut into.


class DataSettings(Protocol):
  """Which text.

  Attributes:
    data: the name of the data set.
    data_path: a folder or file with the text, or None.
    vocab_size: most words that are told apart, or None for all.
  """

  data: str
  data_path: str | None
  vocab_size: int | None


class TrainingSettings(Protocol):
  """What a training says of its windows.

  Attributes:
    batch_size: rows that the text is cut into, at least 1.
    bptt_steps: words of each row in a window, at least 1.
    random_bptt: whether that many are only usual.
  """

  batch_size: int
  bptt_steps: int
  random_bptt: bool


class RewardSettings(Protocol):
  """What a controller is told.

  Attributes:
    reward: "ppl", a constant over the perplexity, or "ppl_squared", over its
      square.
    reward_constant: what is divided by the perplexity.
  """

  reward: str
  reward_constant: float


class LanguageModelling(base.Task):
  """A text, word by word; the metric is the perplexity, at least 1.

  Args:
    settings: which text.
    source: a text that takes the place of the one that the settings name.
  """

  metric = base.Metric("perplexity", False, "ppl", ".2f")
  part = "window"
  uses_fit = False

  def __init__(
    self, settings: DataSettings, source: text_source.TextSource | None = None
  ) -> None:
    self._settings = settings
    self._source = source

  @functools.cached_property
  def text(self) -> text.TextDataset:
    """The text, split."""
    settings = self._settings
    if self._source is not None:
      return text_source.load(self._source, settings.vocab_size)
    return text.load(settings.data, settings.data_path, settings.vocab_size)

  @property
  def vocab_size(self) -> int:
    """How many words are told apart."""
    return len(self.text.vocabulary)

  @property
  def sizes(self) -> dict[str, Any]:
    return {"vocab_size": self.vocab_size}

  def fingerprint(self) -> dict[str, Any]:
    return {
      "data": self.text.name,
      "num_words": len(self.text.train),
      "vocab_size": self.vocab_size,
      **self._digest,
    }

  def steps(self, training: Any, network: Any) -> language_steps.LanguageSteps:
    return language_steps.LanguageSteps(
      # An imported child has a size of its own.
      network.get_layer("language").units,
      bptt_steps=training.bptt_steps,
      alpha=training.alpha,
      beta=training.beta,
    )

  @property
  def _digest(self) -> dict[str, str]:
    """What tells a text of the program from others."""
    digest = self.text.digest
    return {} if digest is None else {"digest": digest}

  def steps_per_epoch(
    self, training: TrainingSettings, *, final: bool = False
  ) -> int:
    """Returns how many windows of `bptt_steps` words the text has.

    Differs from enas_lm: an epoch always has as many steps; windows of random
    lengths go on from where they are.

    Args:
      training: see `Task`.
      final: see `Task`.
    """
    del final  # It has the same text.
    rows = text_windows.batched(self.text.train, training.batch_size)
    return text_windows.windows_per_epoch(rows, training.bptt_steps)

  def train_stream(
    self, training: TrainingSettings, seed: int, *, final: bool = False
  ) -> Callable[[int], Iterator[text_windows.Window]]:
    del final
    rows = text_windows.batched(self.text.train, training.batch_size)
    if training.random_bptt:
      stream = functools.partial(
        text_windows.random_windows, rows, training.bptt_steps, seed
      )
    else:
      stream = functools.partial(
        text_windows.windows, rows, training.bptt_steps
      )
    stream(0)  # So that a text that is too short is refused at once.
    return stream

  def reward_stream(
    self, training: TrainingSettings, seed: int
  ) -> Callable[[int], Iterator[text_windows.Window]]:
    del seed  # Windows follow one another.
    rows = text_windows.batched(self.text.valid, training.batch_size)
    stream = functools.partial(text_windows.windows, rows, training.bptt_steps)
    stream(0)
    return stream

  def ranking_batches(
    self, training: TrainingSettings, seed: int
  ) -> list[text_windows.Window]:
    return [next(self.reward_stream(training, seed)(0))]

  def valid_batches(
    self, training: TrainingSettings, *, final: bool = False
  ) -> list[text_windows.Window]:
    rows = _EVAL_ROWS if final else training.batch_size
    return _windows(self.text.valid, rows, training)

  def test_batches(
    self, training: TrainingSettings
  ) -> list[text_windows.Window] | None:
    test = self.text.test
    return (
      None if test is None else _windows(test, training.batch_size, training)
    )

  def reward(self, settings: RewardSettings) -> Callable[[float], float]:
    """Returns the function from a perplexity to the reward.

    Args:
      settings: of the controller.
    """
    power = 2 if settings.reward == "ppl_squared" else 1
    constant = settings.reward_constant
    return lambda perplexity: constant / perplexity**power

  def described(self) -> dict[str, Any]:
    return {
      "data": self.text.name,
      "vocabulary": list(self.text.vocabulary),
      "token": self.text.token,
      **self._digest,
    }

  def describes(self, model: keras.Model, description: dict[str, Any]) -> bool:
    words, token = description["vocabulary"], description["token"]
    re.compile(token)
    return (
      isinstance(words, list)
      and len(words) == model.output["logits"].shape[-1]
      and len(words) == len(set(words))
      and {text.EOS, text.UNK} <= set(words)
      and all(
        isinstance(x, str)
        for x in (*words, token, description["arc_string"], description["data"])
      )
    )

  def untold(self, training: Any) -> dict[str, Any]:
    return {"output": training.output, "words": self.text.vocabulary}

  def evaluate(
    self,
    model: keras.Model,
    description: dict[str, Any],
    training: TrainingSettings,
    test: Any = None,
  ) -> dict[str, Any]:
    words = description["vocabulary"]
    measurement = measuring.Measurement(model, self.steps(training, model))
    if test is None:
      test = self._tested(description)
      valid = _windows(self.text.valid, _EVAL_ROWS, training)
      found = {"valid_perplexity": measurement.score(valid)}
    else:
      test, found = text_source.encoded(test, words), {}
    return found | {
      "test_perplexity": measurement.score(
        _windows(test, _EVAL_ROWS, training)
      ),
      "test_words": len(test),
    }

  def _tested(self, description: dict[str, Any]) -> np.ndarray:
    """Returns the test split, if a child was trained on a text like its own."""
    if list(self.text.vocabulary) != description["vocabulary"]:
      raise errors.DataError(
        "The child was trained on a text of other words: give the `data`, "
        "`data_path` and `vocab_size` of its training. Received: data="
        f"{self.text.name}, trained on {description['data']}"
      )
    if self.text.test is None:
      raise errors.DataError(
        "There is no text for the test: give one as `test`. Received: data="
        f"{self.text.name}, test=None"
      )
    return self.text.test

  @classmethod
  def source(
    cls, train: Any, valid: Any, test: Any, class_names: Any
  ) -> text_source.TextSource:
    return text_source.TextSource(train, valid, test, class_names)

  def compiled(
    self, model: keras.Model, training: Any, schedule: Any
  ) -> keras.Model:
    optimizer = keras.optimizers.SGD(
      schedule, global_clipnorm=training.grad_bound
    )
    if training.optimizer != "sgd":
      optimizer = keras_optimizers.make(training, schedule)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss={"logits": loss}, jit_compile=False)
    return model

  def summary(self, results: dict[str, Any]) -> str:
    return (
      f"Test perplexity {results['test_perplexity']:.2f} on "
      f"{results['test_words']} words."
    )

  def export(
    self, model: keras.Model, description: dict[str, Any], folder: pathlib.Path
  ) -> None:
    saved_text.export(model, description, folder)


def _windows(
  ids: np.ndarray, num_rows: int, training: TrainingSettings
) -> list[text_windows.Window]:
  """Returns all windows of a text (views of it, which take no memory)."""
  rows = text_windows.batched(ids, num_rows)
  return list(text_windows.eval_windows(rows, training.bptt_steps))
