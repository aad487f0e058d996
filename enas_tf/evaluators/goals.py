"""What an arc may cost, and rewards that weigh its score against its cost."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from enas_tf import errors, trials
from enas_tf.evaluators import base, expression, wrapper

# Other names of costs, which formulas may use.
ALSO = {"macs": "multiply_adds"}

# From an encoded arc to what it costs, by name.
Costs = Callable[[tuple[int, ...]], Mapping[str, float]]


class Limits:
  """Says whether an arc is within the limits of its costs.

  Args:
    costs: of an arc.
    most: the limits, by the names of the costs; none allows every arc.

  Attributes:
    costs: of an arc.
  """

  def __init__(self, costs: Costs, most: Mapping[str, float]) -> None:
    self.costs, self._most = costs, dict(most)

  def __bool__(self) -> bool:
    """Whether there are any."""
    return bool(self._most)

  def allow(self, arc: Sequence[int] | np.ndarray) -> bool:
    """Returns whether an arc may be trained.

    Args:
      arc: the integers of its decisions.
    """
    return self.excess(arc) is None

  def excess(self, arc: Sequence[int] | np.ndarray) -> str | None:
    """Returns which limit an arc is beyond, in words, or None.

    Args:
      arc: the integers of its decisions.
    """
    if not self._most:
      return None
    costs = self.costs(tuple(map(int, arc)))
    for name, most in self._most.items():
      if costs[name] > most:
        return f"{name}={costs[name]:,} is beyond max_{name}={most:,.10g}"
    return None


class Goals(wrapper.Wrapper):
  """Refuses arcs that cost too much, and makes rewards of scores and costs.

  What is refused is not trained: its trial is "outside". A controller that
  learns from gradients is not told of the costs.

  Args:
    inner: scores arcs.
    limits: of what arcs cost.
    reward: the formula of the reward; None leaves rewards as they are.

  Raises:
    ConfigError: if the formula has names that are neither of a score nor of a
      cost.
  """

  def __init__(
    self,
    inner: base.Evaluator,
    limits: Limits,
    reward: expression.Expression | None = None,
  ) -> None:
    super().__init__(inner)
    self._limits, self._reward = limits, reward

  def evaluate(
    self,
    proposals: Sequence[trials.Proposal],
    stop: Callable[[], bool] = base.never,
  ) -> Iterator[trials.Trial]:
    inside = []
    for each in proposals:
      reason = self._limits.excess(each.arc)
      if reason is None:
        inside.append(each)
      else:
        yield trials.outside(each, reason)
    # Even of none: an update takes a batch, whatever became of its arcs.
    for trial in self.inner.evaluate(inside, stop):
      yield self._weighed(trial)

  def _weighed(self, trial: trials.Trial) -> trials.Trial:
    """Returns a trial with what its arc costs, and the reward of both."""
    if not trial.is_done:
      return trial
    costs = dict(self._limits.costs(trial.arc))
    if self._reward is None:
      return dataclasses.replace(trial, scores=trial.scores | costs)
    known = trial.scores | costs
    known |= {short: known[name] for short, name in ALSO.items()}
    missing = sorted(self._reward.names - known.keys())
    if missing:
      raise errors.ConfigError(
        f"There is no {missing[0]} in `reward`: it is a formula of "
        f"{', '.join(known)}. Received: reward={self._reward.text}"
      )
    proposal = trials.Proposal(trial.number, trial.arc)
    scores = trial.scores | costs | {trials.REWARD: self._reward(known)}
    weighed = trials.answer(proposal, scores, trial.seconds, trial.gradients)
    if not weighed.is_done:
      return weighed
    return dataclasses.replace(weighed, curve=trial.curve)

  def skip(self, known: Sequence[trials.Trial]) -> None:
    self.inner.skip(self._trained(known))

  def remember(self, known: Sequence[trials.Trial]) -> None:
    self.inner.remember(self._trained(known))

  def _trained(self, known: Sequence[trials.Trial]) -> list[trials.Trial]:
    return [each for each in known if each.status != trials.OUTSIDE]


class GoalsOnBatches(Goals, base.OnBatches):
  """The same around what can rank many arcs on the same batches."""

  inner: base.OnBatches

  def score_on(self, arcs: np.ndarray, batches: Iterable) -> list[float]:
    """Returns the task's metric of each arc on the same batches.

    Args:
      arcs: int32 [n, num_decisions].
      batches: of the task; they are gone through once.
    """
    return self.inner.score_on(arcs, batches)
