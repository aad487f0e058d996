import json

import pytest

from enas_tf import errors
from enas_tf.distributed import base as engines
from enas_tf.runs import assembly, children, trainings
from tests.runs import context

SMALL = dict(
  data="digits",
  child_num_cells=1,
  child_ops=("identity", "conv_1x1"),
  final_num_layers=1,
  final_out_filters=2,
)
A, B = (0,) * 8, (1, 0, 1, 0, 0, 1, 0, 1)


@pytest.fixture(scope="module")
def built():
  return assembly.Assembly(context.experiment(**SMALL))


class Engine:
  """Answers jobs by their arcs; those of B fail, or all are stopped."""

  def __init__(self, asked, fails=(), stops_after=None):
    self.asked, self._fails, self._left = asked, fails, stops_after

  def run(self, jobs, on_report=None, stop=lambda: False):
    for number, job in jobs:
      if self._left == 0:
        return
      if self._left is not None:
        self._left -= 1
      self.asked.append((job.arc, job.seed, job.epochs, job.split))
      if job.arc in self._fails:
        yield engines.Result(number, reason="it ran out of memory")
      else:
        score = (sum(job.arc) + job.seed / 10 + job.epochs / 100) / 10
        yield engines.Result(number, {"accuracy": score})

  def close(self):
    self.asked.append("closed")


@pytest.fixture
def ask(built, tmp_path, monkeypatch):
  """Returns a function that asks for trainings, and says who was trained."""

  def ask(*wanted, data="valid", parts=None, **kwargs):
    asked = []
    monkeypatch.setattr(
      children, "make_engine", lambda parts: Engine(asked, **kwargs)
    )
    command, screen = context.make(tmp_path, built.experiment)
    found = trainings.scored(
      parts or built, command, wanted, data, tmp_path / "trained.jsonl"
    )
    return found, asked, screen.getvalue()

  return ask


def test_each_training_is_done_once(ask):
  first, second = trainings.Training(A, 0, 3), trainings.Training(B, 1, 3)
  other = trainings.Training(A, 1, 5)
  found, asked, _ = ask(first, second, first)
  assert asked == [(A, 0, 3, "valid"), (B, 1, 3, "valid"), "closed"]
  assert found == {first: pytest.approx(0.003), second: pytest.approx(0.413)}
  more, asked, _ = ask(second, other)
  assert asked == [(A, 1, 5, "valid"), "closed"]
  assert more == {second: found[second], other: pytest.approx(0.015)}
  assert ask(first)[:2] == ({first: found[first]}, [])


def test_a_failed_training_is_told_and_tried_again(ask):
  training = trainings.Training(B, 0, 1)
  found, _, said = ask(training, fails=(B,))
  assert found == {training: None}
  assert "1 0 1 0 0 1 0 1 failed: it ran out of memory." in said
  assert ask(training)[0][training] is not None


def test_other_settings_and_data_have_scores_of_their_own(ask):
  training = trainings.Training(A, 0, 1)
  other = assembly.Assembly(context.experiment(**SMALL, final_l2_reg=0.5))
  longer = assembly.Assembly(context.experiment(**SMALL, final_num_epochs=7))
  ask(training)
  assert ask(training, data="test")[1]
  assert ask(training, parts=other)[1]
  # How long the final training is does not matter: it is asked for.
  assert not ask(training, parts=longer)[1]


def test_a_stop_loses_nothing(ask, built, tmp_path):
  wanted = [trainings.Training(A, i, 1) for i in range(3)]
  ask(*wanted, stops_after=2)
  path = tmp_path / "trained.jsonl"
  with open(path, "a") as file:
    file.write('{"arc": [0, 0')  # A kill leaves half a line.
  _, asked, _ = ask(*wanted)
  assert asked == [(A, 2, 1, "valid"), "closed"]
  assert len(path.read_text().splitlines()) == 3


def test_a_damaged_file_is_told(ask, tmp_path):
  training = trainings.Training(A, 0, 1)
  ask(training)
  path = tmp_path / "trained.jsonl"
  line = json.loads(path.read_text()) | {"score": "high"}
  path.write_text(json.dumps(line) + "\n")
  with pytest.raises(errors.OutputDirError, match="line 1"):
    ask(training)


def test_fresh_data_are_the_test_split_if_there_is_one(built, monkeypatch):
  assert trainings.fresh(built) == "test"
  monkeypatch.setattr(built.task, "test_batches", lambda training: None)
  assert trainings.fresh(built) == "valid"


def test_spread_leaves_failed_trainings_out():
  nan = float("nan")
  assert trainings.spread([0.5, nan, 0.7]) == {
    "mean": pytest.approx(0.6),
    "sd": pytest.approx(0.02**0.5),
    "seeds": 2,
  }
  assert trainings.spread([nan, 0.5])["sd"] is None
  assert trainings.spread([nan]) == {"mean": None, "sd": None, "seeds": 0}
