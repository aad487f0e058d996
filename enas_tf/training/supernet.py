"""Child steps on the shared weights: every step trains one sampled arc."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import tensorflow as tf

from enas_tf import errors
from enas_tf.layers import heads
from enas_tf.training import graphs, optimizers


class SupernetTrainer:
  """Trains the shared weights, one arc and one batch a step.

  Args:
    supernet: answers {"logits", ["aux_logits"]} to {"images", "arc"}, and has
      `banks` and `chosen(arc)`.
    batches: a function from a step to the endless batches (images [batch,
      height, width, channels], labels [batch]) that begin there.
    schedule: learning rate as a function of the step.
    l2_reg, clip_mode, grad_bound: see `optimizers.SupernetMomentum`.
  """

  def __init__(
    self,
    supernet,
    batches: Callable[[int], Iterable],
    schedule,
    *,
    l2_reg: float,
    clip_mode: str,
    grad_bound: float,
  ):
    self._supernet = supernet
    self._make_batches = batches
    self._batches = None
    bank_paths = {bank.rows.path for bank in supernet.banks}
    self._optimizer = optimizers.SupernetMomentum(
      [
        v.value
        for v in supernet.trainable_variables
        if v.path not in bank_paths
      ],
      supernet.banks,
      schedule,
      l2_reg=l2_reg,
      clip_mode=clip_mode,
      grad_bound=grad_bound,
    )
    self._step = tf.function(self.step, autograph=False)
    self._flush = tf.function(self._optimizer.flush, autograph=False)

  @property
  def num_traces(self) -> int:
    return self._step.experimental_get_tracing_count()

  def run(
    self, arcs: tf.Tensor, stop: Callable[[], bool] = lambda: False
  ) -> dict[str, float]:
    """Trains arcs, a step each.

    Args:
      arcs: int32 [n, num_decisions].
      stop: is asked after each step whether the others are left out.

    Returns:
      The mean of each metric over the steps that were taken, by path.

    Raises:
      DivergenceError: if a loss or a gradient is not finite.
    """
    if self._batches is None:  # Not before a checkpoint was restored.
      self._batches = iter(self._make_batches(self.num_steps))
    means = Means()
    for arc in tf.unstack(arcs):
      batch = next(self._batches)
      with graphs.as_traced():
        metrics = self._step(*batch, arc)
      means.add(metrics)
      # Infinite gradients spoil the weights one step before the loss shows it.
      check_finite(metrics, self.num_steps)
      if stop():
        break
    return means.result()

  def step(self, images, labels, arc) -> dict[str, tf.Tensor]:
    """One gradient step (ENAS, section 2.2, with M = 1)."""
    chosen = self._supernet.chosen(arc)
    self._optimizer.refresh(chosen)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(self._optimizer.variables)
      outputs = self._supernet({"images": images, "arc": arc}, training=True)
      loss = cross_entropy(labels, outputs["logits"])
      total = loss
      if "aux_logits" in outputs:
        aux_loss = cross_entropy(labels, outputs["aux_logits"])
        total += heads.AUX_WEIGHT * aux_loss
    gradients = tape.gradient(total, self._optimizer.variables)
    rate = self._optimizer.learning_rate
    norm = self._optimizer.apply(gradients, chosen)
    return {
      "child/loss": loss,
      "child/accuracy": accuracy(labels, outputs["logits"]),
      "child/grad_norm": norm,
      "child/learning_rate": rate,
    }

  def flush(self) -> None:
    """Makes the shared weights what a dense update would have made them."""
    self._flush()

  @property
  def num_steps(self) -> int:
    """How many steps were taken."""
    return int(self._optimizer.step)

  def state(self) -> dict[str, tf.Variable]:
    variables = self._supernet.variables
    weights = {f"supernet/{v.path}": v.value for v in variables}
    assert len(weights) == len(variables), "Two variables have one path."
    optimizer = self._optimizer.state()
    return weights | {f"momentum/{k}": v for k, v in optimizer.items()}


class Means:
  """Means of metrics, step by step.

  Args:
    totals: sums to go on from, by name.
    count: over how many steps these are.
  """

  def __init__(self, totals: Mapping[str, float] | None = None, count: int = 0):
    self.totals = dict(totals or {})
    self.count = count

  def add(self, metrics: Mapping[str, Any]) -> None:
    """Takes the metrics of one step in."""
    self.count += 1
    for name, value in metrics.items():
      self.totals[name] = self.totals.get(name, 0.0) + float(value)

  def result(self) -> dict[str, float]:
    """Returns the means, by name."""
    return {name: total / self.count for name, total in self.totals.items()}


def check_finite(metrics: Mapping[str, Any], step: int) -> None:
  """Raises DivergenceError if the loss or the gradient is not finite."""
  loss, norm = (float(metrics[f"child/{x}"]) for x in ("loss", "grad_norm"))
  if not math.isfinite(loss + norm):
    what = "gradient" if math.isfinite(loss) else "loss"
    raise errors.DivergenceError(
      f"The child's {what} is not finite at step {step}",
      f"loss={loss}, grad_norm={norm}, "
      f"learning_rate={float(metrics['child/learning_rate'])}",
    )


def cross_entropy(labels, logits):
  """Returns the mean cross-entropy, in nats, a scalar."""
  return tf.reduce_mean(
    tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
  )


def accuracy(labels, logits):
  """Returns the share of the labels that the logits hit, a scalar."""
  hits = tf.argmax(logits, 1, labels.dtype) == labels
  return tf.reduce_mean(tf.cast(hits, tf.float32))
