"""Scores an arc several times, and takes the mean."""

import statistics
from collections.abc import Callable, Iterator, Sequence

from enas_tf import trials
from enas_tf.evaluators import base, wrapper

SPREAD = "reward_std"  # The standard deviation of the reward, among the scores.


class Averaged(wrapper.Wrapper):
  """The scores of an arc are means over seeds; their spread is kept.

  A trial is pruned if one of its seeds was: a mean of those that went well
  enough would be too good. Seeds that failed count only if all did.

  Args:
    inner: scores proposals whose `repeat` says which seed it is.
    num_seeds: how often an arc is scored, at least 1.
  """

  def __init__(self, inner: base.Evaluator, num_seeds: int) -> None:
    super().__init__(inner)
    self._num_seeds = num_seeds

  def evaluate(
    self,
    proposals: Sequence[trials.Proposal],
    stop: Callable[[], bool] = base.never,
  ) -> Iterator[trials.Trial]:
    asked = [
      each._replace(repeat=seed)
      for each in proposals
      for seed in range(self._num_seeds)
    ]
    found: dict[int, list[trials.Trial]] = {p.number: [] for p in proposals}
    for trial in self.inner.evaluate(asked, stop):
      seeds = found[trial.number]
      seeds.append(trial)
      if len(seeds) == self._num_seeds:
        yield _mean(seeds)

  def skip(self, known: Sequence[trials.Trial]) -> None:
    self.inner.skip([each for each in known for _ in range(self._num_seeds)])


def _mean(seeds: Sequence[trials.Trial]) -> trials.Trial:
  """Returns one trial of those of an arc."""
  number, arc = seeds[0].number, seeds[0].arc
  seconds = sum(each.seconds for each in seeds)
  scored = [each for each in seeds if each.status != trials.FAILED]
  if not scored:
    reasons = "; ".join(dict.fromkeys(str(each.reason) for each in seeds))
    return trials.failure(trials.Proposal(number, arc), reasons, seconds)
  names = set.intersection(*(set(each.scores) for each in scored))
  # In one order, and exactly rounded, whichever seed was done first.
  scores = {
    name: statistics.fmean(each.scores[name] for each in scored)
    for name in sorted(names)
  }
  is_pruned = any(each.status == trials.PRUNED for each in scored)
  if len(scored) > 1 and not is_pruned:
    scores[SPREAD] = statistics.stdev(each.reward for each in scored)
  gradients = [each.gradients for each in scored if each.gradients is not None]
  return trials.Trial(
    number,
    arc,
    trials.PRUNED if is_pruned else trials.DONE,
    scores,
    seconds,
    gradients=tuple(map(statistics.fmean, zip(*gradients, strict=True)))
    or None,
  )
