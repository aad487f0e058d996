"""Scores arcs by an evaluator of one's own, which trains no network.

python examples/own_evaluator.py [EPOCHS]

Cells of pools alone have no weights. What such cells make of the digits is
worth as much as the nearest mean of a class can tell from it.
"""

import sys
import time

import numpy as np
from scipy import ndimage
from sklearn import datasets

import enas_tf
from enas_tf import trials
from enas_tf.evaluators import base

OPS = {
  "identity": lambda x: x,
  "avg_pool_3x3": lambda x: ndimage.uniform_filter(x, (1, 3, 3)),
  "max_pool_3x3": lambda x: ndimage.maximum_filter(x, (1, 3, 3)),
}


class Probe(base.Evaluator):
  """The accuracy of a simple classifier behind the two cells of an arc."""

  def __init__(self, space):
    self.space = space
    digits = datasets.load_digits()
    self.images, self.labels = digits.images / 16, digits.target

  @classmethod
  def from_settings(cls, settings, space):
    """Returns the evaluator of a run; settings are all, by their names."""
    return cls(space)

  def evaluate(self, proposals, stop=base.never):
    """Yields a trial for each proposal; which goes wrong has failed."""
    for proposal in proposals:
      if stop():
        return  # The others will be asked for again.
      started = time.monotonic()
      try:
        scores = {"reward": self.accuracy(self.space.decode(proposal.arc))}
      except ValueError as error:
        seconds = time.monotonic() - started
        yield trials.failure(proposal, str(error), seconds)
      else:
        seconds = time.monotonic() - started
        yield trials.answer(proposal, scores, seconds)

  def accuracy(self, arc):
    """Returns it on the second half of the images."""
    older = x = self.images
    for nodes in (arc.normal, arc.reduction):
      values = [older, x]
      for node in nodes:
        first = OPS[node.op_1](values[node.index_1])
        values.append(first + OPS[node.op_2](values[node.index_2]))
      older, x = x, np.mean(values[2:], axis=0)
    known, new = np.split(x[:1796].reshape(1796, -1), 2)
    labels, truth = np.split(self.labels[:1796], 2)
    means = np.array([known[labels == i].mean(axis=0) for i in range(10)])
    distances = np.square(new[:, None] - means).sum(axis=2)
    return np.mean(distances.argmin(axis=1) == truth)


def main(epochs=10):
  enas_tf.register_evaluator("probe", Probe)
  search = enas_tf.Search(
    data="digits",
    output_dir="outputs/examples/own_evaluator",
    controller="evolution",
    evaluator="probe",
    evaluator_surrogate="ridge",  # Most arcs are predicted, the best measured.
    num_epochs=int(epochs),
    child_ops=list(OPS),
    child_num_cells=3,
    controller_train_steps=10,
  )
  search.run()
  search.results_summary(3)


if __name__ == "__main__":
  main(*sys.argv[1:])
