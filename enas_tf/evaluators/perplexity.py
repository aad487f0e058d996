"""Scores an arc by how well its cell predicts a text, on shared weights."""

import math
from collections.abc import Callable, Iterable

import tensorflow as tf

from enas_tf.evaluators import base
from enas_tf.training import language


class Perplexity(base.Evaluator):
  """The reward is a constant over the perplexity of one validation window.

  Every arc starts from a state of zeros, so that its reward does not depend on
  the arcs before it.

  Args:
    network: answers {"logits", "state"} to {"tokens", "state", "arc"} (or
      without the arc), and has a layer "language".
    windows: a function from a step to the endless validation windows that
      begin there; None where `evaluate` is not asked.
    constant: what is divided by the perplexity.
    power: of the perplexity, 1 or 2.
  """

  def __init__(
    self,
    network,
    windows: Callable[[int], Iterable] | None = None,
    *,
    constant: float = 80.0,
    power: int = 1,
  ):
    self._network = network
    self._units = network.get_layer("language").units
    self._make_windows = windows
    self._windows = None
    self._constant = constant
    self._power = power
    self._num_windows = tf.Variable(0, trainable=False, dtype=tf.int64)
    self._forward = tf.function(
      self._losses, autograph=False, reduce_retracing=True
    )

  def evaluate(self, arcs):
    """Returns rewards, each on the next validation window, [n]."""
    if self._windows is None:  # Not before a checkpoint was restored.
      self._windows = iter(self._make_windows(int(self._num_windows)))
    perplexities = [
      self.perplexity([next(self._windows)], arc) for arc in tf.unstack(arcs)
    ]
    self._num_windows.assign_add(len(perplexities))
    return tf.constant(
      [self._constant / each**self._power for each in perplexities]
    )

  def evaluate_on(self, arcs, windows) -> list[float]:
    """Returns the perplexity of each arc on the same windows, [n]."""
    return [self.perplexity(windows, arc) for arc in tf.unstack(arcs)]

  def perplexity(self, windows, arc=None) -> float:
    """Returns the perplexity of successive windows, the state carried."""
    total, count, state = 0.0, 0, None
    for tokens, targets, _ in windows:
      if state is None:
        state = tf.zeros([len(tokens), self._units])
      loss, state = self._forward(
        tf.constant(tokens), tf.constant(targets), state, arc
      )
      total += float(loss) * targets.size
      count += targets.size
    return math.exp(min(total / count, 50))

  def _losses(self, tokens, targets, state, arc):
    inputs = {"tokens": tokens, "state": state}
    if arc is not None:
      inputs["arc"] = arc
    outputs = self._network(inputs, training=False)
    return language.loss(targets, outputs["logits"]), outputs["state"]

  def state(self):
    return {"num_windows": self._num_windows}
