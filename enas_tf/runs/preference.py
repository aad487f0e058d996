"""Whether a controller prefers arcs for a reason.

A policy is rewarded by the very weights that its arcs train, so that a rising
reward proves nothing: a preference by chance becomes true in them. What it
prefers must also be better in weights that were trained on all arcs evenly.
"""

import numpy as np

from enas_tf import seeds, statistics
from enas_tf.controllers import random_search
from enas_tf.evaluators import base as evaluators
from enas_tf.runs import assembly
from enas_tf.runs import run as runs

NUM_ARCS = 24  # Of each kind.


def uniform_arcs(built: assembly.Assembly, n: int) -> np.ndarray:
  """Returns random arcs of the space, int32 [n, num_decisions].

  Args:
    built: the parts of a run.
    n: how many.
  """
  seed = seeds.derive(built.experiment.run.seed, "uniform arcs")
  return random_search.RandomSearch(built.space, seed=seed).sample(n)


def own_arcs(built: assembly.Assembly, n: int) -> np.ndarray:
  """Returns arcs as the controller would train weights on them next.

  Args:
    built: the parts of a run, its search restored; it will give the same arcs
      again.
    n: how many.

  Returns:
    int32 [n, num_decisions]; some may be equal.
  """
  controller = built.search.controller
  arcs = controller.sample(n)
  controller.take_back(n)
  return arcs


def say(built: assembly.Assembly, run: runs.Run) -> None:
  """Says how arcs of the controller fare in its own weights, if it is cheap.

  Args:
    built: the parts of the run, its search restored, its weights whole.
    run: the command.
  """
  evaluator = built.search.evaluator
  is_random = isinstance(built.search.controller, random_search.RandomSearch)
  if is_random or not isinstance(evaluator, evaluators.OnBatches):
    return
  own, uniform = own_arcs(built, NUM_ARCS), uniform_arcs(built, NUM_ARCS)
  task = built.task
  batches = task.ranking_batches(
    built.reward_settings, built.seed("reward batches")
  )
  scores = np.array(
    evaluator.score_on(np.concatenate([own, uniform]), list(batches))
  )
  sign = 1 if task.metric.is_higher_better else -1
  ours, theirs = np.split(scores, 2)
  p = statistics.permutation([sign * ours], [sign * theirs])
  form = task.metric.format
  run.terminal.say(
    f"In these weights, {NUM_ARCS} arcs of the controller have a mean "
    f"{task.metric.name} of {ours.mean():{form}} on one {task.part}, "
    f"{NUM_ARCS} uniform ones {theirs.mean():{form}} (p = {p:.2g}). They were "
    "trained on what it likes, so that this may fulfil itself: python -m "
    "enas_tf.benchmarks.self_fulfilment tells."
  )
