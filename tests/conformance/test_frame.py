"""Any controller goes with any evaluator, and both survive a power cut."""

import itertools
import json

import numpy as np
import pytest

import enas_tf
from enas_tf import errors
from enas_tf.controllers import registry as controllers
from enas_tf.evaluators import registry as evaluators
from enas_tf.recipes import base
from enas_tf.runs import children
from tests import engines
from tests.recipes import toy

EVALUATORS = tuple(evaluators.EVALUATORS)
WITHOUT_GRADIENTS = [x for x in EVALUATORS if x != "shared_weights"]
PAIRS = [
  (controller, evaluator)
  for controller in controllers.CONTROLLERS
  for evaluator in EVALUATORS
  if controller != "gradient" or evaluator not in WITHOUT_GRADIENTS
]
OF_CONTROLLER = {
  "reinforce": {"controller_lstm_size": 4},
  "fixed": {"controller_arc": "1 0"},
  "evolution": {
    "controller_population_size": 4,
    "controller_tournament_size": 2,
  },
}
# Optuna is asked for no arcs that nobody scores.
OF_BOTH = {("bayesian", "shared_weights"): {"child_sampling": "uniform"}}
LEARN_FROM_WEIGHTS = ("reinforce", "gradient")
OF_EVALUATOR = {
  "from_scratch": {"child_epochs": 1, "evaluator_fraction": 0.2},
}


@pytest.fixture(scope="module", autouse=True)
def register():
  enas_tf.register_recipe(toy.RECIPE)
  yield
  base.forget("toy")


@pytest.fixture(autouse=True)
def without_processes(monkeypatch):
  """Workers, and what they train, are tested elsewhere."""

  def train(job, report):
    return {"accuracy": (1 + np.sum(job.arc)) / 8}

  monkeypatch.setattr(
    children, "make_engine", lambda parts: engines.Engine(train)
  )


@pytest.fixture(scope="module")
def table(tmp_path_factory):
  path = tmp_path_factory.mktemp("table") / "table.csv"
  rows = itertools.product(range(3), repeat=3)
  lines = [f"{a},{b},{c},{a * b + c / 2}" for a, b, c in rows]
  path.write_text("\n".join(["a,b,c,score", *lines]) + "\n")
  return path


class PowerCut(Exception):  # noqa: N818 It is no error.
  """Ends a search without a word."""


class Cut(enas_tf.Callback):
  """Cuts the power after so many trials."""

  def __init__(self, num_trials):
    self._left = num_trials

  def on_trial(self, trial):
    self._left -= 1
    if not self._left:
      raise PowerCut


def search(folder, controller, evaluator, table, callbacks=()):
  settings = {
    "controller": controller,
    "controller_num_aggregate": 3,
    "controller_train_steps": 2,
    "num_epochs": 2,
    "save_minutes": 60,
    **OF_CONTROLLER.get(controller, {}),
    **OF_EVALUATOR.get(evaluator, {}),
    **OF_BOTH.get((controller, evaluator), {}),
  }
  if evaluator == "function":
    evaluator = score
  if evaluator == "table":
    space, settings["evaluator_table"] = "table", str(table)
    if controller == "fixed":
      settings["controller_arc"] = "1 0 2"
  else:
    space = "toy"
    settings |= {"data": "digits", "child_toy_scale": 0.5}
  return enas_tf.Search(
    space,
    output_dir=folder,
    evaluator=evaluator,
    verbose=False,
    callbacks=callbacks,
    **settings,
  )


def score(arc):
  return arc.width / 32 + (arc.activation == "tanh")


def told(folder):
  """Returns the lines of the log of trials without the clock."""
  lines = (folder / "trials.jsonl").read_text().splitlines()
  return [{**json.loads(line), "seconds": 0} for line in lines]


@pytest.mark.parametrize(("controller", "evaluator"), PAIRS)
def test_searches_and_goes_on_after_a_power_cut(
  tmp_path, controller, evaluator, table
):
  whole, folder = tmp_path / "whole", tmp_path / "cut"
  run = search(whole, controller, evaluator, table).run()
  assert len(run.trials) == 2 * 2 * 3
  assert all(trial.is_done for trial in run.trials)
  assert run.space.encode(run.best_arc).shape == (run.space.num_decisions,)
  if evaluator == "shared_weights" and controller not in LEARN_FROM_WEIGHTS:
    return  # Another controller shows that weights survive, too.
  with pytest.raises(PowerCut):
    search(folder, controller, evaluator, table, [Cut(8)]).run()
  assert len(enas_tf.read_trials(folder)) == 8
  again = search(folder, controller, evaluator, table).run()
  found, expected = told(folder), told(whole)
  assert [line.keys() for line in found] == [line.keys() for line in expected]
  for one, other in zip(found, expected, strict=True):
    for name, default in (("scores", {}), ("gradients", [])):
      numbers = one.pop(name, default), other.pop(name, default)
      assert numbers[0] == pytest.approx(numbers[1], abs=1e-6)
    assert one == other
  assert again.best_arc == run.best_arc


@pytest.mark.parametrize("evaluator", WITHOUT_GRADIENTS)
def test_gradients_are_of_shared_weights(tmp_path, evaluator, table):
  with pytest.raises(errors.ConfigError, match="shared_weights"):
    search(tmp_path / "run", "gradient", evaluator, table).run()


@pytest.mark.parametrize("sampling", ["uniform", "fair"])
def test_arcs_of_child_steps_are_chosen_apart(tmp_path, sampling):
  """The arcs that are proposed are those of a search that shares nothing."""
  one, other = (
    enas_tf.Search(
      "toy",
      output_dir=tmp_path / name,
      verbose=False,
      controller="random",
      num_epochs=1,
      **more,
    ).run()
    for name, more in (
      (sampling, {"child_sampling": sampling}),
      ("function", {"evaluator": score}),
    )
  )
  assert [x.arc for x in one.trials] == [x.arc for x in other.trials]


def test_the_controller_waits_while_the_weights_warm_up(tmp_path):
  run = enas_tf.Search(
    "toy",
    output_dir=tmp_path,
    verbose=False,
    num_epochs=3,
    child_warmup_epochs=2,
  ).run()
  settings = toy.RECIPE.controller
  assert len(run.trials) == settings.train_steps * settings.num_aggregate
  assert np.isfinite([trial.reward for trial in run.trials]).all()


@pytest.mark.parametrize("surrogate", ["none", "ridge"])
def test_wrapped_evaluators_survive_power_cuts(tmp_path, surrogate):
  """What is averaged, cached and predicted is what it would have been."""

  def run(name, callbacks=()):
    return enas_tf.Search(
      "micro",
      output_dir=tmp_path / name,
      evaluator=lambda arc: sum(map(int, str(arc).split())) ** 0.5,
      verbose=False,
      callbacks=callbacks,
      controller="evolution",
      controller_population_size=4,
      controller_tournament_size=2,
      controller_num_aggregate=5,
      controller_train_steps=3,
      num_epochs=2,
      child_num_cells=1,
      evaluator_num_seeds=2,
      evaluator_surrogate=surrogate,
      evaluator_surrogate_start=7,
      evaluator_surrogate_every=2,
    ).run()

  whole = run("whole")
  predicted = [trial.is_predicted for trial in whole.trials].count(True)
  assert (predicted > 0) == (surrogate != "none")
  for num_trials in (3, 6, 8):  # Within the first, second and fourth batch.
    with pytest.raises(PowerCut):
      run("cut", [Cut(num_trials)])
  assert run("cut").best_arc == whole.best_arc
  found, expected = (
    sorted(told(tmp_path / name), key=lambda line: line.get("number", -1))
    for name in ("cut", "whole")
  )
  assert found == expected
