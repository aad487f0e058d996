"""An evaluator that answers as a test says, and tells what it was asked."""

from enas_tf import trials
from enas_tf.evaluators import base


class Scripted(base.Evaluator):
  """Asks a function of proposals; what it returns is scores or a reason.

  A trial that is not done is returned as it is. The last proposal is answered
  first.
  """

  def __init__(self, function):
    self.function = function
    self.asked, self.skipped, self.remembered = [], [], []
    self.closed = False

  def evaluate(self, proposals, stop=base.never):
    for proposal in reversed(proposals):
      if stop():
        return
      self.asked.append(proposal)
      value = self.function(proposal)
      if isinstance(value, trials.Trial):
        yield value
      elif isinstance(value, str):
        yield trials.failure(proposal, value, 1.0)
      elif isinstance(value, dict):
        yield trials.answer(proposal, value, 2.0)
      else:
        yield trials.answer(proposal, {trials.REWARD: value}, 2.0)

  def skip(self, known):
    self.skipped += known

  def remember(self, known):
    self.remembered += known

  def metrics(self):
    return {"scripted/asked": float(len(self.asked))}

  def close(self):
    self.closed = True


def by_number(evaluator, proposals, **kwargs):
  """Returns the trials of proposals, by number."""
  found = list(evaluator.evaluate(proposals, **kwargs))
  return sorted(found, key=lambda trial: trial.number)
