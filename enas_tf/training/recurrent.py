"""Gradient steps of language models: truncated backpropagation through time."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import tensorflow as tf

from enas_tf.training import averaging, language, optimizers, supernet


class LanguageTrainer:
  """Trains a language model, one window of the text a step.

  Plain gradient descent, clipped; the state is carried from window to window.
  Of the shared weights of a supernet a step moves the chosen blocks alone, L2
  included: all of them are far more than a step computes with.

  Args:
    network: answers {"logits", "outputs", "state"} to {"tokens", "state"} and,
      if it is a supernet, "arc"; has a layer "language".
    windows: a function from a step to the endless windows that begin there.
    schedule: learning rate as a function of the step.
    batch_size: rows of the windows.
    bptt_steps: the length of a window that the learning rate is for; it is
      scaled with the length.
    l2_reg: weight of the sum of the squares of all weights that a step uses.
    alpha, beta: see `language.activity`.
    grad_bound: the norm of all gradients that clipping allows.
    average: is updated after every step, or None.
  """

  def __init__(
    self,
    network,
    windows: Callable[[int], Iterable],
    schedule,
    *,
    batch_size: int,
    bptt_steps: int,
    l2_reg: float,
    alpha: float,
    beta: float,
    grad_bound: float,
    average: averaging.AveragedWeights | None = None,
  ):
    self._network = network
    self._language = network.get_layer("language")
    self._make_windows = windows
    self._windows = None
    self._schedule = schedule
    self._bptt_steps = bptt_steps
    self._l2_reg = l2_reg
    self._penalties = {"alpha": alpha, "beta": beta}
    self._grad_bound = grad_bound
    self._variables = [v.value for v in self._language.trainable_variables]
    self._carried = tf.Variable(
      tf.zeros([batch_size, self._language.units]), trainable=False
    )
    self._num_steps = tf.Variable(0, trainable=False, dtype=tf.int64)
    self._average = average
    # One trace for all lengths of windows.
    words = tf.TensorSpec([batch_size, None], tf.int32)
    signature = [words, words, tf.TensorSpec([], tf.bool)]
    if "arc" in network.input:
      signature.append(tf.TensorSpec(network.input["arc"].shape, tf.int32))
    self._step = tf.function(self.step, signature, autograph=False)

  @property
  def num_traces(self) -> int:
    return self._step.experimental_get_tracing_count()

  @property
  def num_steps(self) -> int:
    """How many steps were taken."""
    return int(self._num_steps)

  def run(
    self, arcs: tf.Tensor, stop: Callable[[], bool] = lambda: False
  ) -> dict[str, float]:
    """Trains arcs [n, num_decisions], a step each; see `run_steps`."""
    means = supernet.Means()
    self.run_steps(len(arcs), means, stop, tf.unstack(arcs))
    return with_perplexity(means.result())

  def run_steps(
    self,
    steps: int,
    means: supernet.Means,
    stop: Callable[[], bool] = lambda: False,
    arcs: Sequence[tf.Tensor] | None = None,
  ) -> None:
    """Takes steps, of the arcs or, if there are none, of the one cell.

    Args:
      steps: how many.
      means: takes the metrics of each step in.
      stop: is asked after each step whether the others are left out.
      arcs: int32 [num_decisions] each, one for each step.

    Raises:
      DivergenceError: if a loss or a gradient is not finite.
    """
    if self._windows is None:  # Not before a checkpoint was restored.
      self._windows = iter(self._make_windows(self.num_steps))
    for i in range(steps):
      window = map(tf.constant, next(self._windows))
      metrics = self._step(*window, *([arcs[i]] if arcs else []))
      if self._average is not None:
        self._average.update()
      means.add(metrics)
      supernet.check_finite(metrics, self.num_steps)
      if stop():
        break

  def step(self, tokens, targets, is_first, arc=None) -> dict[str, tf.Tensor]:
    """One gradient step on one window."""
    state = tf.where(is_first, 0.0, self._carried)
    inputs = {"tokens": tokens, "state": state}
    if arc is not None:
      inputs["arc"] = arc
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(self._variables)
      outputs = self._network(inputs, training=True)
      loss = language.loss(targets, outputs["logits"])
      total = loss + language.activity(outputs["outputs"], **self._penalties)
    gradients = self._with_l2(tape.gradient(total, self._variables))
    gradients, norm = tf.clip_by_global_norm(gradients, self._grad_bound)
    rate = self._schedule(self._num_steps)
    scaled = rate * tf.cast(tf.shape(tokens)[1], tf.float32) / self._bptt_steps
    for gradient, variable in zip(gradients, self._variables, strict=True):
      if isinstance(gradient, tf.IndexedSlices):
        variable.scatter_sub(
          tf.IndexedSlices(scaled * gradient.values, gradient.indices)
        )
      else:
        variable.assign_sub(scaled * gradient)
    self._carried.assign(outputs["state"])
    self._num_steps.assign_add(1)
    return {
      "child/loss": loss,
      "child/grad_norm": norm,
      "child/learning_rate": rate,
    }

  def _with_l2(self, gradients) -> list:
    """Adds the gradient of L2 on all weights that the step uses.

    Differs from enas_lm, which leaves the embedding and the first node out in
    its search, and takes fourth powers there.
    """
    factor = tf.constant(2 * self._l2_reg)
    return [
      optimizers.with_l2(gradient, variable, factor)
      for gradient, variable in zip(gradients, self._variables, strict=True)
    ]

  def flush(self) -> None:
    """Does nothing: a step leaves nothing behind."""

  def state(self) -> dict[str, tf.Variable]:
    weights = {f"supernet/{v.path}": v.value for v in self._network.variables}
    return weights | {"carried": self._carried, "num_steps": self._num_steps}


def with_perplexity(metrics: Mapping[str, float]) -> dict[str, float]:
  """Returns the metrics with the perplexity of the mean loss."""
  perplexity = math.exp(min(metrics["child/loss"], 50))
  return {**metrics, "child/perplexity": perplexity}
