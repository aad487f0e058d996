"""Signs that a search does not search, each a number with a bound.

They are looked at after each epoch. A bound is where a user should look, not
where a search has failed: a space whose best arcs have one operation rightly
leads to one.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from enas_tf import trials
from enas_tf.report import tables
from enas_tf.spaces import base

# Beyond these, a number is a warning.
LEAST_ENTROPY = 0.1  # Of the largest entropy.
LEAST_KL_NATS = 0.01  # From where the policy began,
ENOUGH_TRIALS = 250  # after so many trials.
MOST_SATURATED = 0.5  # Of the logits that are at their bound.
SKIP_RATES = (0.05, 0.95)  # Of all possible skips.
MOST_OF_AN_OPERATION = 0.9  # Of all operations.
LEAST_DISTINCT = 0.5  # Of the arcs of an epoch,
ENOUGH_ARCS = 10  # if there are so many.
MOST_FAILED = 0.5  # Of the trials of an epoch.


class Guard(NamedTuple):
  """One number.

  Attributes:
    name: of the metric, without "guards/".
    value: of the metric.
    warning: what is wrong and how to mend it, as sentences, or "".
  """

  name: str
  value: float
  warning: str = ""


def look(
  space: base.Space,
  new: Sequence[trials.Trial],
  num_trials: int,
  diagnostics: Mapping[str, float],
) -> list[Guard]:
  """Returns all that can be said after an epoch.

  Args:
    space: of the arcs.
    new: the trials of the epoch; none if the controller waited.
    num_trials: how many the search has had so far.
    diagnostics: what the controller says of itself, by metric path.
  """
  found = list(_of_policy(diagnostics, num_trials))
  if new:
    # That the arcs of a fixed controller are alike is its purpose.
    if diagnostics.get("controller/possible_arcs") != 1:
      arcs = np.array([each.arc for each in new], np.int32)
      found += [*_of_choices(arcs, space), _distinct(arcs, space)]
    found += _told(new)
  return found


def _of_policy(
  diagnostics: Mapping[str, float], num_trials: int
) -> Iterator[Guard]:
  """Yields what only a controller with a policy can say."""
  entropy = diagnostics.get("controller/entropy_fraction")
  if entropy is not None:
    yield Guard(
      "entropy_fraction",
      entropy,
      f"The policy has collapsed: its entropy is {entropy:.1%} of the largest. "
      "It hardly tries anything new: raise `controller_entropy_weight`, or "
      "lower `controller_lr`."
      if entropy < LEAST_ENTROPY
      else "",
    )
  kl = diagnostics.get("controller/kl_from_start")
  if kl is not None:
    is_still = num_trials >= ENOUGH_TRIALS and kl < LEAST_KL_NATS
    yield Guard(
      "kl_from_start",
      kl,
      f"The policy does not move: after {num_trials:,} trials it is "
      f"{kl:.2g} nats from where it began, and the search is random search: "
      "raise `controller_lr`."
      if is_still
      else "",
    )
  saturated = diagnostics.get("controller/saturated")
  if saturated is not None:
    yield Guard(
      "saturated",
      saturated,
      f"The policy is at its bound: {saturated:.0%} of its logits are, and can "
      "hardly learn any more: lower `controller_lr`."
      if saturated > MOST_SATURATED
      else "",
    )


def _of_choices(arcs: np.ndarray, space: base.Space) -> Iterator[Guard]:
  """Yields how often operations and skips are chosen, where there are any."""
  shares = tables.op_frequencies(arcs, space)
  if shares:
    path, share = max(shares.items(), key=lambda each: each[1])
    operation = path.removeprefix(tables.OP_FREQUENCY)
    yield Guard(
      "top_operation",
      share,
      f"{share:.0%} of the operations of the proposed arcs are {operation}."
      if share > MOST_OF_AN_OPERATION
      else "",
    )
  skips = [decision.kind == "skip" for decision in space.decisions]
  if any(skips):
    rate = float(arcs[:, skips].mean())
    low, high = SKIP_RATES
    yield Guard(
      "skip_rate",
      rate,
      f"The proposed arcs have {rate:.0%} of all possible skips."
      if not low <= rate <= high
      else "",
    )


def _distinct(arcs: np.ndarray, space: base.Space) -> Guard:
  share = tables.distinct_fraction(arcs)
  num_arcs = np.prod([float(each.num_options) for each in space.decisions])
  is_few = ENOUGH_ARCS <= len(arcs) < num_arcs and share < LEAST_DISTINCT
  return Guard(
    "distinct",
    share,
    f"Only {round(share * len(arcs))} of the {len(arcs)} proposed arcs are "
    "different ones."
    if is_few
    else "",
  )


def _told(new: Sequence[trials.Trial]) -> Iterator[Guard]:
  """Yields what came of the arcs of an epoch."""
  rewards = [each.reward for each in new if each.is_done]
  if len(rewards) > 1:
    deviation = float(np.std(rewards)) if len(set(rewards)) > 1 else 0.0
    yield Guard(
      "reward_deviation",
      deviation,
      f"All {len(rewards)} rewards were {rewards[0]:.4g}: nothing can be "
      "learnt from them."
      if deviation == 0
      else "",
    )
  failed = [each for each in new if each.status == trials.FAILED]
  share = len(failed) / len(new)
  yield Guard(
    "failed",
    share,
    f"{len(failed)} of {len(new)} trials failed, the last by: "
    f"{failed[-1].reason}"
    if share > MOST_FAILED
    else "",
  )
