"""What every evaluator must do."""

import functools
import itertools
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from enas_tf import states
from enas_tf.data import text_windows
from enas_tf.evaluators import (
  averaged,
  base,
  cached,
  from_scratch,
  function,
  pruning,
  shared_weights,
  surrogate,
  table,
)
from enas_tf.networks import micro_supernet, rnn_supernet
from enas_tf.spaces import base as spaces
from enas_tf.spaces import micro, rnn
from enas_tf.spaces import table as table_space
from enas_tf.tasks import image_steps, language_steps
from tests import answers, engines

IMAGE_SHAPE = (8, 8, 3)
TEXT = np.random.default_rng(0).integers(9, size=(4, 20), dtype=np.int32)


class Case(NamedTuple):
  """A function that returns a new evaluator, and the space of its arcs."""

  make: functools.partial
  space: spaces.Space


def batches(start):
  """A stream of batches that is a function of the step."""
  for step in itertools.count(start):
    rng = np.random.default_rng(step)
    yield (
      tf.constant(rng.normal(size=(16, *IMAGE_SHAPE)), tf.float32),
      tf.constant(rng.integers(3, size=16), tf.int32),
    )


def of_images():
  space = micro.MicroSpace(1, ("sep_conv_3x3", "identity", "avg_pool_3x3"))
  supernet = micro_supernet.MicroSupernet(
    space,
    num_layers=1,
    out_filters=2,
    image_shape=IMAGE_SHAPE,
    num_classes=3,
    use_aux_heads=False,
    keep_prob=0.5,
    seed=0,
  )
  make = functools.partial(
    shared_weights.SharedWeights, supernet, image_steps.ImageSteps(), batches
  )
  return Case(make, space)


def of_text():
  space = rnn.RnnSpace(2)
  supernet = rnn_supernet.RnnSupernet(
    space, vocab_size=9, hidden_size=8, drop_x=0.5, seed=0
  )
  windows = functools.partial(text_windows.windows, TEXT, 5)
  steps = language_steps.LanguageSteps(8, bptt_steps=5)
  make = functools.partial(
    shared_weights.SharedWeights, supernet, steps, windows
  )
  return Case(make, space)


def of_a_function():
  space = rnn.RnnSpace(2)

  def value(arc):
    return {"reward": float(np.sum(space.encode(arc)) ** 0.5), "loss": 2.0}

  return Case(
    functools.partial(function.FunctionEvaluator, space, value), space
  )


def of_trainings():
  space = rnn.RnnSpace(2)

  def train(arc, report):
    accuracy = float(np.sum(arc) ** 0.5)
    for epoch in (1, 2):
      report((epoch, accuracy / 2 * epoch))
    return {"accuracy": accuracy}

  def make():
    return from_scratch.FromScratch(
      engines.Engine(train, is_reversed=True),
      lambda proposal: proposal.arc,
      "accuracy",
      pruner=pruning.Pruner("median", epochs=2),
    )

  return Case(functools.partial(make), space)


def of_a_table():
  decision = spaces.Decision("a", (0, 1, 2, 3))
  space = table_space.TableSpace((decision, decision._replace(name="b")))
  scores = {
    (a, b): {"reward": a * b + a / 2}
    for a, b in itertools.product(range(4), repeat=2)
  }
  found = table.Table(space, "acc", scores, len(scores))
  return Case(functools.partial(table.TableEvaluator, found), space)


def of_wrappers():
  space = rnn.RnnSpace(4)

  def make():
    inner = function.FunctionEvaluator(
      space, lambda arc: float(np.sum(space.encode(arc)) ** 0.5)
    )
    inner = cached.Cached(averaged.Averaged(inner, 2), space)
    return surrogate.Surrogate(inner, space, "ridge")

  return Case(functools.partial(make), space)


CASES = {
  "shared_weights of images": of_images,
  "shared_weights of text": of_text,
  "function": of_a_function,
  "from_scratch": of_trainings,
  "table": of_a_table,
  "averaged, cached, surrogate": of_wrappers,
}


@pytest.fixture(scope="module", params=CASES)
def case(request):
  return CASES[request.param]()


def random_arcs(case, num, seed=0):
  rng = np.random.default_rng(seed)
  space = case.space
  return np.array([space.encode(space.random(rng)) for _ in range(num)])


def test_is_an_evaluator(case):
  assert isinstance(case.make(), base.Evaluator)


def evaluate(evaluator, arcs, first=0):
  return list(evaluator.evaluate(answers.proposals(arcs, first)))


def test_answers_for_every_arc(case):
  evaluator = case.make()
  for n in (1, 5):
    arcs = random_arcs(case, n)
    found = {each.number: each for each in evaluate(evaluator, arcs, 3)}
    assert sorted(found) == list(range(3, 3 + n))
    for number, arc in enumerate(arcs.tolist(), start=3):
      assert found[number].arc == tuple(arc)
      assert found[number].is_done
      assert np.isfinite(found[number].reward)
      assert found[number].seconds >= 0


def test_nothing_asked_nothing_answered(case):
  assert evaluate(case.make(), random_arcs(case, 0)) == []


def test_rewards_differ(case):
  rewards = answers.rewards(case.make(), random_arcs(case, 8))
  assert len(set(rewards)) > 1


def test_repeats(case):
  arcs = random_arcs(case, 4)
  np.testing.assert_array_equal(
    answers.rewards(case.make(), arcs), answers.rewards(case.make(), arcs)
  )


def test_state_is_made_of_arrays(case):
  state = case.make().state()
  assert all(isinstance(each, np.ndarray) for each in state.values())


def test_recovers(case):
  """The rewards after a restart are those without one."""
  first, second = case.make(), case.make()
  answers.rewards(first, random_arcs(case, 3))
  state = first.state()
  assert list(second.state()) == list(state)
  second.restore(state)
  arcs = random_arcs(case, 6, seed=1)
  rewards = answers.rewards(first, arcs)
  np.testing.assert_array_equal(answers.rewards(second, arcs), rewards)
  assert second.state() == first.state()


def test_goes_on_behind_what_the_log_answered(case):
  """Also when it has begun before."""
  first, second = case.make(), case.make()
  arcs = random_arcs(case, 7)
  for evaluator in (first, second):
    answers.rewards(evaluator, arcs[:1])
  second.skip(list(first.evaluate(answers.proposals(arcs[1:4]))))
  second.skip([])
  np.testing.assert_array_equal(
    answers.rewards(second, arcs[4:]), answers.rewards(first, arcs[4:])
  )
  assert second.state() == first.state()


def test_arrays_of_another_evaluator_are_refused(case):
  evaluator = case.make()
  with pytest.raises(states.Mismatch, match="no_such_array"):
    evaluator.restore({**evaluator.state(), "no_such_array": np.zeros(3)})
