"""Scores no arc twice."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence

from enas_tf import trials
from enas_tf.evaluators import base, wrapper
from enas_tf.spaces import base as spaces


class Cached(wrapper.Wrapper):
  """An arc has the score of an earlier one that computes the same.

  What was given up is given up again. What failed is tried again: that may have
  been the machine's fault.

  Args:
    inner: scores what is new.
    space: of the arcs; it says which compute the same.
  """

  def __init__(self, inner: base.Evaluator, space: spaces.Space) -> None:
    super().__init__(inner)
    self._key = functools.cache(space.canonical)
    self._known: dict[tuple[int, ...], trials.Trial] = {}

  def evaluate(
    self,
    proposals: Sequence[trials.Proposal],
    stop: Callable[[], bool] = base.never,
  ) -> Iterator[trials.Trial]:
    # A cache within an average would give all seeds the same score.
    assert not any(each.repeat for each in proposals)
    waiting = list(proposals)
    while waiting:
      asked: dict[tuple[int, ...], trials.Proposal] = {}
      later = []
      for proposal in waiting:
        key = self._key(proposal.arc)
        if key in self._known:
          yield again(self._known[key], proposal)
        elif asked.setdefault(key, proposal) is not proposal:
          later.append(proposal)
      for trial in self.inner.evaluate(list(asked.values()), stop):
        self._take([trial])
        yield trial
      if stop():
        return
      waiting = later

  def skip(self, known: Sequence[trials.Trial]) -> None:
    self.inner.skip(self._take(known))

  def remember(self, known: Sequence[trials.Trial]) -> None:
    self.inner.remember(self._take(known))

  def _take(self, known: Sequence[trials.Trial]) -> list[trials.Trial]:
    """Remembers trials, and returns those that had no earlier one's score."""
    own = []
    for trial in sorted(known, key=lambda each: each.number):
      if trial.status != trials.FAILED:
        first = self._known.setdefault(self._key(trial.arc), trial)
        if first.number != trial.number:
          continue
      own.append(trial)
    return own


def again(trial: trials.Trial, proposal: trials.Proposal) -> trials.Trial:
  """Returns the trial of an arc that has the scores of another one.

  Args:
    trial: of the other.
    proposal: the arc; it computes the same.
  """
  return dataclasses.replace(
    trial,
    number=proposal.number,
    arc=proposal.arc,
    seconds=0.0,
    # They belong to decisions, which another arc makes in another order.
    gradients=trial.gradients if trial.arc == proposal.arc else None,
  )
