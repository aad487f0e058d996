import json

import numpy as np
import pytest
import tensorflow as tf

from enas_tf import checkpoints, errors, files, trials
from enas_tf.controllers import child_arcs, random_search
from enas_tf.evaluators import base as evaluators
from enas_tf.evaluators import goals
from enas_tf.recipes import base
from enas_tf.report import loggers
from enas_tf.runs import algorithm, assembly, derive, search, trainings
from enas_tf.spaces import micro
from enas_tf.tasks import base as tasks
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
  child = dict(child_num_cells=1, child_ops=SPACE.ops)
  return context.experiment(fixed_arc=fixed_arc, **child, **run)


def test_best_arc_is_the_fixed_one(tmp_path):
  files.write_json(tmp_path / derive.BEST_ARC, {"arc": TEXTS[0]})
  for text in TEXTS[1:]:
    assert str(derive.best_arc(Assembly(experiment(text)), tmp_path)) == text


def test_best_arc_is_the_derived_one(tmp_path):
  arc = SPACE.parse(TEXTS[2])
  files.write_json(
    tmp_path / derive.BEST_ARC, {"rank": 1, "arc": arc.to_json()}
  )
  assert derive.best_arc(Assembly(experiment()), tmp_path) == arc


def test_no_best_arc(tmp_path):
  with pytest.raises(errors.ConfigError, match=f"output_dir={tmp_path}"):
    derive.best_arc(Assembly(experiment()), tmp_path)


@pytest.mark.parametrize("text", ["0 0 0", "0 0 0 0 0 0 0 2", "no_such_arc"])
def test_best_arc_that_is_none(tmp_path, text):
  with pytest.raises(errors.ArcError):
    derive.best_arc(Assembly(experiment(text)), tmp_path)


def test_best_arc_of_a_damaged_file(tmp_path):
  (tmp_path / derive.BEST_ARC).write_text('{"arc": ')
  with pytest.raises(errors.ArcError, match=derive.BEST_ARC):
    derive.best_arc(Assembly(experiment()), tmp_path)


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


class Evaluator(Counter, evaluators.OnBatches):
  """Scores arcs on a few batches, or on all, so that their ranks differ."""

  def __init__(self, child):
    super().__init__()
    self._child = child

  def evaluate(self, proposals):
    raise AssertionError("Nothing is proposed.")

  def score_on(self, arcs, batches):
    assert self._child.count == 100  # Whole weights are ranked.
    score = {("few",): on_few, ("all",): on_all}[tuple(batches)]
    return [score(row) for row in arcs]


def on_few(row):
  return int(row @ range(8)) / 28


def on_all(row):
  return int(row @ range(8, 0, -1)) / 36


class Task:
  """Its metric is called a mark."""

  part = "batch"

  def __init__(self, is_higher_better):
    self.metric = tasks.Metric("mark", is_higher_better, "mark", ".2f")

  def ranking_batches(self, training, seed):
    assert training == "of rewards"
    assert seed == SEED
    return iter(["few"])

  def valid_batches(self, training):
    assert training.num_cells == 1
    return iter(["all"])


class Parts:
  def child_size(self, arc):
    return base.Size(1000 * SPACE.encode(arc).sum().item(), 5)


SEED = 17  # Of the batches that rewards and the ranking come from.


class Assembly:
  """What the verb needs of an assembly."""

  space = final_space = SPACE
  parts = Parts()
  reward_settings = "of rewards"
  limits = goals.Limits(lambda arc: {}, {})

  def __init__(self, experiment, is_higher_better=True):
    self.experiment = experiment
    self.task = Task(is_higher_better)
    child = Counter()
    controller = random_search.RandomSearch(SPACE, seed=0)
    arcs = child_arcs.ChildArcs(controller)
    self.search = assembly.SearchParts(
      controller, child, arcs, Evaluator(child), 1, {}
    )

  def seed(self, consumer):
    return {"reward batches": SEED}[consumer]

  def check_final(self):
    pass


def run(folder, is_higher_better=True, without_child=False, **changed):
  """Runs the verb in a folder; returns what was said."""
  settings = experiment(derive_samples=20, derive_top=3, **changed)
  command, screen = context.make(folder, settings)
  built = Assembly(settings, is_higher_better)
  if without_child:
    built.search = built.search._replace(child=None, evaluator=Counter())
  derive.run(built, command)
  return screen.getvalue()


def save_search(folder, num_proposals, without_child=False):
  """Writes a checkpoint of a search that has proposed so many times."""
  parts, position = Assembly(None).search, algorithm.Position()
  if without_child:
    parts = parts._replace(child=None, evaluator=Counter())
  for _ in range(num_proposals):
    parts.controller.propose(1)
  state = search.stateful_parts(parts, position)
  checkpoints.Checkpoints(folder / search.FOLDER, state, {}).save(1)
  return parts.controller


def logged(folder):
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


@pytest.mark.parametrize("sign", [1, -1])
def test_run_ranks_what_the_restored_policy_samples(tmp_path, sign):
  """The best on few batches are ranked on all of them."""
  controller = save_search(tmp_path, num_proposals=3)
  arcs = controller.recommend(20)
  assert len(arcs) == 20
  best = sorted(arcs, key=lambda row: -sign * on_few(row))[:3]
  best = sorted(best, key=lambda row: -sign * on_all(row))
  said = run(tmp_path, is_higher_better=sign == 1)
  rows = json.loads((tmp_path / derive.LEADERBOARD).read_text())
  assert [row["rank"] for row in rows] == list(range(1, 21))
  stages = [row["stage"] for row in rows]
  assert stages == ["validation"] * 3 + ["batch"] * 17
  others = sorted(arcs, key=lambda row: -sign * on_few(row))[3:]
  for row, arc in zip(rows[3:], others, strict=True):
    assert row["batch_mark"] == on_few(arc) and "valid_mark" not in row
  for row, arc in zip(rows[:3], best, strict=True):
    assert SPACE.from_json(row["arc"]) == SPACE.decode(arc)
    assert row["arc_string"] == " ".join(map(str, arc))
    assert row["valid_mark"] == on_all(arc)
    assert row["batch_mark"] == on_few(arc)
    assert row["parameters"] == 1000 * arc.sum()
    assert row["multiply_adds"] == 5
    assert row["arc_string"] in said
    # Nothing is as good and has fewer parameters.
    assert row["on_front"] == all(
      sign * on_all(each) < sign * on_all(arc) or each.sum() > arc.sum()
      for each in best
      if each is not arc
      and (on_all(each), each.sum()) != (on_all(arc), arc.sum())
    )
  assert json.loads((tmp_path / derive.BEST_ARC).read_text()) == rows[0]
  assert (tmp_path / "best_arc.dot").read_text().startswith("digraph")
  found = derive.best_arc(Assembly(experiment()), tmp_path)
  assert found == SPACE.decode(best[0])
  shown = logged(tmp_path)
  assert shown.pop("derived/tradeoff")[2].startswith(b"\x89PNG")
  assert shown == {"derived/valid_mark": pytest.approx(on_all(best[0]))}
  assert (tmp_path / derive.TRADEOFF).read_bytes().startswith(b"\x89PNG")


def test_only_arcs_within_the_limits_are_ranked(tmp_path, monkeypatch):
  save_search(tmp_path, num_proposals=3)

  def costs(arc):
    return {"parameters": 1000 * sum(arc)}

  limits = goals.Limits(costs, {"parameters": 4000})
  monkeypatch.setattr(Assembly, "limits", limits)
  run(tmp_path)
  rows = json.loads((tmp_path / derive.LEADERBOARD).read_text())
  sums = [sum(map(int, row["arc_string"].split())) for row in rows]
  assert 0 < len(sums) < 20 and max(sums) <= 4
  limits = goals.Limits(costs, {"parameters": 0})
  monkeypatch.setattr(Assembly, "limits", limits)
  with pytest.raises(errors.ConfigError, match="None of the 20.*parameters="):
    run(tmp_path)


def test_the_best_are_trained_and_ranked_anew(tmp_path, monkeypatch):
  """The last on the validation split is the best from scratch."""
  save_search(tmp_path, num_proposals=1)
  run(tmp_path)
  before = json.loads((tmp_path / derive.LEADERBOARD).read_text())
  texts = [row["arc_string"] for row in before]

  def scored(built, run, wanted, data, path):
    return {
      each: texts.index(" ".join(map(str, each.arc))) + each.repeat
      for each in wanted
    }

  monkeypatch.setattr(trainings, "scored", scored)
  said = run(tmp_path, derive_train_epochs=8)
  rows = json.loads((tmp_path / derive.LEADERBOARD).read_text())
  assert [row["arc_string"] for row in rows] == [
    *(texts[i] for i in (2, 1, 0)),
    *texts[3:],
  ]
  assert [row["rank"] for row in rows] == list(range(1, 21))
  stages = [row["stage"] for row in rows[:4]]
  assert stages == [*["trained 8 epochs"] * 2, "trained 2 epochs", "batch"]
  assert rows[0]["trained_mark"] == 2.5
  assert rows[0]["trained_mark_sd"] == pytest.approx(0.5**0.5)
  assert rows[0]["valid_mark"] == before[2]["valid_mark"]
  assert json.loads((tmp_path / derive.BEST_ARC).read_text()) == rows[0]
  assert "The best arc is another one than before" in said
  assert "trained 2 epochs" in said


def test_without_shared_weights_the_scored_arcs_are_ranked(tmp_path):
  """Each by its first score, and failed ones not at all."""
  save_search(tmp_path, num_proposals=1, without_child=True)
  log = trials.TrialLog(tmp_path / trials.FILE, SPACE)
  log.begin("settings", 0)
  for number, (row, reward) in enumerate(
    [(A, 0.2), (B, 0.5), (C, None), (A, 0.9), (D, 0.7)]
  ):
    proposal = trials.Proposal(number, tuple(row))
    if reward is None:
      log.append(trials.Trial(*proposal[:2], status="failed", reason="no"))
    else:
      log.append(trials.Trial(*proposal[:2], scores={"reward": reward}))
  run(tmp_path, without_child=True)
  rows = json.loads((tmp_path / derive.LEADERBOARD).read_text())
  assert [(row["arc_string"], row["reward"]) for row in rows] == [
    (TEXTS[3], 0.7),
    (TEXTS[1], 0.5),
    (TEXTS[0], 0.2),
  ]


def test_nothing_scored_is_nothing_to_rank(tmp_path):
  save_search(tmp_path, num_proposals=1, without_child=True)
  with pytest.raises(errors.ConfigError, match="No arc was scored"):
    run(tmp_path, without_child=True)
  assert not (tmp_path / derive.LEADERBOARD).exists()


def test_run_repeats(tmp_path):
  save_search(tmp_path, num_proposals=1)
  run(tmp_path)
  before = (tmp_path / derive.LEADERBOARD).read_bytes()
  run(tmp_path)
  assert (tmp_path / derive.LEADERBOARD).read_bytes() == before
