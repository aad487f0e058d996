"""Scores an arc by the shared weights that it selects (ENAS, section 2.2)."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from enas_tf import errors, states, trials
from enas_tf.evaluators import base
from enas_tf.training import measuring, steps


class SharedWeights(base.OnBatches):
  """The reward of an arc comes from one validation batch.

  That is the next one for each arc or, with a common batch, for all arcs that
  are evaluated together: these differ by nothing but themselves then. A
  controller that needs them is told the gradients, too: of the negative loss on
  that batch, by gates on what the arc chose (see `gated`).

  Args:
    supernet: of the task.
    steps: what one step of the task is.
    stream: a function from a step to the endless validation batches that begin
      there.
    reward: of the task's metric; a controller maximises it.
    with_gradients: whether trials have gradients.
    has_common_batch: whether arcs that are evaluated together have one batch.

  Raises:
    ConfigError: if the supernet has no gates, and gradients are asked for.
  """

  def __init__(
    self,
    supernet: Any,
    steps: steps.Steps,
    stream: Callable[[int], Iterable],
    reward: Callable[[float], float] = float,
    with_gradients: bool = False,
    has_common_batch: bool = False,
  ) -> None:
    if with_gradients and "gates" not in getattr(supernet, "input", {}):
      raise errors.ConfigError(
        "The controller learns from gradients, and the supernet of this space "
        'has no input "gates" to take them of: give it one (see '
        "enas_tf/networks/gated.py), or set another `controller`. Received: "
        f"supernet={type(supernet).__name__}"
      )
    self._with_gradients = with_gradients
    self._has_common_batch = has_common_batch
    self._metric = steps.metric
    self._count_name = f"num_{steps.parts}"
    self._measurement = measuring.Measurement(supernet, steps)
    self._stream = stream
    self._batches: Iterator | None = None
    self._reward = reward
    self._num_batches = 0

  def evaluate(
    self,
    proposals: Sequence[trials.Proposal],
    stop: Callable[[], bool] = base.never,
  ) -> Iterator[trials.Trial]:
    if self._batches is None:  # Not before a checkpoint was restored.
      self._batches = iter(self._stream(self._num_batches))
    batch: Any = next(self._batches) if self._has_common_batch else None
    for proposal in proposals:
      started = time.monotonic()
      if not self._has_common_batch:
        batch = next(self._batches)
        self._num_batches += 1
      arc = tf.constant(proposal.row)
      gradients = None
      if self._with_gradients:
        metric, found = self._measurement.score_with_gradients(batch, arc)
        gradients = tuple(found.tolist())
      else:
        metric = self._measurement.score([batch], arc)
      scores = {trials.REWARD: self._reward(metric), self._metric: metric}
      seconds = time.monotonic() - started
      yield trials.answer(proposal, scores, seconds, gradients)
    if self._has_common_batch:  # It was used up by all of them together.
      self._num_batches += 1

  def score_on(self, arcs: np.ndarray, batches: Iterable) -> list[float]:
    """Returns the metric of each arc on the same batches.

    Args:
      arcs: int32 [n, num_decisions].
      batches: can be gone through again and again.
    """
    return self._measurement.scores(batches, tf.unstack(tf.constant(arcs)))

  def skip(self, known: Sequence[trials.Trial]) -> None:
    if known and not self._has_common_batch:
      self._num_batches += len(known)
      self._batches = None

  def state(self) -> dict[str, np.ndarray]:
    return {self._count_name: np.array(self._num_batches, np.int64)}

  def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    states.check(self.state(), arrays)
    self._num_batches = int(arrays[self._count_name])
    self._batches = None
