"""A table is searched: what a user sees of it."""

import itertools
import json

import numpy as np
import pytest

import enas_tf
from enas_tf import errors
from tests import forked

OPS = ("conv", "pool", "skip")


@pytest.fixture(scope="module")
def command(tmp_path_factory):
  runner = forked.Runner(tmp_path_factory.mktemp("pipes"))
  yield runner.run
  runner.close()


@pytest.fixture
def path(tmp_path):
  """A table of 3 ** 3 arcs; the best is (1, pool, 32), at 93."""
  rows = itertools.product(range(3), OPS, (16, 32, 64))
  lines = [
    f"{a},{op},{width},{90 + (a == 1) + (op == 'pool') + (width == 32)}"
    for a, op, width in rows
  ]
  path = tmp_path / "table.csv"
  path.write_text("\n".join(["a,op,width,acc", *lines]) + "\n")
  return path


def test_one_command_searches_a_table(command, path, tmp_path):
  folder = tmp_path / "run"
  flags = (f"--output_dir={folder}", "--num_epochs=4")
  done = command(
    "--evaluator=table",
    f"--evaluator_table={path}",
    "--evaluator_score=acc",
    "--controller=random",
    *flags,
  )
  assert done.code == 0, done
  scored = enas_tf.read_trials(folder)
  assert len(scored) == 4 * 6 * 5
  for trial in scored:
    a, op, width = trial.arc
    assert trial.reward == 90 + (a == 1) + (op == 1) + (width == 1)
  best = json.loads((folder / "leaderboard.json").read_text())[0]
  assert best["arc_string"] == "1 pool 32" and best["reward"] == 93
  assert "1 pool 32" in done.stdout
  assert "arcs/op_frequency/pool" in (folder / "metrics.jsonl").read_text()
  (folder / "best_arc.png").stat()
  # It goes on, and derives, without being told of the table again.
  done = command(f"--output_dir={folder}", "--num_epochs=5")
  assert done.code == 0, done
  assert len(enas_tf.read_trials(folder)) == 5 * 6 * 5
  assert command(f"--output_dir={folder}", "--mode=derive").code == 0
  # Another table is another search.
  path.write_text(path.read_text().replace(",93", ",94"))
  done = command(f"--output_dir={folder}", "--num_epochs=6")
  assert done.code == 1 and "table" in done.stderr


@pytest.mark.parametrize(
  "flags, message",
  [
    (("--evaluator_table=missing.csv",), "no such file"),
    ((), "--evaluator_table=FILE"),
    (("--evaluator_table={}", "--search_for=micro"), "leave --search_for out"),
    (("--evaluator_table={}", "--evaluator_score=ac"), "Did you mean acc?"),
    (
      ("--evaluator_table={}", "--mode=train"),
      "--mode=search or --mode=derive",
    ),
    (("--evaluator_table={}", "--mode=all"), "there is nothing to train"),
    (("--evaluator_table={}", "--mode=export"), "there is nothing to train"),
    (("--evaluator_table={}", "--child_fixed_arc=1 pool 32"), "nothing to"),
    (("--evaluator_table={}", "--data=digits"), "--data has no use"),
  ],
)
def test_what_cannot_be_is_told(command, path, tmp_path, flags, message):
  given = [flag.format(path) for flag in flags]
  folder = f"--output_dir={tmp_path / 'run'}"
  done = command("--evaluator=table", folder, *given)
  assert done.code == 1 and message in done.stderr, done
  assert "Received: " in done.stderr and "Traceback" not in done.stderr


def test_a_program_searches_a_table(path, tmp_path):
  search = enas_tf.Search(
    output_dir=tmp_path / "run",
    evaluator="table",
    evaluator_table=str(path),
    evaluator_score="acc",
    evaluator_decisions=["op", "width"],
    num_epochs=1,
    verbose=False,
  )
  assert search.run().num_epochs == 1
  arc = search.space.parse("pool 32")
  row = tuple(search.space.encode(arc))
  rewards = {trial.reward for trial in search.trials if trial.arc == row}
  assert list(rewards) == [pytest.approx(92 + 1 / 3)]  # The mean over `a`.
  for verb in (search.train, search.evaluate, search.export):
    with pytest.raises(errors.ConfigError, match="nothing to train"):
      verb()
  with pytest.raises(errors.ConfigError, match="neither data nor networks"):
    search.build(arc)
  with pytest.raises(errors.ConfigError, match="no use|neither data"):
    enas_tf.Search(
      "table",
      data=(np.zeros((4, 8, 8, 1), np.uint8), np.zeros(4)),
      evaluator_table=str(path),
      output_dir=tmp_path / "other",
    )
