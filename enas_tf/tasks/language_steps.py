"""One step of a language model: truncated backpropagation through time."""

import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from enas_tf.training import language, steps


class LanguageSteps(steps.Steps):
  """Predicts each next word of a window; the state goes on to the next one.

  Networks answer {"logits", "outputs", "state"} to {"tokens", "state"} and, if
  they are supernets, "arc". A batch is (tokens [batch, steps], targets [batch,
  steps], whether a text begins); evaluation always begins with zeros.

  Args:
    units: of the state.
    bptt_steps: the length of a window that the learning rate is for; it is
      scaled with the length.
    alpha, beta: see `language.activity`.
  """

  metric = "perplexity"
  parts = "windows"

  def __init__(
    self,
    units: int,
    *,
    bptt_steps: int,
    alpha: float = 0.0,
    beta: float = 0.0,
  ) -> None:
    self._units = units
    self._bptt_steps = bptt_steps
    self._penalties = {"alpha": alpha, "beta": beta}

  def start(self, batch_size: int) -> steps.Carried:
    return (tf.zeros([batch_size, self._units]),)

  def signature(self, network: Any, batch_size: int) -> list[Any]:
    # One trace for all lengths of windows.
    words = tf.TensorSpec([batch_size, None], tf.int32)
    specs: list[Any] = [(words, words, tf.TensorSpec([], tf.bool))]
    if "arc" in network.input:
      specs.append(tf.TensorSpec(network.input["arc"].shape, tf.int32))
    return specs

  def train(
    self,
    network: Any,
    batch: steps.Batch,
    arc: tf.Tensor | None,
    carried: steps.Carried,
  ) -> steps.TrainStep:
    tokens, targets, is_first = batch
    state = tf.where(is_first, 0.0, carried[0])
    given = steps.inputs(tokens=tokens, state=state, arc=arc)
    outputs = network(given, training=True)
    loss = language.loss(targets, outputs["logits"])
    total = loss + language.activity(outputs["outputs"], **self._penalties)
    return steps.TrainStep(total, {"child/loss": loss}, (outputs["state"],))

  def measure(
    self,
    network: Any,
    batch: steps.Batch,
    arc: tf.Tensor | None,
    carried: steps.Carried,
    gates: tf.Tensor | None = None,
  ) -> steps.Measured:
    tokens, targets, _ = batch
    given = steps.inputs(tokens=tokens, state=carried[0], arc=arc, gates=gates)
    outputs = network(given, training=False)
    loss = language.loss(targets, outputs["logits"])
    count = tf.size(targets)
    # The sum over a long text needs the digits.
    total = tf.cast(loss, tf.float64) * tf.cast(count, tf.float64)
    return steps.Measured(
      total, count, (outputs["state"],), None if gates is None else loss
    )

  def score(self, total: float, count: int) -> float:
    return _perplexity(total / count)

  def rate(self, rate: tf.Tensor, batch: steps.Batch) -> tf.Tensor:
    length = tf.cast(tf.shape(batch[0])[1], tf.float32)
    return rate * length / self._bptt_steps

  def summary(self, metrics: Mapping[str, float]) -> dict[str, float]:
    """Returns the metrics with the perplexity of the mean loss.

    Args:
      metrics: means over the steps; "child/loss" is in nats a word.
    """
    perplexity = _perplexity(metrics["child/loss"])
    return {**metrics, "child/perplexity": perplexity}


def _perplexity(loss: float) -> float:
  return math.exp(min(loss, 50))
