import itertools
import types

import numpy as np
import pytest
import tensorflow as tf

from enas_tf import errors
from enas_tf.data import text, text_source
from enas_tf.networks import rnn_child
from enas_tf.spaces import rnn
from enas_tf.tasks import language

ARC = rnn.RnnSpace(2).parse("0 2 1 1")
UNITS = 4


def training(**changed):
  return types.SimpleNamespace(
    **dict(
      batch_size=2,
      bptt_steps=5,
      random_bptt=False,
      hidden_size=UNITS,
      alpha=0.0,
      beta=0.0,
    )
    | changed
  )


def make(tmp_path, vocab_size=20, seed=0):
  words = np.random.default_rng(seed).integers(0, 15, 2000)
  lines = [" ".join(f"w{w}" for w in row) for row in words.reshape(200, 10)]
  path = tmp_path / "text.txt"
  path.write_text("\n".join(lines))
  return language.LanguageModelling(
    types.SimpleNamespace(
      data="text", data_path=str(path), vocab_size=vocab_size
    )
  )


def make_model(task):
  return rnn_child.build(ARC, hidden_size=UNITS, seed=0, **task.sizes)


def test_direction_and_reward(tmp_path):
  task = make(tmp_path)
  assert task.metric.name == "perplexity" and not task.metric.is_higher_better
  settings = types.SimpleNamespace(reward="ppl", reward_constant=80.0)
  assert task.reward(settings)(4.0) == 20.0
  settings.reward = "ppl_squared"
  assert task.reward(settings)(4.0) == 5.0


def test_fingerprint(tmp_path):
  # 160 lines of ten words and <eos>; fifteen words, <unk> and <eos>.
  assert make(tmp_path).fingerprint() == {
    "data": "text",
    "num_words": 1760,
    "vocab_size": 17,
  }


@pytest.mark.parametrize("is_random", [False, True])
def test_streams_begin_at_any_step(tmp_path, is_random):
  task = make(tmp_path)
  stream = task.train_stream(training(random_bptt=is_random), 5)
  whole = list(itertools.islice(stream(0), 9))[4:]
  for one, other in zip(whole, stream(4), strict=False):
    np.testing.assert_array_equal(one.inputs, other.inputs)
  rows = task.text.train.reshape(2, -1)
  first = next(iter(stream(0)))
  length = first.inputs.shape[1]
  np.testing.assert_array_equal(first.inputs, rows[:, :length])
  np.testing.assert_array_equal(first.targets, rows[:, 1 : length + 1])
  assert length == 5 or is_random
  assert task.steps_per_epoch(training()) == 879 // 5


@pytest.mark.parametrize("is_random", [False, True])
def test_windows_have_random_lengths(tmp_path, is_random):
  stream = make(tmp_path).train_stream(training(random_bptt=is_random), 5)
  windows = itertools.islice(stream(0), 9)
  lengths = {window.inputs.shape[1] for window in windows}
  assert (len(lengths) > 1) == is_random


def test_rewards_and_rankings_see_the_validation_text(tmp_path):
  task = make(tmp_path)
  rows = task.text.valid.reshape(2, -1)
  [window] = task.ranking_batches(training(), 0)
  np.testing.assert_array_equal(window.inputs, rows[:, :5])
  first = next(iter(task.reward_stream(training(), 0)(0)))
  np.testing.assert_array_equal(first.inputs, window.inputs)
  whole = np.concatenate([w.inputs for w in task.valid_batches(training())], 1)
  np.testing.assert_array_equal(whole, rows[:, :-1])
  whole = task.valid_batches(training(), final=True)
  assert whole[0].inputs.shape == (10, 5)


def test_the_test_text_is_whole(tmp_path):
  task = make(tmp_path)
  rows = task.text.test.reshape(2, -1)
  whole = np.concatenate([w.inputs for w in task.test_batches(training())], 1)
  np.testing.assert_array_equal(whole, rows[:, :-1])


def test_a_text_that_is_too_short_is_refused_at_once(tmp_path):
  task = make(tmp_path)
  with pytest.raises(errors.DataError, match="lower `batch_size`"):
    task.train_stream(training(batch_size=1500), 0)
  with pytest.raises(errors.DataError, match="too short for one window"):
    task.reward_stream(training(bptt_steps=500), 0)


def perplexity(model, ids):
  """The whole text at once, in NumPy; rows as in an evaluation."""
  rows = ids[: len(ids) // 10 * 10].reshape(10, -1)
  given = {"tokens": tf.constant(rows[:, :-1]), "state": tf.zeros([10, UNITS])}
  logits = model(given)["logits"].numpy().astype(np.float64)
  log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
  found = np.take_along_axis(log_probs, rows[:, 1:, None], -1)
  return np.exp(-found.mean())


def test_evaluation_in_numpy(tmp_path):
  task = make(tmp_path)
  model = make_model(task)
  for variable in model.trainable_variables:
    variable.assign(20 * variable)
  results = task.evaluate(model, task.description(ARC), training(bptt_steps=7))
  for part in ("valid", "test"):
    expected = perplexity(model, getattr(task.text, part))
    assert results[f"{part}_perplexity"] == pytest.approx(expected, rel=1e-4)
  assert results["test_words"] == 220
  assert task.summary(results).endswith("on 220 words.")


def test_description_of_a_child(tmp_path):
  task = make(tmp_path)
  model, description = make_model(task), task.description(ARC)
  assert description["space"] == "rnn" and description["arc_string"] == str(ARC)
  assert task.describes(model, description)
  words = description["vocabulary"]
  for changed in (
    {"vocabulary": words[1:]},
    {"vocabulary": [*words[:-1], words[0]]},
    {"vocabulary": ["x" if word == text.EOS else word for word in words]},
    {"data": 3},
  ):
    assert not task.describes(model, description | changed)


def test_another_text_than_that_of_the_training(tmp_path):
  task = make(tmp_path)
  description = task.description(ARC)
  other = make(tmp_path, vocab_size=12)
  with pytest.raises(errors.DataError, match="a text of other words"):
    other.evaluate(make_model(other), description, training())


def test_a_text_of_the_program():
  words = [f"w{i * i % 11}" for i in range(2000)]
  settings = types.SimpleNamespace(data="ptb", data_path=None, vocab_size=9)
  task = language.LanguageModelling(settings, text_source.TextSource(words))
  assert task.fingerprint() == {
    "data": "text",
    "num_words": 1600,
    "vocab_size": 8,  # Six squares, <unk> and <eos>.
    "digest": task.text.digest,
  }
  model, description = make_model(task), task.description(ARC)
  assert task.describes(model, description)
  assert task.evaluate(model, description, training())["test_words"] == 200
  source = text_source.TextSource(words, words[:500])
  other = language.LanguageModelling(settings, source)
  assert other.fingerprint()["digest"] != task.text.digest
  with pytest.raises(errors.DataError, match="no text for the test"):
    other.evaluate(make_model(other), other.description(ARC), training())


def test_a_child_of_another_size_is_measured(tmp_path):
  """As an import may have brought it."""
  task = make(tmp_path)
  model = rnn_child.build(ARC, hidden_size=UNITS + 1, seed=0, **task.sizes)
  found = task.evaluate(model, task.description(ARC), training())
  # The weights are small: it guesses among all words.
  assert found["test_perplexity"] == pytest.approx(task.vocab_size, rel=0.2)
