import itertools
import json

import numpy as np
import pytest

import enas_tf
from enas_tf import errors, run_folder, trials
from enas_tf.runs import assembly, earlier
from tests.runs import context

SIZES = {"data": "digits", "child_num_cells": 1}
OPS = ("identity", "conv_1x1", "max_pool_3x3")


@pytest.fixture
def table(tmp_path):
  """Its best arc is 2 2 2; the more, the better."""
  path = tmp_path / "table.csv"
  rows = itertools.product(range(3), repeat=3)
  lines = [f"{a},{b},{c},{a + b + c}" for a, b, c in rows]
  path.write_text("\n".join(["a,b,c,score", *lines]) + "\n")
  return path


def search(folder, table, **given):
  return enas_tf.Search(
    "table",
    output_dir=folder,
    evaluator="table",
    evaluator_table=str(table),
    verbose=False,
    controller="random",
    controller_num_aggregate=3,
    **{"num_epochs": 1, "controller_train_steps": 2, **given},
  )


def arcs(folder):
  return [each.arc for each in enas_tf.read_trials(folder)]


def test_a_search_begins_with_the_best_arcs_of_an_earlier_one(tmp_path, table):
  search(tmp_path / "old", table, controller_train_steps=5).run()
  found = enas_tf.read_trials(tmp_path / "old")
  best = sorted(found, key=lambda each: -each.reward)
  best = list(dict.fromkeys(each.arc for each in best))[:4]
  warm = {"warm_start": [str(tmp_path / "old")], "warm_start_arcs": 4}
  search(tmp_path / "new", table, **warm).run()
  assert arcs(tmp_path / "new")[:4] == best
  search(tmp_path / "cold", table).run()
  assert arcs(tmp_path / "new")[4:] == arcs(tmp_path / "cold")[4:]
  # A longer one goes on, though the earlier one has more arcs now.
  search(tmp_path / "old", table, num_epochs=3, controller_train_steps=5).run()
  search(tmp_path / "new", table, num_epochs=2).run()
  search(tmp_path / "cold", table, num_epochs=2).run()
  assert arcs(tmp_path / "new")[4:] == arcs(tmp_path / "cold")[4:]
  lines = (tmp_path / "new" / "trials.jsonl").read_text().splitlines()
  assert len(lines) == 13 and "settings" in json.loads(lines[0])


def write(folder, scored, **given):
  """Writes what a search of the micro space would have left."""
  given = SIZES | given | {"output_dir": str(folder)}
  experiment = context.experiment(**given)
  run_folder.open_run(experiment)
  run_folder.record_start(folder, experiment)
  run_folder.close_run(folder)
  log = trials.TrialLog(folder / trials.FILE)
  log.begin("settings", 0)
  for number, (arc, reward) in enumerate(scored):
    log.append(trials.Trial(number, arc, scores={"reward": reward}))


def built(**given):
  return assembly.Assembly(context.experiment(**SIZES | given))


def test_operations_count_by_their_names(tmp_path):
  """Arcs of a space that is not contained are left out."""
  scored = [
    ((0, 0, 1, 0, 0, 0, 0, 0), 0.9),
    ((0, 2, 1, 2, 0, 2, 0, 2), 0.5),
    ((0, 1, 0, 1, 0, 1, 0, 1), 0.7),
  ]
  write(tmp_path, scored, child_ops=OPS)
  now = built(child_ops=("conv_1x1", "identity"))
  found = earlier.best_arcs(now, (str(tmp_path),))
  assert found.tolist() == [[0, 1, 1, 1, 0, 1, 0, 1], [0, 0, 0, 0, 0, 0, 0, 0]]


def test_runs_take_turns(tmp_path):
  zeros, ones = (0,) * 8, (1,) * 8
  write(tmp_path / "a", [(zeros, 0.1), (ones, 0.2)], child_ops=OPS)
  write(tmp_path / "b", [((0, 2) * 4, 99.0)], child_ops=OPS)
  folders = (str(tmp_path / "a"), str(tmp_path / "b"))
  found = earlier.best_arcs(built(child_ops=OPS), folders)
  assert found.tolist() == [list(ones), [0, 2] * 4, list(zeros)]
  assert found.dtype == np.int32


def test_what_is_no_earlier_run(tmp_path):
  with pytest.raises(errors.ConfigError, match="no earlier run in a folder"):
    earlier.best_arcs(built(), (str(tmp_path / "none"),))
  write(tmp_path / "b", [((0, 2) * 4, 0.5)], child_ops=OPS)
  now = built(child_ops=("identity",))
  with pytest.raises(errors.ConfigError, match="of one that it contains.*1 sc"):
    earlier.best_arcs(now, (str(tmp_path / "b"),))
