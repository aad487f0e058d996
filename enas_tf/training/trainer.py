"""Gradient steps on the weights of a network, of all arcs or of one."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from enas_tf import errors, states
from enas_tf.training import averaging, graphs, steps


class Optimizer(Protocol):
  """What takes the gradient steps of a supernet, or of a child.

  Attributes:
    step: how many steps were taken, an int64 scalar.
  """

  step: tf.Variable

  @property
  def banks(self) -> Sequence[Any]:
    """The shared variables, of whose blocks a step uses some."""

  @property
  def variables(self) -> Sequence[tf.Variable]:
    """What gradients are taken with respect to."""

  @property
  def learning_rate(self) -> tf.Tensor:
    """The rate of the next step, a scalar."""

  def refresh(self, chosen: Sequence[tf.Tensor]) -> None:
    """Brings the blocks up to date that the next step will use.

    Args:
      chosen: the blocks of each bank, int32 [n], all different.
    """

  def flush(self) -> None:
    """Brings all blocks up to date."""

  def apply(
    self,
    gradients: Sequence[Any],
    chosen: Sequence[tf.Tensor],
    rate: tf.Tensor | None = None,
  ) -> tf.Tensor:
    """Takes one step, and returns the norm of all gradients before clipping.

    Args:
      gradients: of `variables`.
      chosen: as `refresh` got it.
      rate: of this step; None is the schedule's.
    """

  def slots(self) -> dict[str, tf.Variable]:
    """Returns everything that a resumed training needs, by name."""


class Trainer:
  """Trains a supernet, one arc and one batch a step; or a child, of one arc.

  Args:
    network: of the task; if the optimizer has banks, a supernet with
      `chosen(arc)`, which says which of their blocks an arc uses.
    steps: what one step of the task is.
    stream: a function from a step to the endless batches that begin there.
    optimizer: takes the steps; see `optimizers`.
    batch_size: examples in a batch.
    average: of the weights, updated after every step; or None.
  """

  def __init__(
    self,
    network: Any,
    steps: steps.Steps,
    stream: Callable[[int], Iterable],
    optimizer: Optimizer,
    *,
    batch_size: int,
    average: averaging.AveragedWeights | None = None,
  ) -> None:
    self._network = network
    self._steps = steps
    self._stream = stream
    self._batches: Iterator | None = None
    self._optimizer = optimizer
    self._average = average
    self._carried = [
      tf.Variable(each, trainable=False) for each in steps.start(batch_size)
    ]
    self._step = tf.function(
      self.step, steps.signature(network, batch_size), autograph=False
    )
    self._flush = tf.function(optimizer.flush, autograph=False)

  @property
  def num_traces(self) -> int:
    """How many graphs were made of a step."""
    return self._step.experimental_get_tracing_count()

  @property
  def num_steps(self) -> int:
    """How many steps were taken."""
    return int(self._optimizer.step)

  def run(
    self, arcs: np.ndarray, stop: Callable[[], bool] = lambda: False
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
    means = Means()
    self.run_steps(tf.unstack(tf.constant(arcs)), means, stop)
    return self.summary(means)

  def run_steps(
    self,
    arcs: Iterable[tf.Tensor | None],
    means: "Means",
    stop: Callable[[], bool] = lambda: False,
  ) -> None:
    """Takes a step for each arc.

    Args:
      arcs: int32 [num_decisions] each; None for a step of the one arc that the
        network has.
      means: takes the metrics of each step in.
      stop: is asked after each step whether the others are left out.

    Raises:
      DivergenceError: if a loss or a gradient is not finite.
    """
    if self._batches is None:  # Not before a checkpoint was restored.
      self._batches = iter(self._stream(self.num_steps))
    for arc in arcs:
      batch = tuple(map(tf.convert_to_tensor, next(self._batches)))
      with graphs.as_traced(self._steps.is_run_as_traced):
        metrics = self._step(batch, *([] if arc is None else [arc]))
      if self._average is not None:
        self._average.update()
      means.add(metrics)
      # Infinite gradients spoil the weights one step before the loss shows it.
      check_finite(metrics, self.num_steps)
      if stop():
        break

  def summary(self, means: "Means") -> dict[str, float]:
    """Returns what to log of several steps, by path.

    Args:
      means: of their metrics.
    """
    return self._steps.summary(means.result())

  def step(
    self, batch: steps.Batch, arc: tf.Tensor | None = None
  ) -> dict[str, tf.Tensor]:
    """One gradient step (ENAS, section 2.2, with M = 1).

    Args:
      batch: what the stream yields.
      arc: int32 [num_decisions], or None of a network of one arc.

    Returns:
      Its metrics, scalars by path.
    """
    optimizer = self._optimizer
    chosen = self._network.chosen(arc) if optimizer.banks else []
    optimizer.refresh(chosen)
    carried = tuple(each.value() for each in self._carried)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(optimizer.variables)
      taken = self._steps.train(self._network, batch, arc, carried)
    gradients = tape.gradient(taken.total, optimizer.variables)
    rate = optimizer.learning_rate
    norm = optimizer.apply(gradients, chosen, self._steps.rate(rate, batch))
    for variable, value in zip(self._carried, taken.carried, strict=True):
      variable.assign(value)
    return taken.metrics | {
      "child/grad_norm": norm,
      "child/learning_rate": rate,
    }

  def flush(self) -> None:
    """Makes the weights what they would be had no move been postponed."""
    if self._optimizer.banks:
      self._flush()

  def _state(self) -> states.Variables:
    variables = self._network.variables
    weights = {f"supernet/{v.path}": v.value for v in variables}
    assert len(weights) == len(variables), "Two variables have one path."
    carried = {
      f"carried_{i}" if i else "carried": each
      for i, each in enumerate(self._carried)
    }
    return states.Variables(weights | carried | self._optimizer.slots())

  def state(self) -> dict[str, np.ndarray]:
    """Returns the weights and all that goes on from step to step, by name."""
    return self._state().state()

  def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    """Takes an earlier state back; the stream goes on from its step.

    Args:
      arrays: what `state` returned.
    """
    self._state().restore(arrays)
    self._batches = None


class Means:
  """Means of metrics, step by step.

  Args:
    totals: sums to go on from, by name.
    count: over how many steps these are.
  """

  def __init__(
    self, totals: Mapping[str, float] | None = None, count: int = 0
  ) -> None:
    self.totals = dict(totals or {})
    self.count = count

  def add(self, metrics: Mapping[str, Any]) -> None:
    """Takes the metrics of one step in.

    Args:
      metrics: scalars, by name.
    """
    self.count += 1
    for name, value in metrics.items():
      self.totals[name] = self.totals.get(name, 0.0) + float(value)

  def result(self) -> dict[str, float]:
    """Returns the means, by name."""
    return {name: total / self.count for name, total in self.totals.items()}


def check_finite(metrics: Mapping[str, Any], step: int) -> None:
  """Raises DivergenceError if the loss or the gradient is not finite.

  Args:
    metrics: of the step, by path.
    step: its number, from 1.
  """
  loss, norm = (float(metrics[f"child/{x}"]) for x in ("loss", "grad_norm"))
  if not math.isfinite(loss + norm):
    what = "gradient" if math.isfinite(loss) else "loss"
    raise errors.DivergenceError(
      f"The child's {what} is not finite at step {step}",
      f"loss={loss}, grad_norm={norm}, "
      f"learning_rate={float(metrics['child/learning_rate'])}",
    )
