"""Searches for a structure and settings together, from end to end."""

import json

import numpy as np
import pytest

import enas_tf
from enas_tf import errors
from enas_tf.runs import child_training, children
from tests import engines

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (64, 8, 8, 3), np.uint8)
LABELS = np.arange(64) % 2
RANGES = {
  "final_lr_max": "log:0.001..0.1",
  "final_out_filters": [2, 4],
  "final_optimizer": ["momentum", "adam"],
  "normalize": [True, False],
}
SMALL = dict(
  verbose=False,
  evaluator="from_scratch",
  num_epochs=1,
  child_epochs=1,
  child_num_cells=1,
  child_ops=("identity", "conv_1x1"),
  controller_train_steps=2,
  controller_num_aggregate=3,
  final_batch_size=16,
  final_num_epochs=1,
  final_num_layers=1,
  final_use_aux_heads=False,
)


def search(folder, **given):
  settings = SMALL | dict(search_settings=RANGES) | given
  if settings["evaluator"] != "from_scratch":
    del settings["child_epochs"]
  return enas_tf.Search(
    data=(PIXELS, LABELS),
    test_data=(PIXELS[:20], LABELS[:20]),
    output_dir=folder,
    **settings,
  )


@pytest.fixture(autouse=True)
def without_processes(monkeypatch):
  """Children are trained here; workers are tested elsewhere."""
  monkeypatch.setattr(
    children,
    "make_engine",
    lambda parts: engines.Engine(
      lambda job, report: children.train(parts, job, report)
    ),
  )


@pytest.fixture
def fake(monkeypatch):
  """Takes the place of trainings, and keeps by what they would be."""
  seen = []

  class Training:
    def __init__(self, parts, arc, **kwargs):
      seen.append((parts, arc))

    def run(self):
      final = seen[-1][0].experiment.final
      return 1 - abs(np.log10(final.lr_max) + 2) + 0.1 * final.out_filters

  monkeypatch.setattr(child_training, "ChildTraining", Training)
  return seen


@pytest.mark.parametrize(
  "controller", ["reinforce", "random", "evolution", "local", "bayesian"]
)
def test_each_child_is_trained_by_the_settings_of_its_arc(
  fake, tmp_path, controller
):
  made = search(tmp_path / "run", controller=controller, num_epochs=3).run()
  arcs = [made.space.decode(trial.arc) for trial in made.trials]
  first = {str(arc): arc for arc in arcs}  # No arc is trained twice.
  assert len(fake) == len(first) > 6
  for arc, (parts, structure) in zip(first.values(), fake, strict=True):
    final = parts.experiment.final
    assert structure == arc.structure
    assert arc.settings == {
      "final_lr_max": final.lr_max,
      "final_out_filters": final.out_filters,
      "final_optimizer": final.optimizer,
      "normalize": parts.experiment.data.normalize,
    }
    is_plain = parts.task.searched.mean.tolist() == [0, 0, 0]
    assert is_plain != arc.settings["normalize"]
  assert len({parts.experiment.final for parts, _ in fake}) > 3
  best = max(made.trials, key=lambda trial: trial.reward)
  assert made.best_arc == made.space.decode(best.arc)
  row = made.leaderboard[0]
  assert row["arc"]["settings"] == made.best_arc.settings
  assert row["arc_string"] == str(made.best_arc)


@pytest.mark.parametrize("controller", ["reinforce", "evolution", "bayesian"])
def test_a_search_that_goes_on_does_what_a_longer_one_does(
  fake, tmp_path, controller
):
  whole = search(tmp_path / "a", controller=controller, num_epochs=3).run()
  search(tmp_path / "b", controller=controller, num_epochs=2).run()
  parts = search(tmp_path / "b", controller=controller, num_epochs=3).run()
  ours, theirs = (
    [(trial.arc, trial.reward) for trial in each.trials]
    for each in (whole, parts)
  )
  assert ours == theirs
  other = RANGES | {"final_out_filters": [2, 6]}
  for ranges in (other, {}):
    with pytest.raises(errors.CheckpointError, match="other settings"):
      search(tmp_path / "b", num_epochs=4, search_settings=ranges).run()


def test_a_function_is_told_the_settings(tmp_path):
  told = []

  def score(arc):
    told.append(arc)
    return arc.settings["final_lr_max"]

  made = search(tmp_path / "run", evaluator=score, controller="local").run()
  assert made.best_arc.settings["final_lr_max"] == max(
    arc.settings["final_lr_max"] for arc in told
  )
  assert {str(arc.structure) for arc in told} != {str(told[0].structure)}


def test_children_are_really_trained(tmp_path):
  few = dict(controller_train_steps=1, controller_num_aggregate=2)
  made = search(tmp_path / "run", controller="random", **few).run()
  assert [trial.reason for trial in made.trials] == [None, None]
  assert len({trial.arc for trial in made.trials}) == 2


def test_the_best_arc_is_trained_tested_and_exported_by_its_settings(tmp_path):
  """And by the same ones elsewhere, if its file is given."""
  made = search(
    tmp_path / "run",
    controller="random",
    num_epochs=6,
    evaluator=lambda arc: (
      arc.settings["final_optimizer"] == "adam"
      and not arc.settings["normalize"]
    ),
  ).run()
  arc = made.best_arc
  assert arc.settings["final_optimizer"] == "adam"
  assert not arc.settings["normalize"]
  made.train()
  (folder,) = (tmp_path / "run" / "final").iterdir()
  child = json.loads((folder / "child.json").read_text())
  assert child["arc_string"] == str(arc)
  assert (child["mean"], child["std"]) == ([0.0] * 3, [1.0] * 3)
  results = made.evaluate()
  made.export()
  model = enas_tf.load_model(tmp_path / "run")
  expected = made.build().predict(PIXELS[:3], verbose=0)
  assert model.predict(PIXELS[:3], verbose=0).shape == expected.shape
  assert model.count_params() == made.build().count_params()

  other = search(tmp_path / "other", search_settings={}, evaluator="function")
  best = str(tmp_path / "run" / "best_arc.json")
  other.train(best)
  (again,) = (tmp_path / "other" / "final").iterdir()
  assert again.name == folder.name
  epochs = [(each / "metrics.csv").read_text() for each in (folder, again)]
  assert epochs[0] == epochs[1]
  assert other.evaluate(best) == results
