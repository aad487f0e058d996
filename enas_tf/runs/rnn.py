"""The RNN space: language models, from the text to the exported model."""

import dataclasses
import functools
import re
from typing import Any

import numpy as np

from enas_tf import compat, errors
from enas_tf.controllers import rnn_policy
from enas_tf.data import text, text_windows
from enas_tf.evaluators import shared_weights
from enas_tf.networks import rnn_child, rnn_supernet
from enas_tf.runs import family, rnn_training, saved_text
from enas_tf.spaces import rnn
from enas_tf.tasks import language_steps
from enas_tf.training import (
  averaging,
  measuring,
  optimizers,
  schedules,
  trainer,
)

_EVAL_ROWS = 10  # Rows that the text of an evaluation is cut into.


class RnnFamily(family.Family):
  """Recurrent cells of language models."""

  def __init__(self, experiment):
    super().__init__(experiment)
    self.space = self._make_space(experiment.search)
    if experiment.fixed_arc is None:
      # An arc fixes the number of nodes: a found one that of the search.
      final = dataclasses.replace(
        experiment.final, num_nodes=experiment.search.num_nodes
      )
      self.experiment = dataclasses.replace(experiment, final=final)
    self.final_space = self._make_space(self.experiment.final)

  def _make_space(self, child):
    return rnn.RnnSpace(child.num_nodes, child.functions)

  @functools.cached_property
  def _text(self) -> text.TextDataset:
    data = self.experiment.data
    return text.load(data.data, data.data_path, data.vocab_size)

  def search_parts(self):
    child, settings = self.experiment.search, self.experiment.controller
    network = self.make_supernet()
    rows = text_windows.batched(self._text.train, child.batch_size)
    windows = self._windows(rows, child, "search batches")
    windows(0)  # So that a text that is too short is refused at once.
    valid = text_windows.batched(self._text.valid, child.batch_size)
    reward_windows = functools.partial(
      text_windows.windows, valid, child.bptt_steps
    )
    reward_windows(0)
    steps = text_windows.windows_per_epoch(rows, child.bptt_steps)
    return family.SearchParts(
      controller=self.make_controller(),
      child=self.trainer(network, windows, child, steps),
      evaluator=shared_weights.SharedWeights(
        network,
        self._steps(child),
        reward_windows,
        functools.partial(
          _reward,
          constant=settings.reward_constant,
          power=2 if settings.reward == "ppl_squared" else 1,
        ),
      ),
      child_steps=steps,
      fingerprint=self.fingerprint()
      | {
        "data": self._text.name,
        "num_words": len(self._text.train),
        "vocab_size": len(self._text.vocabulary),
      },
    )

  def sizes(self, child) -> dict[str, Any]:
    """Returns the arguments of the networks that set their sizes."""
    names = (
      "hidden_size",
      "output",
      "drop_e",
      "drop_i",
      "drop_x",
      "drop_l",
      "drop_o",
    )
    return {name: getattr(child, name) for name in names} | {
      "vocab_size": len(self._text.vocabulary)
    }

  def _windows(self, rows, child, consumer: str):
    """Returns the function from a step to the windows of a training."""
    if child.random_bptt:
      return functools.partial(
        text_windows.random_windows, rows, child.bptt_steps, self.seed(consumer)
      )
    return functools.partial(text_windows.windows, rows, child.bptt_steps)

  def trainer(self, network, windows, child, steps, average=None):
    """Returns the trainer of a supernet or a child.

    Differs from enas_lm: an epoch has always as many steps, those of the text
    in windows of `bptt_steps` words; those of random lengths go on from where
    they are.
    """
    return trainer.Trainer(
      network,
      self._steps(child),
      windows,
      optimizers.ClippedDescent(
        [v.value for v in network.trainable_variables],
        schedules.from_config(child, steps),
        l2_reg=child.l2_reg,
        grad_bound=child.grad_bound,
      ),
      batch_size=child.batch_size,
      average=average,
    )

  def _steps(self, child) -> language_steps.LanguageSteps:
    return language_steps.LanguageSteps(
      child.hidden_size,
      bptt_steps=child.bptt_steps,
      alpha=child.alpha,
      beta=child.beta,
    )

  def measurement(self, model) -> measuring.Measurement:
    """Returns what tells the perplexity of a final child."""
    return measuring.Measurement(model, self._steps(self.experiment.final))

  def least_weights(self, child, is_shared):
    nodes = child.num_nodes
    edges = nodes
    if is_shared:
      edges = len(child.functions) * nodes * (nodes + 1) // 2
    words = len(self._text.vocabulary)
    return child.hidden_size * (words + 2 * child.hidden_size * (edges + 2))

  def make_policy(self):
    controller = self.experiment.controller
    return rnn_policy.RnnPolicy(
      self.space,
      lstm_size=controller.lstm_size,
      num_layers=controller.num_layers,
      tanh_constant=controller.tanh_constant,
      temperature=controller.temperature,
      faithful=self.experiment.search.faithful,
      seed=self.seed("policy"),
    )

  def make_supernet(self):
    return rnn_supernet.RnnSupernet(
      self.space,
      seed=self.seed("supernet"),
      **self.sizes(self.experiment.search),
    )

  def make_child(self, arc):
    return rnn_child.build(
      arc, seed=self.seed("final child"), **self.sizes(self.experiment.final)
    )

  def rank(self, parts, arcs):
    child, run = self.experiment.search, self.experiment.run
    valid = text_windows.batched(self._text.valid, child.batch_size)
    window = next(text_windows.windows(valid, child.bptt_steps))
    scores = np.array(parts.evaluator.score_on(arcs, [window]))
    best = np.argsort(scores, kind="stable")[: run.derive_top]
    windows = list(text_windows.eval_windows(valid, child.bptt_steps))
    full = parts.evaluator.score_on(arcs[best], windows)
    rows = [
      {
        "arc": self.space.decode(arcs[i]),
        "valid_perplexity": value,
        "window_perplexity": float(scores[i]),
      }
      for i, value in zip(best, full, strict=True)
    ]
    return sorted(rows, key=lambda row: row["valid_perplexity"])

  def child_size(self, arc):
    child = self.experiment.final
    units, words = child.hidden_size, len(self._text.vocabulary)
    products = 2 * units * units * (2 + len(arc.nodes))
    # The embedding is the softmax too.
    return family.Size(products + words * units, products + words * units)

  def train(self, arc, run):
    child = self.experiment.final
    model = self.make_child(arc)
    rows = text_windows.batched(self._text.train, child.batch_size)
    steps = text_windows.windows_per_epoch(rows, child.bptt_steps)
    windows = self._windows(rows, child, "final batches")
    windows(0)  # So that a text that is too short is refused at once.
    average = averaging.AveragedWeights(
      [v.value for v in model.trainable_variables], child.average_after
    )
    training = rnn_training.Training(
      model,
      self.trainer(model, windows, child, steps, average),
      average,
      steps_per_epoch=steps,
      description=self._description(arc),
      settings=child,
      folder=self.final_folder(run.folder, arc),
      run=run,
    )
    measurement = self.measurement(model)
    training.run(
      lambda: measurement.score(self._eval_windows(self._text.valid))
    )

  def import_child(self, arc, checkpoint):
    loaded = compat.load_model(
      checkpoint,
      arc=arc,
      output=self.experiment.final.output,
      words=self._text.vocabulary,
    )
    return loaded.model, self._description(arc)

  def _eval_windows(self, ids):
    rows = text_windows.batched(ids, _EVAL_ROWS)
    return text_windows.eval_windows(rows, self.experiment.final.bptt_steps)

  def _description(self, arc) -> dict[str, Any]:
    return {
      "space": self.space.name,
      "arc": arc.to_json(),
      "arc_string": str(arc),
      "data": self._text.name,
      "vocabulary": list(self._text.vocabulary),
      "token": self._text.token,
    }

  def describes(self, model, description):
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

  def evaluate(self, model, description):
    if list(self._text.vocabulary) != description["vocabulary"]:
      raise errors.DataError(
        "The child was trained on a text of other words: give the `data`, "
        "`data_path` and `vocab_size` of its training. Received: data="
        f"{self._text.name}, trained on {description['data']}"
      )
    measurement = self.measurement(model)
    return {
      f"{part}_perplexity": measurement.score(
        self._eval_windows(getattr(self._text, part))
      )
      for part in ("valid", "test")
    } | {"test_words": len(self._text.test)}

  def summary(self, results):
    return (
      f"Test perplexity {results['test_perplexity']:.2f} on "
      f"{results['test_words']} words."
    )

  def export(self, model, description, folder):
    saved_text.export(model, description, folder)


def _reward(perplexity: float, *, constant: float, power: int) -> float:
  """Returns a constant over a power of the perplexity."""
  return constant / perplexity**power
