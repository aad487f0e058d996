"""What the arcs of a run cost, and what the user allows."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from enas_tf import errors, trials
from enas_tf.evaluators import base as evaluators
from enas_tf.evaluators import expression, goals
from enas_tf.recipes import base
from enas_tf.report import tradeoff
from enas_tf.runs import of_arc
from enas_tf.spaces import base as spaces

if TYPE_CHECKING:
  from enas_tf.runs import assembly

_LIMIT = "max_"  # The settings that are limits begin so.
_NAMES = base.Size._fields
_TRIES = 200  # Arcs of which one is to be within the limits.


def limits(parts: assembly.Assembly) -> goals.Limits:
  """Returns the limits of a run's arcs.

  Args:
    parts: of the run.
  """
  settings = parts.experiment.evaluation
  most = {name: getattr(settings, _LIMIT + name) for name in _NAMES}
  return goals.Limits(
    _costs(parts), {name: x for name, x in most.items() if x is not None}
  )


def around(
  parts: assembly.Assembly, evaluator: evaluators.Evaluator
) -> evaluators.Evaluator:
  """Returns an evaluator within the limits and the reward of a run.

  Args:
    parts: of the run.
    evaluator: scores arcs.

  Raises:
    ConfigError: if the reward is a formula of what nobody knows, or of costs
      that the controller would not see.
  """
  if not _has_goals(parts):
    return evaluator
  text = parts.experiment.evaluation.reward
  is_pareto = parts.experiment.controller.selection == "pareto"
  if is_pareto and not _has_networks(parts):
    raise errors.ConfigError(
      "The arcs of this space have no networks, and so no costs: take "
      "`controller_selection` away. Received: controller_selection=pareto, "
      f"search_for={parts.experiment.run.search_for}"
    )
  _check_possible(parts)
  reward = None if text is None else expression.Expression(text)
  if reward is not None:
    _check(parts, reward)
  on_batches = isinstance(evaluator, evaluators.OnBatches)
  make = goals.GoalsOnBatches if on_batches else goals.Goals
  return make(evaluator, parts.limits, reward)


def marked(
  parts: assembly.Assembly, rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
  """Returns rows of a leaderboard with their costs and the Pareto front.

  On the front is what no other row beats in its score and all costs. A space
  without networks has no costs.

  Args:
    parts: of the run.
    rows: each with "arc" and scores.
  """
  # A function may score arcs where there are no data, which sizes depend on.
  is_function = parts.experiment.evaluation.kind == "function"
  is_unsized = is_function and not _has_goals(parts)
  if is_unsized or not _has_networks(parts):
    return [dict(row) for row in rows]
  sized = [{**row, **_size(parts, row["arc"])} for row in rows]
  metric = parts.task.metric
  score = comparable(sized, metric.name)
  if score is None:
    return sized
  is_cost = score.endswith(metric.name) and not metric.is_higher_better
  scores = np.array([row[score] for row in sized], float)
  on_front = tradeoff.front(
    -scores if is_cost else scores,
    np.array([[row[name] for name in _NAMES] for row in sized], float),
  )
  return [
    {**row, "on_front": bool(mark)}
    for row, mark in zip(sized, on_front, strict=True)
  ]


def comparable(rows: Sequence[Mapping[str, Any]], metric: str) -> str | None:
  """Returns the score that rows of a leaderboard can be compared by.

  Args:
    rows: with costs, or there is none.
    metric: the name of the task's metric.

  Returns:
    The first of these that all rows have: that of the validation split, the
    metric, the reward; None if there is none.
  """
  shared = set.intersection(*map(set, rows)) if rows else set()
  if not shared.issuperset(_NAMES):
    return None
  scores = (f"valid_{metric}", metric, trials.REWARD)
  return next((name for name in scores if name in shared), None)


def _has_goals(parts: assembly.Assembly) -> bool:
  """Returns whether a search minds what its arcs cost."""
  is_pareto = parts.experiment.controller.selection == "pareto"
  has_formula = parts.experiment.evaluation.reward is not None
  return bool(parts.limits) or has_formula or is_pareto


def _has_networks(parts: assembly.Assembly) -> bool:
  return "train" in base.get(parts.experiment.run.search_for).modes


def _size(parts: assembly.Assembly, arc: spaces.Arc) -> dict[str, int]:
  """Returns the size of a child, by the settings that its arc may have."""
  own = of_arc.parts(parts, arc)
  return own.parts.child_size(of_arc.structure(arc))._asdict()


def _costs(parts: assembly.Assembly) -> goals.Costs:
  @functools.cache
  def costs(arc: tuple[int, ...]) -> Mapping[str, float]:
    return _size(parts, parts.final_space.decode(arc))

  return costs


def _check_possible(parts: assembly.Assembly) -> None:
  """Refuses limits that random arcs are all beyond, before the search."""
  rng, found = np.random.default_rng(0), []
  for _ in range(_TRIES):
    row = parts.final_space.encode(parts.final_space.random(rng))
    if parts.limits.allow(row):
      return
    found.append(parts.limits.costs(tuple(row.tolist())))
  least = {name: min(each[name] for each in found) for name in _NAMES}
  raise errors.ConfigError(
    f"All of {_TRIES} random arcs are beyond a limit: raise it, or make the "
    f"final child smaller. Received: {parts.limits.excess(row)}; the least of "
    "all are " + ", ".join(f"{name}={x:,}" for name, x in least.items())
  )


def _check(parts: assembly.Assembly, reward: expression.Expression) -> None:
  """Refuses a formula before the search."""
  if parts.experiment.controller.kind == "gradient":
    raise errors.ConfigError(
      "`controller=gradient` learns from the loss, whatever the reward is: "
      "take `reward` away, or set another `controller`. Received: "
      f"reward={reward.text}"
    )
  if parts.experiment.evaluation.kind == "function":
    return  # Which may return any scores.
  known = (trials.REWARD, parts.task.metric.name, *_NAMES, *goals.ALSO)
  missing = sorted(reward.names.difference(known))
  if missing:
    raise errors.ConfigError(
      f"There is no {missing[0]} here: `reward` is a formula of "
      f"{', '.join(known)}. Received: reward={reward.text}"
    )
