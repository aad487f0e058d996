"""The door for programs, as a user comes through it."""

import doctest
import io
import signal
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

import enas_tf
from enas_tf import api, errors, trials
from enas_tf.evaluators import base as evaluators
from enas_tf.evaluators import registry
from enas_tf.runs import children
from tests import engines

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (64, 8, 8, 3), np.uint8)
LABELS = np.arange(64) % 2
SMALL = dict(
  verbose=False,
  num_epochs=1,
  batch_size=16,
  child_num_layers=1,
  child_num_cells=1,
  child_out_filters=2,
  child_use_aux_heads=False,
  controller_train_steps=1,
  controller_num_aggregate=2,
  derive_samples=3,
  derive_top=2,
  final_num_epochs=1,
)


@pytest.fixture(scope="module")
def search(tmp_path_factory):
  """A search that is done, and whose best child is trained."""
  folder = tmp_path_factory.mktemp("api") / "run"
  search = enas_tf.Search(data=(PIXELS, LABELS), output_dir=folder, **SMALL)
  search.run()
  search.train()
  search.export()
  return search


@pytest.fixture(autouse=True)
def without_processes(monkeypatch):
  """Workers, and what they train, are tested elsewhere."""
  monkeypatch.setattr(
    children,
    "make_engine",
    lambda parts: engines.Engine(lambda job, report: {"accuracy": 0.5}),
  )


@pytest.mark.parametrize("name", enas_tf.__all__)
def test_every_public_name_is_explained_by_an_example_that_runs(
  name, search, tmp_path
):
  thing = getattr(enas_tf, name)
  given = {
    "search": search,
    "folder": tmp_path / "other",
    "pixels": PIXELS,
    "labels": LABELS,
    "enas_tf": enas_tf,
    **{each: getattr(enas_tf, each) for each in enas_tf.__all__},
  }
  tests = doctest.DocTestFinder(recurse=True).find(thing, name, globs=given)
  tests = [test for test in tests if test.examples]
  assert tests, f"{name} has no example"
  for test in tests:
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    said = io.StringIO()
    runner.run(test, out=said.write)
    assert runner.failures == 0, said.getvalue()


@pytest.mark.parametrize(
  "name", [n for n, x in vars(api.Search).items() if not n.startswith("_")]
)
def test_every_method_has_an_example(name):
  thing = vars(api.Search)[name]
  text = (thing.fget if isinstance(thing, property) else thing).__doc__
  assert ">>>" in text


def test_what_a_run_leaves_is_gone_on_with(search):
  again = enas_tf.Search(output_dir=search.folder, verbose=False)
  assert repr(again) == "Search(space='micro', epochs=1 of 1)"
  assert again.best_arc == search.best_arc
  assert again.settings["child_out_filters"] == 2
  assert [t.number for t in again.trials] == [t.number for t in search.trials]


def test_the_command_line_goes_on_with_it_or_says_why_not(search, capsys):
  from enas_tf import run_folder

  recorded = run_folder.recorded_config(search.folder)
  assert recorded.data.data == "arrays"
  again = enas_tf.Search(output_dir=search.folder, verbose=False, num_epochs=2)
  with pytest.raises(errors.DataError, match="arrays"):
    again.run()


def test_other_arrays_are_refused(search):
  other = enas_tf.Search(
    data=(255 - PIXELS, LABELS),
    output_dir=search.folder,
    verbose=False,
    num_epochs=2,
  )
  with pytest.raises(errors.CheckpointError, match="other settings"):
    other.run()


def test_a_child_is_a_keras_model(search):
  model = search.build()
  assert isinstance(model, keras.Model)
  history = model.fit(PIXELS, LABELS, batch_size=16, epochs=1, verbose=0)
  assert np.isfinite(history.history["loss"][0])
  assert 0 <= history.history["accuracy"][0] <= 1
  for arc in ("0 0 1 1 0 0 1 1", search.trials[0].arc):
    assert search.build(arc).name == model.name


def test_what_is_loaded_is_what_was_trained(search, tmp_path):
  trained = search.train()  # It is done: nothing is trained.
  expected = trained.predict(PIXELS[:4], verbose=0)
  np.testing.assert_allclose(expected.sum(1), 1, rtol=1e-5)
  folder = search.export(tmp_path / "saved")
  for path in (search.folder, folder, folder / "child.keras"):
    found = enas_tf.load_model(path).predict(PIXELS[:4], verbose=0)
    np.testing.assert_array_equal(found, expected)
  served = tf.saved_model.load(folder)(PIXELS[:4])
  np.testing.assert_allclose(served["probabilities"], expected, atol=1e-6)


def test_foreign_files_are_left_alone(search, tmp_path):
  (tmp_path / "thesis.txt").write_text("all of it")
  with pytest.raises(errors.OutputDirError, match="left alone"):
    search.export(tmp_path)
  assert [each.name for each in tmp_path.iterdir()] == ["thesis.txt"]


def test_tests_on_what_is_given(search):
  hits = search.train().predict(PIXELS, verbose=0).argmax(1) == LABELS
  found = search.evaluate(test=(PIXELS, LABELS))
  assert found["test_accuracy"] == pytest.approx(hits.mean())
  with pytest.raises(errors.DataError, match="no images for the test"):
    search.evaluate()
  with pytest.raises(errors.DataError, match="size"):
    search.evaluate(test=(PIXELS[:, :4, :4], LABELS))


def test_results_are_a_table(search, capsys):
  search = enas_tf.Search(output_dir=search.folder, verbose=False)
  search.results_summary(1)
  said = capsys.readouterr().out.splitlines()
  assert said[0].startswith("rank  validation accuracy")
  assert said[2].endswith(str(search.best_arc))
  assert len(said) == 3


def test_nothing_to_show_yet(tmp_path, capsys):
  new = enas_tf.Search(output_dir=tmp_path / "run", data="digits")
  new.results_summary()
  assert "call run()" in capsys.readouterr().out
  with pytest.raises(errors.ConfigError, match="search first"):
    new.best_arc  # noqa: B018
  with pytest.raises(errors.CheckpointError, match="no trained child"):
    enas_tf.load_model(tmp_path)


@pytest.mark.parametrize(
  ("given", "words"),
  [
    (dict(num_epoch=3), "Did you mean `num_epochs`"),
    (dict(num_epochs=0), "`num_epochs` must be at least 1"),
    (dict(num_epochs="3"), "whole number"),
    (dict(space="nano"), "one of|called 'nano'"),
    (dict(space="rnn", data="digits"), "rnn, data=digits"),
    (dict(child_num_nodes=3), "no use in this search space"),
    (dict(data="/no/such/folder"), "name of a data set, or a path"),
    (dict(test_data=(PIXELS, LABELS)), "give data, too"),
    (dict(data="digits", class_names=["a"]), "class_names comes with arrays"),
    (dict(data=""), "give one"),
    (dict(space="rnn", data="a text of one line " * 99), "list of words"),
    (dict(space=(PIXELS, LABELS)), "data=..."),
    (dict(evaluator=3), "evaluator is a function"),
    (dict(evaluator="mine"), "`evaluator` is one of"),
    (dict(mode="train"), "mode is of the command line"),
    (dict(callbacks=enas_tf.Callback()), "callbacks is a list"),
    (dict(callbacks=[print]), "derived from"),
  ],
)
def test_what_is_wrong_is_said_at_once(tmp_path, given, words):
  with pytest.raises(errors.UserError, match=words):
    enas_tf.Search(output_dir=tmp_path / "run", **given)
  assert not list(tmp_path.iterdir())


def test_a_foreign_folder_is_refused(tmp_path):
  (tmp_path / "thesis.txt").write_text("all of it")
  search = enas_tf.Search(data="digits", output_dir=tmp_path, verbose=False)
  with pytest.raises(errors.OutputDirError, match="left alone"):
    search.run()


class Listener(enas_tf.Callback):
  """Remembers what it was told."""

  def __init__(self):
    self.said = []

  def on_step(self, step, metrics):
    self.said.append(("step", step, set(metrics)))

  def on_trial(self, trial):
    self.said.append(("trial", trial.number, trial.status))

  def on_epoch(self, epoch, metrics):
    self.said.append(("epoch", epoch, set(metrics)))


RNN = dict(
  space="rnn",
  child_num_nodes=2,
  num_epochs=2,
  controller_train_steps=2,
  controller_num_aggregate=3,
  controller="random",
  evaluator_cached=False,
  verbose=False,
)


def score(arc):
  return sum(node.function == "relu" for node in arc.nodes)


def test_a_function_of_ones_own_scores_arcs(tmp_path):
  listener, asked = Listener(), []

  def counted(arc):
    asked.append(arc)
    if len(asked) == 3:
      raise MemoryError("it does not fit")
    return score(arc)

  search = enas_tf.Search(
    output_dir=tmp_path, evaluator=counted, callbacks=[listener], **RNN
  )
  search.run()
  assert len(asked) == len(search.trials) == 2 * 2 * 3
  (failed,) = [trial for trial in search.trials if not trial.is_done]
  assert "MemoryError: it does not fit" in failed.reason
  best = max(score(arc) for i, arc in enumerate(asked) if i != 2)
  assert score(search.best_arc) == best == search.leaderboard[0]["reward"]
  kinds = [kind for kind, *_ in listener.said]
  assert kinds == [*["trial"] * 3, "step", *["trial"] * 3, "step", "epoch"] * 2
  # A longer search pays for new arcs alone.
  longer = enas_tf.Search(
    output_dir=tmp_path, evaluator=counted, verbose=False, num_epochs=3
  )
  longer.run()
  assert len(asked) == 3 * 2 * 3


def test_an_interrupt_ends_a_call_and_loses_nothing(tmp_path):
  asked = []

  def interrupted(arc):
    asked.append(arc)
    if len(asked) == 4:
      signal.raise_signal(signal.SIGINT)
    return score(arc)

  search = enas_tf.Search(
    output_dir=tmp_path, evaluator=interrupted, reset_output_dir=True, **RNN
  )
  before = signal.getsignal(signal.SIGINT)
  with pytest.raises(KeyboardInterrupt):
    search.run()
  assert signal.getsignal(signal.SIGINT) is before
  assert len(asked) == 6  # The update that had begun.
  search.run()
  assert len(asked) == len({t.number for t in search.trials}) == 12


def test_it_works_in_another_thread(tmp_path):
  search = enas_tf.Search(output_dir=tmp_path, evaluator=score, **RNN)
  thread = threading.Thread(target=search.run)
  thread.start()
  thread.join()
  assert search.num_epochs == 2


class Counting(evaluators.Evaluator):
  """Counts the functions of one name; as BUILD.md says, but for its word."""

  def __init__(self, space):
    self._space = space

  @classmethod
  def from_settings(cls, settings, space):
    assert settings["child_num_nodes"] == 2
    return cls(space)

  def evaluate(self, proposals, stop=evaluators.never):
    for each in proposals:
      reward = score(self._space.decode(each.arc))
      yield trials.answer(each, {"reward": reward}, seconds=0.0)


def test_an_evaluator_of_ones_own(tmp_path):
  registry.EVALUATORS.register("counting", Counting)
  try:
    search = enas_tf.Search(output_dir=tmp_path, evaluator="counting", **RNN)
    search.run()
    again = enas_tf.Search(output_dir=tmp_path, verbose=False)
    assert again.run().best_arc == search.best_arc
  finally:
    registry.EVALUATORS.remove("counting")
  best = max(trial.reward for trial in search.trials)
  assert score(search.best_arc) == best
