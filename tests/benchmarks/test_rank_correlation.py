import json

import numpy as np
import pytest
import scipy.stats

from enas_tf import errors
from enas_tf.benchmarks import rank_correlation
from enas_tf.distributed import base as engines
from enas_tf.runs import children
from tests.benchmarks import test_self_fulfilment

FLAGS = (*test_self_fulfilment.FLAGS, "--num_epochs=2", "--arcs=4")


class Engine:
  """Scores arcs by their integers, without training them; one fails."""

  trained = 0

  def run(self, jobs, on_report=None, stop=lambda: False):
    for i, (number, job) in enumerate(jobs):
      assert (job.split, job.epochs) == ("test", 3)
      Engine.trained += 1
      if i == 3:
        yield engines.Result(number, reason="it is too large")
      else:
        value = {"accuracy": sum(job.arc) / 100 + job.seed / 1000}
        yield engines.Result(number, value)

  def close(self):
    pass


@pytest.mark.slow
def test_a_study_from_the_command_line(tmp_path, capsys, monkeypatch):
  """Two samplings, stopped at a moment; one goes on to another moment."""
  monkeypatch.setattr(children, "make_engine", lambda parts: Engine())
  file = tmp_path / "ranks.json"
  arguments = [*FLAGS, "--child_epochs=3", f"--json={file}"]
  arguments += [f"--output_dir={tmp_path / 'study'}"]
  rank_correlation.main(
    [*arguments, "--moments=1", "--child_sampling=policy,fair"]
  )
  said, found = capsys.readouterr().out, json.loads(file.read_text())
  assert found["num_scored"] == 3
  assert found["from_scratch"]["split"] == "test"
  expected = [
    sum(arc) / 100 if i != 3 else None
    for i, arc in enumerate(found["from_scratch"]["arcs"])
  ]
  assert found["from_scratch"]["scores"] == pytest.approx(expected)
  assert keys(found) == [("policy", 1, 0), ("fair", 1, 0)]
  assert all(row["num_arcs"] == 3 for row in found["rows"])
  table = said[said.index("3 random arcs trained from scratch") :]
  assert max(map(len, table.splitlines())) <= 80
  trained = Engine.trained
  rank_correlation.main([*arguments, "--moments=1,2"])
  said, more = capsys.readouterr().out, json.loads(file.read_text())
  assert Engine.trained == trained
  assert keys(more) == [("policy", 1, 0), ("policy", 2, 0)]
  assert more["rows"][0] == found["rows"][0]
  assert "epoch 1/2" not in said and "epoch 2/2" in said


def keys(found):
  """Returns the rows of single seeds."""
  return [
    (row["child_sampling"], row["epoch"], row["seed"])
    for row in found["rows"]
    if row["seed"] is not None
  ]


def test_correlations_agree_with_scipy():
  rng = np.random.default_rng(0)
  scratch = rng.normal(size=30)
  shared = {
    ("policy", 5, seed): scratch + rng.normal(size=30) for seed in (3, 4)
  }
  scratch = np.append(scratch, np.nan)  # It failed.
  shared = {key: np.append(each, 9.0) for key, each in shared.items()}
  rows = rank_correlation.correlations(shared, scratch)
  assert [row["seed"] for row in rows] == [3, 4, None]
  means = np.mean(list(shared.values()), 0)
  for row, scores in zip(rows, [*shared.values(), means], strict=True):
    pair = scores[:30], scratch[:30]
    assert row["num_arcs"] == 30
    for name, function in (
      ("kendall_tau", scipy.stats.kendalltau),
      ("spearman", scipy.stats.spearmanr),
    ):
      assert row[name] == pytest.approx(function(*pair).statistic)
      assert -1 <= row[f"{name}_low"] < row[name] < row[f"{name}_high"] <= 1
  # Two means are closer to the truth.
  assert rows[2]["kendall_tau"] > min(row["kendall_tau"] for row in rows[:2])


def test_equal_scores_have_no_correlation():
  shared = {("fair", 1, 0): np.ones(5)}
  row, _ = rank_correlation.correlations(shared, np.arange(5.0))
  assert row["kendall_tau"] is None and row["spearman_low"] is None


def test_a_wrong_sampling_is_refused(tmp_path):
  with pytest.raises(errors.ConfigError, match="policy, uniform, fair"):
    rank_correlation.main(["--child_sampling=even", f"--output_dir={tmp_path}"])
