import json

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.runs import assembly, baseline, trainings
from enas_tf.tasks import base as tasks
from tests import forked
from tests.runs import context

ACCURACY = tasks.Metric("accuracy", True, "acc", ".4f")
PERPLEXITY = tasks.Metric("perplexity", False, "ppl", ".2f")
NAN = float("nan")


def test_gains_by_hand():
  scores = np.array([[0.9, 0.8], [0.5, 0.7], [0.6, 0.9], [0.7, 0.8]])
  found = baseline.compare(scores, ACCURACY)
  assert found == {
    "derived": pytest.approx(0.85),
    "median_of_random": pytest.approx(0.7),
    "gain": pytest.approx(0.15),  # Of 0.3 and 0.
    "gain_sd": pytest.approx(0.3 / 2**0.5),
    "seeds": 2,
    "p": 0.5,  # 0.3 + 0 is reached by two of four.
  }
  assert baseline.compare(scores, PERPLEXITY)["gain"] == pytest.approx(-0.15)


def test_five_seeds_of_five_have_a_p_of_one_in_32():
  scores = np.array([[0.9] * 5, [0.8] * 5])
  assert baseline.compare(scores, ACCURACY)["p"] == 1 / 32


def test_failed_trainings_are_left_out():
  scores = np.array([[0.9, NAN, 0.8], [0.5, 0.1, NAN], [NAN, 0.1, NAN]])
  found = baseline.compare(scores, ACCURACY)
  assert (found["seeds"], found["gain"]) == (1, pytest.approx(0.4))
  with pytest.raises(errors.ConfigError, match="Too many trainings failed"):
    baseline.compare(scores[:, 1:], ACCURACY)


@pytest.fixture(scope="module")
def built():
  return assembly.Assembly(
    context.experiment(
      data="digits",
      child_num_cells=1,
      child_ops=("identity", "conv_1x1"),
      fixed_arc="0 1 0 1 0 1 0 1",
      baseline_arcs=3,
      baseline_seeds=5,
      final_num_epochs=7,
    )
  )


@pytest.mark.parametrize("is_better", [True, False])
def test_a_sentence_says_who_is_better(built, tmp_path, monkeypatch, is_better):
  asked = []

  def scored(built, run, wanted, data, path):
    asked.extend(wanted)
    assert data == "test"
    best = wanted[0].arc
    return {
      each: 0.5 + 0.1 * (each.arc == best) * is_better + each.repeat / 100
      for each in wanted
    }

  monkeypatch.setattr(trainings, "scored", scored)
  command, screen = context.make(tmp_path, built.experiment)
  result = baseline.run(built, command)
  assert command.records == 1
  assert asked[0].arc == (0, 1) * 4
  assert len({each.arc for each in asked}) == 4
  assert {each.repeat for each in asked} == set(range(5))
  assert {each.epochs for each in asked} == {7}
  assert json.loads((tmp_path / "baseline.json").read_text()) == result
  rows = result["arcs"]
  assert [row["is_best"] for row in rows] == [True, False, False, False]
  assert rows[0]["mean"] == pytest.approx(0.52 + 0.1 * is_better)
  assert rows[0]["sd"] == pytest.approx(np.std(range(5), ddof=1) / 100)
  said = screen.getvalue().splitlines()
  words = "The arc beat" if is_better else "The arc was not shown to beat"
  assert words in said[-1] and said[-1] == result["summary"]
  assert f"p = {result['p']:.2g}, 5 seeds)" in said[-1]
  assert result["p"] == (1 / 32 if is_better else 1.0)


def test_few_seeds_cannot_show_anything(built, tmp_path, monkeypatch):
  experiment = context.experiment(
    fixed_arc="0 1 0 1 0 1 0 1",
    child_num_cells=1,
    child_ops=("identity", "conv_1x1"),
    baseline_seeds=2,
    baseline_epochs=3,
  )
  monkeypatch.setattr(built, "experiment", experiment)
  monkeypatch.setattr(
    trainings,
    "scored",
    lambda built, run, wanted, data, path: {
      each: float(i == 0) for i, each in enumerate(wanted)
    },
  )
  result = baseline.run(built, context.make(tmp_path, experiment)[0])
  assert (result["epochs"], len(result["arcs"])) == (3, 9)
  assert "2 seeds cannot show p < 0.05" in result["summary"]


def test_from_the_command_line(tmp_path):
  """One worker trains; the same command does not train again."""
  runner = forked.Runner(tmp_path)
  flags = (
    "--mode=baseline",
    "--data=digits",
    "--child_fixed_arc=0 1 0 1 0 1 0 1",
    "--child_num_cells=1",
    "--child_ops=identity,conv_1x1",
    "--final_num_layers=1",
    "--final_out_filters=2",
    "--final_use_aux_heads=false",
    "--final_batch_size=400",
    "--baseline_arcs=1",
    "--baseline_seeds=1",
    "--baseline_epochs=1",
    f"--output_dir={tmp_path / 'run'}",
  )
  try:
    done = runner.run(*flags)
    assert done.code == 0, done.stderr
    assert "1 seed cannot show p < 0.05, --baseline_seeds=5 can" in done.stdout
    found = json.loads((tmp_path / "run" / "baseline.json").read_text())
    scores = [row["mean"] for row in found["arcs"]]
    assert found["split"] == "test" and found["epochs"] == 1
    hits = np.array(scores) * 359
    np.testing.assert_allclose(hits, np.round(hits), atol=1e-3)
    assert found["gain"] == pytest.approx(scores[0] - scores[1])
    trained = (tmp_path / "run" / "baseline.jsonl").read_bytes()
    again = runner.run(*flags)
    assert (again.code, again.stderr) == (0, "")
    assert found["summary"].split(": ")[1].split("`")[0] in again.stdout
    assert (tmp_path / "run" / "baseline.jsonl").read_bytes() == trained
    assert trained.count(b"\n") == 2
    refused = runner.run(*flags, "--reset_output_dir")
    assert refused.code == 1 and "--reset_output_dir" in refused.stderr
  finally:
    runner.close()


def test_it_needs_an_arc(tmp_path):
  built = assembly.Assembly(context.experiment(data="digits"))
  with pytest.raises(errors.ConfigError, match="search first"):
    baseline.run(built, context.make(tmp_path, built.experiment)[0])
