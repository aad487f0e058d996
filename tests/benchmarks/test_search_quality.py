"""Controllers on a small table, beside numbers of other origin."""

import itertools
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import enas_tf
from enas_tf import errors
from enas_tf.benchmarks import quality_report, quality_runs, search_quality
from enas_tf.controllers import random_search, registry

ROOT = pathlib.Path(__file__).parent.parent.parent
QUERIES = 20


def score(arc):
  """Returns a score that is higher, the more of the decisions are 2."""
  return 90 + sum(np.equal(arc, 2)) + 0.125 * sum(arc)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
  lines = [
    ",".join(map(str, [*arc, score(arc), 5]))
    for arc in itertools.product(range(3), repeat=4)
    if arc != (0, 0, 0, 0)  # So that one arc is not there.
  ]
  path = tmp_path_factory.mktemp("table") / "table.csv"
  path.write_text("\n".join(["a,b,c,d,acc,size", *lines]) + "\n")
  return path


@pytest.fixture(scope="module")
def settings(path):
  return {"evaluator_table": str(path), "evaluator_score": "acc"}


def test_p_of_a_known_case():
  low, high = np.array([1.0, 2, 3]), np.array([4.0, 5, 6])
  # One of the 20 ways to choose 3 of 6 is as extreme as that.
  assert quality_report.p_value(low, high) == pytest.approx(1 / 20)
  assert quality_report.p_value(high, low) == 1
  # Two of 1 to 4 and the others: 1, 3 < 2, 4 with 2 of 6 as extreme.
  ours, theirs = np.array([1.0, 3]), np.array([2.0, 4])
  assert quality_report.p_value(ours, theirs) == pytest.approx(1 / 3)


def test_rows_are_means_over_seeds():
  found = [
    quality_runs.Curves("random", np.array([[3.0, 2], [5, 1], [4, 3]])),
    quality_runs.Curves("other", np.array([[2.0, 0], [1, 0.5]])),
  ]
  rows = quality_report.rows(found, (1, 2))
  assert [tuple(row.values()) for row in rows] == [
    ("random", 1, 3, 4.0, 1.0, None),
    ("random", 2, 3, 2.0, 1.0, None),
    ("other", 1, 2, 1.5, pytest.approx(0.5**0.5), pytest.approx(1 / 10)),
    ("other", 2, 2, 0.25, pytest.approx(0.125**0.5), pytest.approx(1 / 10)),
  ]
  assert [*rows[0]] == ["controller", "queries", "seeds", "mean", "sd", "p"]


def test_regrets_are_those_of_the_arcs_that_were_proposed(settings):
  searches = quality_runs.Searches(settings, QUERIES)
  regrets = searches.run("random", [5]).regrets[0]
  seed = enas_tf.seeds.derive(5, "proposals")
  arcs = random_search.RandomSearch(searches.table.space, seed=seed).sample(20)
  worst = score((0, 0, 0, 1))
  scores = [score(arc) if any(arc) else worst for arc in arcs]
  best = np.maximum.accumulate(scores)
  np.testing.assert_allclose(regrets, score((2, 2, 2, 2)) - best)


@pytest.mark.parametrize("controller", ["reinforce", "random"])
def test_a_search_is_that_of_a_run(settings, tmp_path, controller):
  searches = quality_runs.Searches(settings, QUERIES)
  regrets = searches.run(controller, [0, 3]).regrets
  for i, seed in enumerate([0, 3]):
    search = enas_tf.Search(
      output_dir=tmp_path / str(seed),
      evaluator="table",
      controller=controller,
      seed=seed,
      num_epochs=1,
      controller_train_steps=4,
      verbose=False,
      **settings,
    ).run()
    scores = [t.reward if t.is_done else 0 for t in search.trials]
    best = np.maximum.accumulate(scores)
    np.testing.assert_array_equal(regrets[i], score((2, 2, 2, 2)) - best)


def test_every_controller_that_is_registered_can_be_compared(settings):
  class Best(random_search.RandomSearch):
    def draw(self, first, n):
      return np.full([n, self.space.num_decisions], 2, np.int32)

  registry.CONTROLLERS.register("best", Best)
  try:
    searches = quality_runs.Searches(settings, QUERIES)
    assert not searches.run("best", [0, 1]).regrets.any()
  finally:
    registry.CONTROLLERS.remove("best")


def test_settings_go_to_whom_they_are_of(settings):
  searches = quality_runs.Searches(settings | {"controller_lr": 0.5}, QUERIES)
  searches.check_settings(["random", "reinforce"])
  searches = quality_runs.Searches(
    settings | {"controller_gradient_lr": 0.5}, QUERIES
  )
  searches.check_settings(["random", "gradient"])
  with pytest.raises(errors.ConfigError, match="none of these controllers"):
    searches.check_settings(["random", "reinforce"])
  with pytest.raises(errors.ConfigError, match="controller_lr.*greater"):
    searches = quality_runs.Searches(settings | {"controller_lr": 0.0}, QUERIES)
    searches.check("reinforce")


def test_the_command(path, tmp_path):
  flags = (
    f"--table={path}",
    "--score=acc",
    "--decisions=a,b,c,d",
    "--controllers=reinforce",
    "--queries=30,10",
    "--seeds=4",
    "--random_seeds=50",
    "--controller_lr=0.1",
    "--controller_tanh_constant=4.5",
    f"--json={tmp_path / 'new' / 'rows.json'}",
    f"--plot={tmp_path / 'plot.png'}",
  )
  done = subprocess.run(
    [sys.executable, "-m", "enas_tf.benchmarks.search_quality", *flags],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  assert done.stderr == ""
  rows = json.loads((tmp_path / "new" / "rows.json").read_text())
  assert [(r["controller"], r["queries"], r["seeds"]) for r in rows] == [
    ("random", 10, 50),
    ("random", 30, 50),
    ("reinforce", 10, 4),
    ("reinforce", 30, 4),
  ]
  assert [r["p"] is None for r in rows] == [True, True, False, False]
  lines = done.stdout.splitlines()
  assert max(map(len, lines)) <= 80 + len(str(path))  # The first names it.
  shown = [line.split() for line in lines if line.strip().startswith("reinf")]
  for row, cells in zip(rows[2:], shown[-2:], strict=True):
    assert float(cells[3]) == pytest.approx(row["mean"], abs=0.006)
  assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
  "flags, message",
  [
    (["--table=missing.csv"], "correct --table.*Received: table=missing.csv"),
    (["--table={}", "--score=ac"], "correct --score. Did you mean acc"),
    (["--table={}", "--decisions=x"], "correct --decisions"),
    (["--table={}", "--score=acc", "--controllers=x"], "controller=x"),
  ],
)
def test_errors_name_the_flags_of_this_command(path, flags, message):
  with pytest.raises(SystemExit, match=f"^error: .*{message}"):
    search_quality.main([flag.format(path) for flag in flags])
