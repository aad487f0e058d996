import collections
import contextlib
import csv
import io

import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf import checkpoints, errors
from enas_tf.networks import counts
from enas_tf.report import terminal as terminals
from enas_tf.runs import assembly, fit, rnn_training
from enas_tf.runs import train as train_verb
from enas_tf.training import measuring
from tests.runs import context, language

ARC = language.SPACE.parse("0 2 1 1")
NUM_EPOCHS = 3


def make(**changed):
  settings = {"num_epochs": NUM_EPOCHS, "mode": "train"} | changed
  return assembly.Assembly(language.experiment(str(ARC), **settings))


@pytest.fixture(scope="module")
def built():
  return make()


class PowerCut(Exception):  # noqa: N818
  """What ends a run that is killed."""


class Terminal(terminals.Terminal):
  """Is cut off when something is said for the first time."""

  def __init__(self, last_words=None):
    self.screen = io.StringIO()
    super().__init__(self.screen)
    self._last_words = last_words

  def say(self, message):
    super().say(message)
    if self._last_words and message.startswith(self._last_words):
      raise PowerCut


def train(built, folder, last_words=None):
  """Trains a child; returns what was said."""
  terminal = Terminal(last_words)
  train_verb.run(built, context.make(folder, built.experiment, terminal)[0])
  return terminal.screen.getvalue()


def place(folder):
  """Returns the folder of the child."""
  (found,) = (folder / "final").iterdir()
  return found


def rows(folder):
  with open(place(folder) / "metrics.csv", newline="") as file:
    return list(csv.DictReader(file))


def saved(folder):
  """Returns (step, arrays) of the newest checkpoint."""
  found = checkpoints.load(place(folder) / "checkpoints")
  return found.step, found.arrays


@pytest.fixture(scope="module")
def trained(built, tmp_path_factory):
  """The folder of a training that nothing interrupted."""
  folder = tmp_path_factory.mktemp("trained")
  train(built, folder)
  return folder


def test_trains_all_epochs(built, trained):
  table = rows(trained)
  assert [row["epoch"] for row in table] == ["1", "2", "3"]
  assert list(table[0]) == [
    "epoch",
    "valid_perplexity",
    "averaged_steps",
    "child/loss",
    "child/grad_norm",
    "child/learning_rate",
    "child/perplexity",
  ]
  step, arrays = saved(trained)
  steps = language.steps_per_epoch(built.task.text)
  assert step == arrays["num_steps"] == NUM_EPOCHS * steps


def test_tensorboard_shows_what_the_table_has(trained):
  found = collections.defaultdict(dict)
  for path in (place(trained) / "tensorboard").glob("events*"):
    for event in tf.compat.v1.train.summary_iterator(str(path)):
      for value in event.summary.value:
        found[event.step][value.tag] = float(tf.make_ndarray(value.tensor))
  assert list(found) == [1, 2, 3]
  for row in rows(trained):
    expected = {k: float(v) for k, v in row.items() if k != "epoch"}
    assert found[int(row["epoch"])] == pytest.approx(expected)


def evaluate(built, model, description):
  return built.task.evaluate(model, description, built.experiment.final)


def test_child_is_better_than_a_guess(built, trained):
  model, description = fit.load(place(trained), str(ARC))
  results = evaluate(built, model, description)
  assert results["test_perplexity"] < 0.7 * language.VOCAB
  assert results["test_words"] == len(built.task.text.test)
  best = min(float(row["valid_perplexity"]) for row in rows(trained))
  assert results["valid_perplexity"] == pytest.approx(best, rel=1e-6)
  said = built.task.summary(results)
  assert f"{results['test_perplexity']:.2f}" in said


def test_description_tells_how_to_read(built, trained):
  _, description = fit.load(place(trained), str(ARC))
  assert description["arc_string"] == str(ARC)
  assert language.SPACE.from_json(description["arc"]) == ARC
  assert tuple(description["vocabulary"]) == built.task.text.vocabulary
  assert len(description["vocabulary"]) == language.VOCAB


def test_other_texts_are_refused(built, trained):
  model, description = fit.load(place(trained), str(ARC))
  words = ["other", *description["vocabulary"][1:]]
  with pytest.raises(errors.DataError, match="of other words"):
    evaluate(built, model, description | {"vocabulary": words})


@pytest.mark.parametrize("epoch", [1, 2])
def test_killed_training_goes_on(built, trained, tmp_path, epoch):
  """Killed between the row of an epoch and its checkpoint."""
  with pytest.raises(PowerCut):
    train(built, tmp_path, f"Epoch {epoch}/")
  assert len(rows(tmp_path)) == epoch
  said = train(built, tmp_path)
  # Every step is saved, but for the last of an epoch.
  assert f"Resuming the training at epoch {epoch}, step " in said
  assert rows(tmp_path) == rows(trained)
  (_, found), (_, expected) = saved(tmp_path), saved(trained)
  assert found.keys() == expected.keys()
  for name, value in expected.items():
    np.testing.assert_array_equal(found[name], value, name)


def test_training_that_is_done_changes_nothing(built, trained):
  before = rows(trained), saved(trained)[0]
  said = train(built, trained)
  assert "Epoch" not in said
  assert (rows(trained), saved(trained)[0]) == before


def test_the_best_epoch_is_kept(built, tmp_path, monkeypatch):
  """Also when the training is killed and goes on behind it."""
  scores = iter([50.0, 30.0, 40.0])
  monkeypatch.setattr(
    measuring.Measurement, "score", lambda self, windows: next(scores)
  )
  with pytest.raises(PowerCut):
    train(built, tmp_path, "Epoch 3/")
  assert saved(tmp_path)[1]["best"] == 30.0
  # The second epoch is the best.
  end = 2 * language.steps_per_epoch(built.task.text)
  arrays = checkpoints.load(place(tmp_path) / "checkpoints", end).arrays
  scores = iter([40.0])
  train(built, tmp_path)
  _, last = saved(tmp_path)
  assert last["best"] == 30.0
  model, _ = fit.load(place(tmp_path), str(ARC))
  for variable in model.trainable_variables:
    name = f"supernet/{variable.path}"
    np.testing.assert_array_equal(variable, arrays[name], name)
    assert np.any(variable.numpy() != last[name])
  found = [float(row["valid_perplexity"]) for row in rows(tmp_path)]
  assert found == [50.0, 30.0, 40.0]


def train_to_scores(monkeypatch, folder, scores, last_words=None):
  """Trains with averaging; the validation says what is given."""
  scores = iter(scores)
  monkeypatch.setattr(
    measuring.Measurement, "score", lambda self, windows: next(scores)
  )
  built = make(final_average_after=1, num_epochs=4)
  with contextlib.suppress(PowerCut):
    train(built, folder, last_words)


def test_averaged_weights_are_kept(tmp_path, monkeypatch):
  """The third epoch, worse than one long ago, begins; here, it is killed."""
  whole, killed = tmp_path / "whole", tmp_path / "killed"
  scores = [50.0, 60.0, 55.0, 40.0]
  train_to_scores(monkeypatch, whole, scores)
  train_to_scores(monkeypatch, killed, scores, "Epoch 4/")
  train_to_scores(monkeypatch, killed, scores[3:])
  _, arrays = saved(whole)
  for name, value in saved(killed)[1].items():
    np.testing.assert_array_equal(value, arrays[name], name)
  assert rows(killed) == rows(whole)
  counts = [int(row["averaged_steps"]) for row in rows(whole)]
  assert counts == [0, 0, 0, 1 + arrays["num_steps"] // 4]
  for folder in (whole, killed):
    model, _ = fit.load(place(folder), str(ARC))
    for i, variable in enumerate(model.trainable_variables):
      np.testing.assert_array_equal(variable, arrays[f"average/mean/{i}"])
      assert np.any(variable.numpy() != arrays[f"supernet/{variable.path}"])


def test_other_settings_are_refused(trained):
  other = make(child_drop_e=0.5)
  before = rows(trained)
  with pytest.raises(errors.CheckpointError, match="child_drop_e"):
    train(other, trained)
  assert rows(trained) == before


def test_diverged_training_saves_nothing(tmp_path):
  asked = make(child_lr=1e30, child_grad_bound=1e30, save_minutes=60.0)
  with pytest.raises(errors.DivergenceError, match="`child_lr`"):
    train(asked, tmp_path)
  with pytest.raises(errors.CheckpointError):
    saved(tmp_path)
  with pytest.raises(errors.CheckpointError, match="0 of 3 epochs"):
    fit.load(place(tmp_path), str(ARC))


def test_export(built, trained, tmp_path):
  model, description = fit.load(place(trained), str(ARC))
  built.task.export(model, description, tmp_path)
  exported = tf.saved_model.load(str(tmp_path / "export" / "saved_model"))
  answer = exported.score(tf.constant(["the default value"]))
  assert answer["words"].numpy() == [4]
  assert 1 < answer["perplexity"].numpy()[0] < 10 * language.VOCAB
  loaded = keras.saving.load_model(
    tmp_path / "export" / "child.keras", compile=False
  )
  assert counts.parameters(loaded) == counts.parameters(model)


def test_rows_are_replaced_whole(tmp_path):
  """Readers, and a run that is killed, never see half a table."""
  path = tmp_path / "metrics.csv"
  for epoch in (1, 2, 3, 2):
    rnn_training._append(path, {"epoch": epoch, "value": 10 * epoch})
  with open(path, newline="") as file:
    found = [(row["epoch"], row["value"]) for row in csv.DictReader(file)]
  assert found == [("1", "10"), ("2", "20")]
  assert [each.name for each in tmp_path.iterdir()] == ["metrics.csv"]


def test_a_table_that_cannot_be_written_is_an_error_of_the_user(tmp_path):
  (tmp_path / "metrics.csv").mkdir()
  terminal = terminals.Terminal(io.StringIO())
  report = rnn_training._Report(tmp_path, terminal, num_epochs=1)
  scores = {"child/perplexity": 2.0, "valid_perplexity": 2.0}
  with pytest.raises(errors.OutputDirError, match="Received: path=.*metrics"):
    report.on_epoch(1, scores)
