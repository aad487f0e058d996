import collections
import contextlib
import csv
import dataclasses
import io
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf import checkpoints, config, errors
from enas_tf.controllers import random_search, reinforce
from enas_tf.data import text_windows
from enas_tf.networks import counts, rnn_child
from enas_tf.report import terminal as terminals
from enas_tf.runs import families, fit, rnn, rnn_training
from enas_tf.spaces import rnn as spaces
from enas_tf.training import measuring
from tests import answers
from tests.runs import context

VOCAB = 60
CHILD = dict(
  num_nodes=2,
  hidden_size=8,
  batch_size=200,
  bptt_steps=16,
  drop_x=0.2,
  drop_o=0.2,
)
SPACE = spaces.RnnSpace(2)
ARC = SPACE.parse("0 2 1 1")
NUM_EPOCHS = 3


def experiment(controller=None, fixed_arc=None, search=None, final=None):
  return config.ExperimentConfig(
    run=config.RunConfig(
      search_for="rnn",
      derive_samples=4,
      derive_top=2,
      save_minutes=0.0,
      max_checkpoints_to_keep=10_000,
    ),
    data=config.DataConfig(data="pydoc", vocab_size=VOCAB),
    search=config.RnnSearchConfig(**CHILD | (search or {})),
    final=config.RnnFinalConfig(
      **CHILD | dict(num_epochs=NUM_EPOCHS) | (final or {})
    ),
    controller=config.RnnControllerConfig(**controller or {}),
    fixed_arc=fixed_arc,
  )


@pytest.fixture(scope="module")
def family():
  found = families.get(experiment())
  assert isinstance(found, rnn.RnnFamily)
  return found


@pytest.fixture(scope="module")
def parts(family):
  return family.search_parts()


def random_arcs(num):
  rng = np.random.default_rng(0)
  return np.array([SPACE.encode(SPACE.random(rng)) for _ in range(num)])


def test_found_arcs_have_the_nodes_of_the_search():
  final = dict(num_nodes=5)
  found = families.get(experiment(final=final))
  assert found.final_space == found.space == SPACE
  given = families.get(experiment(fixed_arc="0 1 1 1", final=final))
  assert given.space == SPACE
  assert given.final_space == spaces.RnnSpace(5)


def test_search_parts_fit_together(family):
  parts = family.search_parts()
  words = len(family._text.train) // CHILD["batch_size"]
  assert parts.child_steps == (words - 1) // CHILD["bptt_steps"] > 10
  arcs = parts.controller.propose(3)
  SPACE.check(arcs[0])
  metrics = parts.child.run(arcs)
  # The weights are small: it guesses among all words.
  assert metrics["child/perplexity"] == pytest.approx(VOCAB, rel=0.2)
  told = list(parts.evaluator.evaluate(answers.proposals(arcs)))
  metrics = parts.controller.update(told)
  assert all(math.isfinite(value) for value in metrics.values())


@pytest.mark.parametrize(
  ("kind", "expected"),
  [("reinforce", reinforce.Reinforce), ("random", random_search.RandomSearch)],
)
def test_controllers(kind, expected):
  controller = families.get(experiment(dict(kind=kind))).search_parts()[0]
  assert type(controller) is expected
  assert controller.space == SPACE


@pytest.mark.parametrize(("reward", "power"), [("ppl", 1), ("ppl_squared", 2)])
def test_rewards(reward, power):
  settings = dict(reward=reward, reward_constant=7.0, kind="random")
  parts = families.get(experiment(settings)).search_parts()
  (found,) = answers.rewards(parts.evaluator, random_arcs(1))
  assert found == pytest.approx(7.0 / VOCAB**power, rel=0.05)


def test_fingerprint_is_of_all_but_the_length(parts):
  changed = dict(num_epochs=7), dict(drop_e=0.5)
  longer, other = (
    families.get(experiment(search=each)).fingerprint() for each in changed
  )
  assert parts.fingerprint | longer == parts.fingerprint
  assert parts.fingerprint | other != parts.fingerprint
  for name in (
    "seed",
    "data",
    "vocab_size",
    "child_hidden_size",
    "controller_lstm_size",
  ):
    assert name in parts.fingerprint
  for name in ("child_lr", "child_grad_bound", "controller_lr"):
    assert name not in parts.fingerprint  # These may change.


def test_text_that_is_too_short_is_refused_at_once():
  settings = dict(batch_size=5000)
  with pytest.raises(errors.DataError, match="`batch_size`"):
    families.get(experiment(search=settings)).search_parts()


def test_rank(family, parts):
  """The best on a window are ranked on the whole validation part."""
  parts.child.run(random_arcs(20))  # So that arcs differ.
  arcs = random_arcs(6)
  valid = text_windows.batched(family._text.valid, CHILD["batch_size"])
  windows = list(text_windows.eval_windows(valid, CHILD["bptt_steps"]))
  on_one = parts.evaluator.score_on(arcs, windows[:1])
  on_all = parts.evaluator.score_on(arcs, windows)
  chosen = np.argsort(on_one)[:2]
  best = sorted(chosen, key=lambda i: on_all[i])
  rows = family.rank(parts, arcs)
  assert [row["arc"] for row in rows] == [SPACE.decode(arcs[i]) for i in best]
  for row, i in zip(rows, best, strict=True):
    assert row["valid_perplexity"] == pytest.approx(on_all[i])
    assert row["window_perplexity"] == pytest.approx(on_one[i])


@pytest.mark.parametrize("arc", ["0 2", "0 1 1 0 2 3"])
def test_child_size_is_that_of_the_child(family, arc):
  arc = spaces.RnnSpace(len(arc.split()) // 2).parse(arc)
  size = family.child_size(arc)
  child = rnn_child.build(arc, vocab_size=VOCAB, hidden_size=8)
  assert size.parameters == counts.parameters(child)
  # A word is multiplied by every weight of the cell and of the softmax.
  kernels = [v for v in child.trainable_variables if len(v.shape) == 2]
  assert size.multiply_adds == sum(math.prod(v.shape) for v in kernels)


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


def train(family, folder, last_words=None):
  """Trains a child; returns what was said."""
  terminal = Terminal(last_words)
  family.train(ARC, context.make(folder, family.experiment, terminal)[0])
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
def trained(family, tmp_path_factory):
  """The folder of a training that nothing interrupted."""
  folder = tmp_path_factory.mktemp("trained")
  train(family, folder)
  return folder


def test_trains_all_epochs(family, trained):
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
  words = len(family._text.train) // CHILD["batch_size"]
  steps = (words - 1) // CHILD["bptt_steps"]
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


def test_child_is_better_than_a_guess(family, trained):
  model, description = fit.load(place(trained), str(ARC))
  results = family.evaluate(model, description)
  assert results["test_perplexity"] < 0.7 * VOCAB
  assert results["test_words"] == len(family._text.test)
  best = min(float(row["valid_perplexity"]) for row in rows(trained))
  assert results["valid_perplexity"] == pytest.approx(best, rel=1e-6)
  said = family.summary(results)
  assert f"{results['test_perplexity']:.2f}" in said


def test_description_tells_how_to_read(family, trained):
  _, description = fit.load(place(trained), str(ARC))
  assert description["arc_string"] == str(ARC)
  assert SPACE.from_json(description["arc"]) == ARC
  assert tuple(description["vocabulary"]) == family._text.vocabulary
  assert len(description["vocabulary"]) == VOCAB


def test_other_texts_are_refused(family, trained):
  model, description = fit.load(place(trained), str(ARC))
  words = ["other", *description["vocabulary"][1:]]
  with pytest.raises(errors.DataError, match="of other words"):
    family.evaluate(model, description | {"vocabulary": words})


@pytest.mark.parametrize("epoch", [1, 2])
def test_killed_training_goes_on(family, trained, tmp_path, epoch):
  """Killed between the row of an epoch and its checkpoint."""
  with pytest.raises(PowerCut):
    train(family, tmp_path, f"Epoch {epoch}/")
  assert len(rows(tmp_path)) == epoch
  said = train(family, tmp_path)
  # Every step is saved, but for the last of an epoch.
  assert f"Resuming the training at epoch {epoch}, step " in said
  assert rows(tmp_path) == rows(trained)
  (_, found), (_, expected) = saved(tmp_path), saved(trained)
  assert found.keys() == expected.keys()
  for name, value in expected.items():
    np.testing.assert_array_equal(found[name], value, name)


def test_training_that_is_done_changes_nothing(family, trained):
  before = rows(trained), saved(trained)[0]
  said = train(family, trained)
  assert "Epoch" not in said
  assert (rows(trained), saved(trained)[0]) == before


def test_the_best_epoch_is_kept(family, tmp_path, monkeypatch):
  """Also when the training is killed and goes on behind it."""
  scores = iter([50.0, 30.0, 40.0])
  monkeypatch.setattr(
    measuring.Measurement, "score", lambda self, windows: next(scores)
  )
  with pytest.raises(PowerCut):
    train(family, tmp_path, "Epoch 3/")
  assert saved(tmp_path)[1]["best"] == 30.0
  # The second epoch is the best.
  words = len(family._text.train) // CHILD["batch_size"]
  end = 2 * ((words - 1) // CHILD["bptt_steps"])
  arrays = checkpoints.load(place(tmp_path) / "checkpoints", end).arrays
  scores = iter([40.0])
  train(family, tmp_path)
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
  final = dict(average_after=1, num_epochs=4)
  with contextlib.suppress(PowerCut):
    train(families.get(experiment(final=final)), folder, last_words)


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


def test_windows_have_random_lengths(family):
  text = text_windows.batched(family._text.train, CHILD["batch_size"])
  for random in (True, False):
    child = config.RnnSearchConfig(**CHILD, random_bptt=random)
    windows = family._windows(text, child, "any")(0)
    lengths = {next(windows).inputs.shape[1] for _ in range(9)}
    assert (len(lengths) > 1) == random


def test_other_settings_are_refused(trained):
  other = families.get(experiment(final=dict(drop_e=0.5)))
  before = rows(trained)
  with pytest.raises(errors.CheckpointError, match="child_drop_e"):
    train(other, trained)
  assert rows(trained) == before


def test_diverged_training_saves_nothing(tmp_path):
  asked = experiment(final=dict(lr=1e30, grad_bound=1e30))
  seldom = dataclasses.replace(asked.run, save_minutes=60.0)
  asked = dataclasses.replace(asked, run=seldom)
  with pytest.raises(errors.DivergenceError, match="`child_lr`"):
    train(families.get(asked), tmp_path)
  with pytest.raises(errors.CheckpointError):
    saved(tmp_path)
  with pytest.raises(errors.CheckpointError, match="0 of 3 epochs"):
    fit.load(place(tmp_path), str(ARC))


def test_export(family, trained, tmp_path):
  model, description = fit.load(place(trained), str(ARC))
  family.export(model, description, tmp_path)
  exported = tf.saved_model.load(str(tmp_path / "export" / "saved_model"))
  answer = exported.score(tf.constant(["the default value"]))
  assert answer["words"].numpy() == [4]
  assert 1 < answer["perplexity"].numpy()[0] < 10 * VOCAB
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


def test_settings_of_the_experiment_are_left_alone():
  given = experiment(final=dict(num_nodes=5))
  before = dataclasses.asdict(given)
  families.get(given)
  assert dataclasses.asdict(given) == before


def test_a_table_that_cannot_be_written_is_an_error_of_the_user(tmp_path):
  (tmp_path / "metrics.csv").mkdir()
  terminal = terminals.Terminal(io.StringIO())
  report = rnn_training._Report(tmp_path, terminal, num_epochs=1)
  scores = {"child/perplexity": 2.0, "valid_perplexity": 2.0}
  with pytest.raises(errors.OutputDirError, match="Received: path=.*metrics"):
    report.on_epoch(1, scores)


def test_a_child_of_another_size_is_measured(family):
  """As an import may have brought it."""
  sizes = dict(vocab_size=VOCAB, hidden_size=4, output="all", seed=0)
  model = rnn_child.build(ARC, **sizes)
  assert 4 != family.experiment.final.hidden_size
  windows = family._eval_windows(family._text.valid)
  assert family.measurement(model).score(windows) == pytest.approx(
    VOCAB, rel=0.2
  )
