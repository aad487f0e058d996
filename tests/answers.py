"""Proposals and trials of arcs, for the tests of those who exchange them."""

import numpy as np

from enas_tf import trials


def proposals(arcs, first=0):
  """Returns proposals of arcs [n, num_decisions], numbered from `first`."""
  return [
    trials.Proposal(number, tuple(row))
    for number, row in enumerate(np.asarray(arcs).tolist(), start=first)
  ]


def told(arcs, rewards):
  """Returns trials of arcs [n, num_decisions] that are done."""
  return [
    trials.Trial(*proposal[:2], scores={"reward": float(reward)})
    for proposal, reward in zip(proposals(arcs), rewards, strict=True)
  ]


def rewards(evaluator, arcs):
  """Returns what an evaluator rewards arcs [n, num_decisions] with, [n]."""
  found = list(evaluator.evaluate(proposals(arcs)))
  assert [each.number for each in found] == list(range(len(arcs)))
  return np.array([each.reward for each in found])
