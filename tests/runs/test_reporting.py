import json

import numpy as np
import pytest
import tensorflow as tf

from enas_tf import trials
from enas_tf.report import loggers
from enas_tf.runs import algorithm, reporting
from enas_tf.spaces import micro
from enas_tf.tasks import base as tasks
from tests import answers

SPACE = micro.MicroSpace(1, ("identity", "conv_1x1"))
SETTINGS = {"seed": 0, "child_lr": 0.5}
PLAN = algorithm.Plan(
  num_epochs=4,
  child_steps=6,
  chunk=2,
  controller_steps=3,
  controller_every=2,
  arcs_per_step=2,
)
# Operations are the second integer of each pair.
TEXTS = ("0 0 1 0 0 0 1 0", "0 1 0 0 0 0 0 0", "1 1 1 1 1 1 1 1")
ARCS = np.array([SPACE.encode(SPACE.parse(text)) for text in TEXTS])


class Terminal:
  """Remembers what it is to show."""

  def __init__(self):
    self.shown, self.said = [], []
    self.has_ended = False

  def say(self, message):
    self.said.append(message)

  warn = say

  def progress(self, **shown):
    self.shown.append(shown)

  def end_progress(self):
    self.has_ended = True


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch):
  """Drawing is slow, and tested elsewhere."""
  monkeypatch.setattr(loggers.draw, "draw", lambda arc: None)


@pytest.fixture
def open_report(tmp_path):
  def open_report(terminal=None, resume_tick=None, plan=PLAN):
    return reporting.SearchReport(
      tmp_path,
      terminal or Terminal(),
      SETTINGS,
      SPACE,
      tasks.Metric("accuracy", True, "acc", ".4f"),
      plan,
      resume_tick,
    )

  return open_report


def child_event(loss=2.0, arcs=ARCS[:2]):
  metrics = {"child/loss": loss, "child/accuracy": 0.25}
  return algorithm.Event("child", metrics, arcs, None)


def controller_event(rewards, arcs=ARCS):
  metrics = {"controller/entropy_nats": 3.5}
  arcs = arcs[: len(rewards)]
  told = answers.told(arcs, rewards)
  return algorithm.Event("controller", metrics, arcs, told)


def epoch_event(told=(), **metrics):
  return algorithm.Event("epoch", metrics, None, list(told))


def play(report, position, *events, seconds=1.0):
  """Does what a search does with its position, and reports it."""
  for event in events:
    if event.kind == "child":
      position.advance("child_steps", len(event.arcs))
    elif event.kind == "controller":
      position.advance("controller_steps")
    else:
      position.next_epoch()
    report.on_event(event, position, seconds)


def lines(folder):
  text = (folder / "metrics.jsonl").read_text()
  return [json.loads(line) for line in text.splitlines()]


def texts(folder):
  """Returns (tick, tag, text) of the texts for TensorBoard, indents aside."""
  found = []
  for path in sorted((folder / "tensorboard").glob("events*")):
    for event in tf.compat.v1.train.summary_iterator(str(path)):
      for value in event.summary.value:
        if value.metadata.plugin_data.plugin_name == "text":
          text = tf.make_ndarray(value.tensor).item().decode()
          shown = [line.strip() for line in text.splitlines()]
          found.append((event.step, value.tag, shown))
  return found


def test_lines_by_hand(open_report, tmp_path):
  position = algorithm.Position()
  with open_report() as report:
    play(report, position, child_event(), epoch_event())
    play(report, position, controller_event([0.25, 0.75, 0.5]))
  assert lines(tmp_path) == [
    {
      "step": 2,
      "epoch": 1,
      "child/loss": 2.0,
      "child/accuracy": 0.25,
      # One of the eight operations of two arcs.
      "arcs/op_frequency/identity": 7 / 8,
      "arcs/op_frequency/conv_1x1": 1 / 8,
      "arcs/distinct": 1.0,
    },
    {
      "step": 4,  # Two child steps, the end of an epoch, a step.
      "epoch": 2,
      "controller/entropy_nats": 3.5,
      "reward/mean": 0.5,
      "reward/max": 0.75,
      "arcs/op_frequency/identity": pytest.approx(7 / 12),
      "arcs/op_frequency/conv_1x1": pytest.approx(5 / 12),
      "arcs/distinct": 1.0,
    },
  ]


def test_share_of_distinct_arcs(open_report, tmp_path):
  with open_report() as report:
    play(report, algorithm.Position(), child_event(arcs=ARCS[[0, 1, 0, 0]]))
  assert lines(tmp_path)[0]["arcs/distinct"] == 0.5


def test_best_arc_of_each_epoch(open_report, tmp_path):
  position = algorithm.Position()
  with open_report() as report:
    play(
      report,
      position,
      controller_event([0.25, 0.5, 0.375]),
      controller_event([0.25, 0.25, 0.5]),  # As good, but later.
      epoch_event(),
      controller_event([0.25, 0.125, 0.125]),
      epoch_event(),
      child_event(),
      epoch_event(),  # No rewards, no best arc.
    )
  best = [(tick, x) for tick, tag, x in texts(tmp_path) if tag == "arcs/best"]
  assert best == [
    (3, [TEXTS[1], "reward 0.5000"]),
    (5, [TEXTS[0], "reward 0.2500"]),
  ]


def test_samples_of_an_epoch(open_report, tmp_path):
  arcs = np.concatenate([ARCS] * 4)  # Twelve.
  with open_report() as report:
    play(report, algorithm.Position(), child_event(arcs=arcs), epoch_event())
  found = {tag: (tick, x) for tick, tag, x in texts(tmp_path)}
  expected = [TEXTS[2], *TEXTS, *TEXTS, *TEXTS]  # The last ten.
  assert found["arcs/sampled"] == (13, expected)
  assert found["arcs/sampled_last"] == (13, [TEXTS[2]])


def test_epoch_that_begins_with_its_end(open_report, tmp_path):
  with open_report() as report:  # As after a resume.
    play(report, algorithm.Position(), epoch_event())
  assert not texts(tmp_path)


def test_settings_are_logged_once(open_report, monkeypatch):
  logged = []
  monkeypatch.setattr(
    loggers.TensorBoardLogger,
    "hparams",
    lambda self, values: logged.append(values),
  )
  for resume_tick in (None, 3):
    with open_report(resume_tick=resume_tick):
      pass
  assert logged == [SETTINGS]


def test_resuming_drops_the_lines_that_will_be_repeated(open_report, tmp_path):
  position = algorithm.Position()
  with open_report() as report:
    play(report, position, *[child_event(loss) for loss in (4.0, 3.0, 2.0)])
  position = algorithm.Position()
  position.advance("child_steps", 2)
  with open_report(resume_tick=2) as report:
    play(report, position, child_event(1.0))
  found = [(line["step"], line["child/loss"]) for line in lines(tmp_path)]
  assert found == [(2, 4.0), (4, 1.0)]


def test_terminal_shows_the_latest_of_all(open_report):
  terminal, position = Terminal(), algorithm.Position()
  with open_report(terminal) as report:
    play(report, position, child_event(), child_event(1.5))
    play(report, position, controller_event([0.25, 0.75]), epoch_event())
    play(report, position, child_event(1.0))
    assert not terminal.has_ended
  assert terminal.has_ended
  places = [(shown["done"], shown["unit"]) for shown in terminal.shown]
  assert places == [
    (2, "epoch 1/4"),
    (4, "epoch 1/4"),
    (4, "epoch 1/4"),
    (8, "epoch 2/4"),
  ]
  assert all(shown["total"] == 4 * 6 for shown in terminal.shown)
  assert [shown["values"] for shown in terminal.shown] == [
    {"loss": 2.0, "acc": 0.25},
    {"loss": 1.5, "acc": 0.25},
    {"loss": 1.5, "acc": 0.25, "reward": 0.5, "entropy": 3.5},
    {"loss": 1.0, "acc": 0.25, "reward": 0.5, "entropy": 3.5},
  ]


def test_seconds_left_by_hand(open_report):
  terminal, position = Terminal(), algorithm.Position()
  with open_report(terminal) as report:
    play(report, position, child_event(), seconds=10.0)
    play(report, position, child_event(arcs=ARCS[:1]), seconds=2.0)
    play(report, position, controller_event([0.5]), seconds=7.0)
  left = [shown["seconds_left"] for shown in terminal.shown]
  # 24 child steps in all, and in four epochs 6 updates of the controller.
  assert left == [22 * 5.0, 21 * 4.0, 21 * 4.0 + 5 * 7.0]


def test_seconds_left_are_not_known_before_a_child_step(open_report):
  """A search can be resumed within a phase of the controller."""
  terminal, position = Terminal(), algorithm.Position()
  with open_report(terminal, resume_tick=0) as report:
    play(report, position, controller_event([0.5]))
  assert terminal.shown[0]["seconds_left"] is None


def test_seconds_left_without_a_controller_phase(open_report):
  terminal, position = Terminal(), algorithm.Position()
  plan = PLAN._replace(controller_every=0)
  with open_report(terminal, plan=plan) as report:
    play(report, position, child_event(), seconds=4.0)
  assert terminal.shown[0]["seconds_left"] == 22 * 2.0


def test_guards_warn_when_they_begin_and_then_in_short(open_report, tmp_path):
  terminal, position = Terminal(), algorithm.Position()
  alike = answers.told(ARCS[:2], [0.5, 0.5])
  other = answers.told(ARCS[:2], [0.25, 0.75])
  with open_report(terminal) as report:
    for told in (other, alike, alike, other, alike):
      play(report, position, epoch_event(told, **{"controller/x": 2.0}))
  said = [text for text in terminal.said if "reward" in text]
  assert said == [
    "Epoch 2: All 2 rewards were 0.5: nothing can be learnt from them.",
    "Epoch 3, still: reward_deviation 0.",
    "Epoch 5: All 2 rewards were 0.5: nothing can be learnt from them.",
  ]
  found = [
    (line["step"], line["epoch"], line["guards/reward_deviation"])
    for line in lines(tmp_path)
  ]
  assert found == [(i, i, 0.0 if i in (2, 3, 5) else 0.25) for i in range(1, 6)]
  assert {line["controller/x"] for line in lines(tmp_path)} == {2.0}


def test_a_policy_that_does_not_move_is_told_after_enough_trials(open_report):
  """Two epochs in three of six trials each, after one of a warm-up."""
  plan = PLAN._replace(num_epochs=200, warmup_epochs=1)
  terminal, position = Terminal(), algorithm.Position()
  with open_report(terminal, plan=plan) as report:
    for _ in range(90):
      play(report, position, epoch_event(**{"controller/kl_from_start": 0.001}))
  first = next(text for text in terminal.said)
  assert first.startswith("Epoch 85: The policy does not move: after 252")


def test_arcs_that_take_long_have_lines_of_their_own(open_report):
  terminal = Terminal()
  number, arc = 7, tuple(ARCS[0].tolist())
  with open_report(terminal) as report:
    report.on_trial(trials.Trial(number, arc, scores={"reward": 0.5}))
    report.on_trial(
      trials.Trial(number, arc, scores={"reward": 0.5}, seconds=34.4)
    )
    report.on_trial(
      trials.Trial(number, arc, trials.FAILED, seconds=9.0, reason="no memory")
    )
  shown = SPACE.decode(arc)
  assert terminal.said == [
    f"Arc 7, {shown}: reward 0.5000, 34 s.",
    f"Arc 7, {shown}: failed (no memory), 9 s.",
  ]
