"""Proposals and trials of arcs, for the tests of those who exchange them."""

import numpy as np

from enas_tf import trials


def proposals(arcs, first=0):
  """Returns proposals of arcs [n, num_decisions], numbered from `first`."""
  return [
    trials.Proposal(number, tuple(row))
    for number, row in enumerate(np.asarray(arcs).tolist(), start=first)
  ]


def told(arcs, rewards, gradients=None, first=0):
  """Returns trials of arcs [n, num_decisions] that are done.

  Their gradients are by default those of a reward that is the arc's mean.
  """
  arcs = np.asarray(arcs)
  gradients = arcs / arcs.shape[1] if gradients is None else gradients
  return [
    trials.Trial(
      *proposal[:2],
      scores={"reward": float(reward)},
      gradients=tuple(map(float, gradient)),
    )
    for proposal, reward, gradient in zip(
      proposals(arcs, first), rewards, gradients, strict=True
    )
  ]


def rewards(evaluator, arcs):
  """Returns what an evaluator rewards arcs [n, num_decisions] with, [n]."""
  found = sorted(
    evaluator.evaluate(proposals(arcs)), key=lambda trial: trial.number
  )
  assert [each.number for each in found] == list(range(len(arcs)))
  return np.array([each.reward for each in found])
