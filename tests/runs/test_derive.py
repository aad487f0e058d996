import json

import numpy as np
import pytest
import tensorflow as tf

from enas_tf import checkpoints, config, errors, files
from enas_tf.controllers import random_search
from enas_tf.report import loggers
from enas_tf.runs import derive, family, search
from enas_tf.spaces import micro
from tests.runs import context

SPACE = micro.MicroSpace(1, ("identity", "conv_1x1"))
TEXTS = (
  "0 0 0 0 0 0 0 0",
  "1 0 1 0 1 0 1 0",
  "1 1 0 0 0 1 1 0",
  "0 1 0 1 0 1 0 1",
)
A, B, C, D = (SPACE.encode(SPACE.parse(text)).tolist() for text in TEXTS)


def experiment(fixed_arc=None, **run):
  child = dict(num_cells=1, ops=SPACE.ops)
  return config.ExperimentConfig(
    run=config.RunConfig(**run),
    search=config.ChildConfig(**child),
    final=config.MicroFinalConfig(**child),
    fixed_arc=fixed_arc,
  )


def test_best_arc_is_the_fixed_one(tmp_path):
  files.write_json(tmp_path / derive.BEST_ARC, {"arc": TEXTS[0]})
  for text in TEXTS[1:]:
    assert str(derive.best_arc(Family(experiment(text)), tmp_path)) == text


def test_best_arc_is_the_derived_one(tmp_path):
  arc = SPACE.parse(TEXTS[2])
  files.write_json(
    tmp_path / derive.BEST_ARC, {"rank": 1, "arc": arc.to_json()}
  )
  assert derive.best_arc(Family(experiment()), tmp_path) == arc


def test_no_best_arc(tmp_path):
  with pytest.raises(errors.ConfigError, match=f"output_dir={tmp_path}"):
    derive.best_arc(Family(experiment()), tmp_path)


@pytest.mark.parametrize("text", ["0 0 0", "0 0 0 0 0 0 0 2", "no_such_arc"])
def test_best_arc_that_is_none(tmp_path, text):
  with pytest.raises(errors.ArcError):
    derive.best_arc(Family(experiment(text)), tmp_path)


def test_best_arc_of_a_damaged_file(tmp_path):
  (tmp_path / derive.BEST_ARC).write_text('{"arc": ')
  with pytest.raises(errors.ArcError, match=derive.BEST_ARC):
    derive.best_arc(Family(experiment()), tmp_path)


class Counter:
  """A part of a search of which the ranking makes no use."""

  def __init__(self):
    self.count = 0

  def flush(self):
    self.count = 100

  def state(self):
    return {"count": np.array(self.count)}

  def restore(self, arrays):
    self.count = int(arrays["count"])


class Family:
  """Ranks arcs by their sums, the highest first."""

  def check_final(self):
    pass

  def __init__(self, experiment):
    self.experiment = experiment
    self.final_space = SPACE
    self.parts = family.SearchParts(
      random_search.RandomSearch(SPACE, seed=0), Counter(), Counter(), 1, {}
    )

  def rank(self, parts, arcs):
    assert parts.child.count == 100  # Whole weights are ranked.
    rows = sorted(arcs, key=lambda row: -row.sum())[:3]
    return [
      {
        "arc": SPACE.decode(row),
        "valid_accuracy": row.sum() / 8.0,
        "batch_accuracy": 0.5,
      }
      for row in rows
    ]

  def child_size(self, arc):
    return family.Size(1000 * SPACE.encode(arc).sum().item(), 5)


def run(folder):
  """Runs the verb in a folder; returns what was said."""
  settings = experiment(derive_samples=20, derive_top=3)
  command, screen = context.make(folder, settings)
  derive.run(Family(settings), command)
  return screen.getvalue()


def save_search(folder, num_proposals):
  """Writes a checkpoint of a search that has proposed so many times."""
  parts, position = Family(None).parts, search.Position()
  for _ in range(num_proposals):
    parts.controller.propose(1)
  state = search.stateful_parts(parts, position)
  checkpoints.Checkpoints(folder / search.FOLDER, state, {}).save(1)
  return parts.controller


def scalars(folder):
  """Returns what TensorBoard is told, by tag."""
  return {
    value.tag: tf.make_ndarray(value.tensor)
    for path in (folder / loggers.TENSORBOARD).glob("events*")
    for event in tf.compat.v1.train.summary_iterator(str(path))
    for value in event.summary.value
  }


def test_run_needs_a_search(tmp_path):
  with pytest.raises(errors.CheckpointError, match="search first"):
    run(tmp_path)
  assert not list(tmp_path.iterdir())


def test_run_ranks_what_the_restored_policy_samples(tmp_path):
  controller = save_search(tmp_path, num_proposals=3)
  arcs = controller.recommend(20)
  best = sorted(arcs, key=lambda row: -row.sum())[:3]
  said = run(tmp_path)
  rows = json.loads((tmp_path / derive.LEADERBOARD).read_text())
  assert [row["rank"] for row in rows] == [1, 2, 3]
  for row, arc in zip(rows, best, strict=True):
    assert SPACE.from_json(row["arc"]) == SPACE.decode(arc)
    assert row["arc_string"] == " ".join(map(str, arc))
    assert row["valid_accuracy"] == arc.sum() / 8
    assert row["parameters"] == 1000 * arc.sum()
    assert row["multiply_adds"] == 5
    assert row["arc_string"] in said
  assert json.loads((tmp_path / derive.BEST_ARC).read_text()) == rows[0]
  assert (tmp_path / "best_arc.dot").read_text().startswith("digraph")
  found = derive.best_arc(Family(experiment()), tmp_path)
  assert found == SPACE.decode(best[0])
  assert scalars(tmp_path) == {"derived/valid_accuracy": best[0].sum() / 8}


def test_run_repeats(tmp_path):
  save_search(tmp_path, num_proposals=1)
  run(tmp_path)
  before = (tmp_path / derive.LEADERBOARD).read_bytes()
  run(tmp_path)
  assert (tmp_path / derive.LEADERBOARD).read_bytes() == before
