"""What a task asks of one step of a network; the trainer does the rest."""

import abc
from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorflow as tf

Batch = tuple[tf.Tensor, ...]
Carried = tuple[tf.Tensor, ...]


class TrainStep(NamedTuple):
  """What a network makes of a batch.

  Attributes:
    total: what gradients are taken of, a scalar.
    metrics: what to log, scalars by path; "child/loss" is among them.
    carried: what the next step goes on from.
  """

  total: tf.Tensor
  metrics: dict[str, tf.Tensor]
  carried: Carried


class Measured(NamedTuple):
  """What a network makes of a batch that it is only tested on.

  Attributes:
    total: hits or losses, summed, a scalar.
    count: of how many examples or words, a scalar.
    carried: what the next batch goes on from.
    loss: the mean cross-entropy in nats, a scalar, if there are gates to take
      gradients of; else None.
  """

  total: tf.Tensor
  count: tf.Tensor
  carried: Carried
  loss: tf.Tensor | None = None


class Steps(abc.ABC):
  """One step of a task; it is part of a graph.

  Attributes:
    metric: the name of what `score` returns.
    parts: what a stream of the task is cut into, in the plural.
    is_run_as_traced: whether a step starts soonest, and is as fast, without
      TensorFlow's graph optimizers; see `graphs.as_traced`.
  """

  metric: str
  parts: str = "batches"
  is_run_as_traced: bool = False

  def start(self, batch_size: int) -> Carried:
    """Returns what the first step goes on from.

    Args:
      batch_size: examples in a batch.
    """
    del batch_size
    return ()

  def signature(self, network: Any, batch_size: int) -> list[Any] | None:
    """Returns what a step of training takes, if its shapes are to vary.

    Args:
      network: is trained.
      batch_size: examples in a batch.

    Returns:
      The specifications of a batch and, if the network takes one, an arc; or
      None, where batches have one shape.
    """
    del network, batch_size
    return None

  @abc.abstractmethod
  def train(
    self, network: Any, batch: Batch, arc: tf.Tensor | None, carried: Carried
  ) -> TrainStep:
    """Runs a network in training; a tape records it.

    Args:
      network: of the task.
      batch: what the stream yields.
      arc: int32 [num_decisions], or None of a network of one arc.
      carried: by the step before, or from `start`.
    """

  @abc.abstractmethod
  def measure(
    self,
    network: Any,
    batch: Batch,
    arc: tf.Tensor | None,
    carried: Carried,
    gates: tf.Tensor | None = None,
  ) -> Measured:
    """Runs a network as it is; see `train`.

    Args:
      network: see `train`, as for all below.
      batch: of the stream.
      arc: the arc, or None.
      carried: the state behind the batch before.
      gates: of the arc's decisions, float32 [num_decisions], or None.
    """

  @abc.abstractmethod
  def score(self, total: float, count: int) -> float:
    """Returns the task's metric.

    Args:
      total: the sum of what `measure` returned.
      count: the sum of its counts.
    """

  def rate(self, rate: tf.Tensor, batch: Batch) -> tf.Tensor:
    """Returns the learning rate of a step on this batch.

    Args:
      rate: that of the schedule, a scalar.
      batch: of the step.
    """
    del batch
    return rate

  def summary(self, metrics: Mapping[str, float]) -> dict[str, float]:
    """Returns what to log of several steps.

    Args:
      metrics: the mean of each, by path.
    """
    return dict(metrics)


def inputs(**tensors: tf.Tensor | None) -> dict[str, tf.Tensor]:
  """Returns what a network is called with: those that there are.

  Args:
    **tensors: the inputs, by name; "arc" and "gates" may be None.
  """
  return {k: v for k, v in tensors.items() if v is not None}
