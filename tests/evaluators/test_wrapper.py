import numpy as np

from enas_tf.evaluators import averaged, cached, surrogate, wrapper
from enas_tf.spaces import rnn
from tests import answers
from tests.evaluators import scripted

SPACE = rnn.RnnSpace(4)


class Counting(scripted.Scripted):
  def state(self):
    return {"num_asked": np.array(len(self.asked))}

  def restore(self, arrays):
    self.asked = [None] * int(arrays["num_asked"])


def wrapped(inner):
  """All that come with the library, in their order."""
  inner = averaged.Averaged(inner, 2)
  inner = cached.Cached(inner, SPACE)
  return surrogate.Surrogate(inner, SPACE, "ridge", start=6, every=3)


def test_leaves_the_rest_to_the_inner_one():
  inner = Counting(lambda proposal: 0.5)
  evaluator = wrapped(inner)
  assert isinstance(evaluator, wrapper.Wrapper)
  arcs = [SPACE.encode(SPACE.parse("0 1 0 2 1 0 2 3"))]
  scripted.by_number(evaluator, answers.proposals(arcs))
  assert evaluator.state() == {"num_asked": 2}
  evaluator.restore({"num_asked": np.array(5)})
  assert evaluator.metrics() == {"scripted/asked": 5.0}
  evaluator.close()
  assert inner.closed


def test_they_compose():
  """Twelve arcs, two of them twice: six and two are measured, by 2 seeds."""
  rng = np.random.default_rng(0)
  arcs = [SPACE.encode(SPACE.random(rng)) for _ in range(12)]
  arcs += arcs[:2]
  inner = Counting(lambda proposal: sum(proposal.arc) + proposal.repeat)
  evaluator = wrapped(inner)
  found = []
  for first in range(0, 14, 2):
    batch = answers.proposals(arcs[first : first + 2], first)
    found += scripted.by_number(evaluator, batch)
  assert len(inner.asked) == 2 * (6 + 2)
  assert [trial.is_predicted for trial in found].count(True) == 4
  for trial in found:
    if not trial.is_predicted:
      assert trial.reward == sum(trial.arc) + 0.5
      assert trial.scores["reward_std"] == 0.5**0.5
  assert [t.scores for t in found[:2]] == [t.scores for t in found[12:]]
  assert found[12].seconds == 0 < found[0].seconds
