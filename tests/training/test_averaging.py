import numpy as np
import pytest
import tensorflow as tf

from enas_tf.training import averaging


def build(patience=1):
  weights = [tf.Variable([1.0, 2.0]), tf.Variable(3.0)]
  return weights, averaging.AveragedWeights(weights, patience)


def begin(average):
  for perplexity in (1.0, 2.0, 3.0):
    average.observe(perplexity)
  assert average.count == 1


def move(weights, average):
  for weight in weights:
    weight.assign(2 * weight)
  average.update()


@pytest.mark.parametrize("patience", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_begins_when_the_validation_stalls(patience, seed):
  """Against the rule as algorithm 1 has it, on falling, noisy numbers."""
  rng = np.random.default_rng(seed)
  history = 100 - np.arange(30) + 4 * rng.normal(size=30)
  _, average = build(patience)
  for i, perplexity in enumerate(history):
    average.observe(perplexity)
    past = [
      history[j] > min(history[: j - patience], default=np.inf)
      for j in range(patience, i + 1)
    ]
    assert (average.count == 1) == any(past)


def test_never_begins_without_patience():
  _, average = build(0)
  for perplexity in range(9):
    average.observe(perplexity)
  assert average.count == 0


def test_mean_by_hand():
  weights, average = build()
  move(weights, average)  # Before it begins.
  begin(average)
  move(weights, average)
  move(weights, average)
  assert average.count == 3
  with average.applied():
    np.testing.assert_allclose(weights[0], [14 / 3, 28 / 3])
    np.testing.assert_allclose(weights[1], 14)


def test_weights_come_back():
  weights, average = build()
  with average.applied():  # There is no mean yet.
    assert weights[1].numpy() == 3.0
  begin(average)
  move(weights, average)
  with pytest.raises(KeyboardInterrupt), average.applied():
    assert weights[1].numpy() == 4.5
    raise KeyboardInterrupt
  assert weights[0].numpy().tolist() == [2.0, 4.0]
  assert weights[1].numpy() == 6.0
  move(weights, average)
  with average.applied():
    assert weights[1].numpy() == 7.0


def test_goes_on_from_its_state():
  (weights, average), (others, other) = build(), build()
  average.observe(1.0)
  average.observe(2.0)
  other.restore(average.state())
  for each in average, other:
    each.observe(3.0)
    each.observe(4.0)
  move(weights, average)
  move(others, other)
  assert average.count == other.count == 2
  for name, variable in other.state().items():
    np.testing.assert_array_equal(variable, average.state()[name], name)
