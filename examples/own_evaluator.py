"""Scores arcs by an evaluator of one's own, which trains no network.

python examples/own_evaluator.py [EPOCHS]

Cells of pools alone have no weights. What such a cell makes of the digits is
worth as much as a linear classifier can tell from it.
"""

import sys
import time

import numpy as np
from scipy import ndimage
from sklearn import datasets, linear_model, model_selection

import enas_tf
from enas_tf import trials
from enas_tf.evaluators import base

OPS = {
  "identity": lambda x: x,
  "avg_pool_3x3": lambda x: ndimage.uniform_filter(x, (1, 3, 3)),
  "max_pool_3x3": lambda x: ndimage.maximum_filter(x, (1, 3, 3)),
}


class LinearProbe(base.Evaluator):
  """The accuracy of a linear classifier behind the normal cell of an arc."""

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
    """Returns it on images that the classifier has not seen."""
    values = [self.images, np.swapaxes(self.images, 1, 2)]
    for node in arc.normal:
      first = OPS[node.op_1](values[node.index_1])
      values.append(first + OPS[node.op_2](values[node.index_2]))
    features = np.concatenate(values[2:], axis=2).reshape(len(self.labels), -1)
    classifier = linear_model.RidgeClassifier()
    return model_selection.cross_val_score(
      classifier, features, self.labels, cv=3
    ).mean()


def main(epochs=10):
  enas_tf.register_evaluator("linear_probe", LinearProbe)
  search = enas_tf.Search(
    data="digits",
    output_dir="outputs/examples/own_evaluator",
    controller="evolution",
    evaluator="linear_probe",
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
