"""Scores an arc by a function of the user's."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from enas_tf import errors, trials
from enas_tf.evaluators import base
from enas_tf.spaces import base as spaces


class FunctionEvaluator(base.Evaluator):
  """Asks a function what an arc is worth.

  Args:
    space: of the arcs.
    function: returns a number, the higher the better, or numbers by name, of
      which "reward" is that one. What it raises, and a number that is not
      finite, make a failed trial.
  """

  def __init__(
    self,
    space: spaces.Space,
    function: Callable[[spaces.Arc], float | Mapping[str, float]],
  ) -> None:
    self._space = space
    self._function = function

  def evaluate(
    self,
    proposals: Sequence[trials.Proposal],
    stop: Callable[[], bool] = base.never,
  ) -> Iterator[trials.Trial]:
    for proposal in proposals:
      started = time.monotonic()
      arc = self._space.decode(proposal.arc)
      try:
        scores = _scores(self._function(arc))
      except Exception as error:  # Whatever a function of a user's raises.
        reason = f"{type(error).__name__}: {error}"
        yield trials.failure(proposal, reason, time.monotonic() - started)
      else:
        yield trials.answer(proposal, scores, time.monotonic() - started)


def _scores(value: float | Mapping[str, float]) -> dict[str, float]:
  if not isinstance(value, Mapping):
    return {trials.REWARD: float(value)}
  if trials.REWARD not in value:
    raise errors.ConfigError(
      f'The scores of an arc must have a "{trials.REWARD}", which is '
      f"maximised: add it. Received: scores={dict(value)}"
    )
  return {str(name): float(score) for name, score in value.items()}
