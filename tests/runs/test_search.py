import json
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from enas_tf import checkpoints, config
from enas_tf.controllers import random_search
from enas_tf.runs import family, search
from enas_tf.spaces import micro
from tests.runs import context

SPACE = micro.MicroSpace(1, ("identity", "conv_1x1"))
PLAN = search.Plan(
  num_epochs=3,
  child_steps=5,
  chunk=2,
  controller_steps=2,
  controller_every=2,
  arcs_per_step=3,
)


class PowerCut(Exception):  # noqa: N818
  """What ends a run that is killed."""


class Controller(random_search.RandomSearch):
  """Learns the sum of all rewards, and where it stands in its proposals."""

  def __init__(self, calls):
    super().__init__(SPACE, seed=0)
    self._calls = calls
    self._learned = tf.Variable(0.0)

  def propose(self, n):
    self._calls.append(f"propose {n}")
    return super().propose(n)

  def take_back(self, n):
    if n:
      self._calls.append(f"take back {n}")
    super().take_back(n)

  def update(self, arcs, rewards):
    self._calls.append(f"update {len(arcs)}")
    self._learned.assign_add(tf.reduce_sum(rewards))
    return {"controller/learned": float(self._learned)}

  def state(self):
    return super().state() | {"learned": self._learned}


class Child:
  """Its loss is a function of all arcs so far and of the flushes."""

  def __init__(self, calls, last_step=None):
    self._calls = calls
    self._last_step = last_step
    self.stop_at = None
    self._weight = tf.Variable(1.0)
    self._step = tf.Variable(0)

  @property
  def num_steps(self):
    return int(self._step)

  def run(self, arcs, stop):
    self._calls.append(f"run {len(arcs)}")
    for arc in arcs.numpy():
      if int(self._step) == self._last_step:
        raise PowerCut
      self._weight.assign(0.9 * self._weight + float(arc @ range(1, 9)))
      self._step.assign_add(1)
      if stop():
        break
    return {"child/loss": float(self._weight)}

  def flush(self):
    self._calls.append("flush")
    self._weight.assign(self._weight / 2)

  def state(self):
    return {"weight": self._weight, "step": self._step}


class Evaluator:
  def __init__(self, calls):
    self._calls = calls
    self._count = tf.Variable(0.0)

  def evaluate(self, arcs):
    self._calls.append(f"evaluate {len(arcs)}")
    self._count.assign_add(1)
    return tf.reduce_mean(tf.cast(arcs, tf.float32), 1) + self._count

  def state(self):
    return {"count": self._count}


def make_parts(last_step=None):
  """Returns new parts, and the list of what will be asked of them."""
  calls = []
  parts = family.SearchParts(
    controller=Controller(calls),
    child=Child(calls, last_step),
    evaluator=Evaluator(calls),
    child_steps=PLAN.child_steps,
    fingerprint={},
  )
  return parts, calls


def start(parts, position, plan=PLAN):
  return search.search(
    parts.controller, parts.child, parts.evaluator, position, plan
  )


def run_all(plan=PLAN):
  """Returns (events, calls, the tick after each event) of a whole search."""
  parts, calls = make_parts()
  position = search.Position()
  events, ticks = [], []
  for event in start(parts, position, plan):
    events.append(event)
    ticks.append(position.tick)
  return events, calls, ticks


def assert_same(found, expected):
  assert len(found) == len(expected)
  for one, other in zip(found, expected, strict=True):
    assert one.kind == other.kind
    assert one.metrics == other.metrics
    np.testing.assert_array_equal(one.arcs, other.arcs)
    np.testing.assert_array_equal(one.rewards, other.rewards)


CHILD = [
  "propose 2",
  "run 2",
  "propose 2",
  "run 2",
  "propose 1",
  "run 1",
  "flush",
]
CONTROLLER = ["propose 3", "evaluate 3", "update 3"] * 2


@pytest.mark.parametrize(
  ("every", "is_due"),
  [(0, []), (1, [0, 1, 2]), (2, [1]), (3, [2]), (4, [])],
)
def test_order(every, is_due):
  events, calls, _ = run_all(PLAN._replace(controller_every=every))
  kinds, expected = [], []
  for epoch in range(3):
    kinds += ["child"] * 3 + ["controller"] * 2 * (epoch in is_due) + ["epoch"]
    expected += CHILD + CONTROLLER * (epoch in is_due)
  assert [event.kind for event in events] == kinds
  assert calls == expected


def test_what_events_hold():
  events, _, _ = run_all()
  for event in events:
    if event.kind == "child":
      assert event.arcs.dtype == np.int32
      assert event.rewards is None
      assert list(event.metrics) == ["child/loss"]
    elif event.kind == "controller":
      assert event.arcs.dtype == np.int32
      assert event.arcs.shape == (3, 8)
      # All rewards of one evaluation: the means of the arcs, and a count.
      expected = event.arcs.mean(1)
      np.testing.assert_allclose(
        event.rewards - event.rewards[0], expected - expected[0], atol=1e-6
      )
      assert list(event.metrics) == ["controller/learned"]
    else:
      assert event.rewards is None and event.metrics == {}
  sizes = [len(event.arcs) for event in events if event.kind == "child"]
  assert sizes == [2, 2, 1] * 3


def test_ticks_count_steps_and_epochs():
  """They do not depend on how often is reported."""
  _, _, ticks = run_all()
  # Five child steps in all, the end of an epoch, two steps of the controller.
  assert ticks == [2, 4, 5, 6, 8, 10, 11, 12, 13, 14, 16, 18, 19, 20]
  _, _, ticks = run_all(PLAN._replace(chunk=5))
  assert ticks == [5, 6, 11, 12, 13, 14, 19, 20]


def test_position_counts():
  parts, _ = make_parts()
  position = search.Position()
  found = []
  for _ in start(parts, position, PLAN._replace(num_epochs=2)):
    found.append(
      (position.epoch, position.child_steps, position.controller_steps)
    )
  assert found == [
    (0, 2, 0),
    (0, 4, 0),
    (0, 5, 0),
    (1, 0, 0),
    (1, 2, 0),
    (1, 4, 0),
    (1, 5, 0),
    (1, 5, 1),
    (1, 5, 2),
    (2, 0, 0),
  ]
  with pytest.raises(AttributeError, match="no_such_counter"):
    _ = position.no_such_counter


EVENTS, _, _ = run_all()


def resumed_at(done):
  """Returns the events after the first few, in parts that were restored."""
  parts, _ = make_parts()
  position = search.Position()
  events = start(parts, position)
  for _ in range(done):
    next(events)
  others, _ = make_parts()
  other_position = search.Position()
  restored = search.state(others, other_position)
  saved = search.state(parts, position)
  assert list(restored) == list(saved)
  for name, variable in restored.items():
    variable.assign(saved[name])
  return list(start(others, other_position))


@pytest.mark.parametrize(
  "done",
  [
    i
    for i in range(len(EVENTS) + 1)
    if i == len(EVENTS) or EVENTS[i].kind != "epoch"
  ],
)
def test_resumes_between_two_events(done):
  assert_same(resumed_at(done), EVENTS[done:])


@pytest.mark.parametrize(
  "done", [i for i, event in enumerate(EVENTS) if event.kind == "epoch"]
)
def test_resumes_before_the_end_of_an_epoch(done):
  assert_same(resumed_at(done), EVENTS[done:])


def test_state_holds_all_parts():
  parts, _ = make_parts()
  position = search.Position()
  state = search.state(parts, position)
  held = {id(variable) for variable in state.values()}
  for prefix, part in (("position", position), *parts._asdict().items()):
    if hasattr(part, "state"):
      for name, variable in part.state().items():
        assert state[f"{prefix}/{name}"] is variable
        held.remove(id(variable))
  assert not held


class Family(NamedTuple):
  """What the verb needs of a family."""

  experiment: config.ExperimentConfig
  parts: family.SearchParts


def run(parts, folder, num_epochs=3, save_minutes=0.0, stop_at=None, **kwargs):
  """Runs the verb on parts; returns what was said."""
  experiment = config.ExperimentConfig(
    run=config.RunConfig(log_every=2, save_minutes=save_minutes, **kwargs),
    search=config.ChildConfig(num_epochs=num_epochs),
    controller=config.ControllerConfig(
      train_steps=2, train_every=2, num_aggregate=3
    ),
  )
  command, screen = context.make(folder, experiment)
  if stop_at is not None:
    command.stop.requested = lambda: parts.child.num_steps >= stop_at
  search.run(Family(experiment, parts), command)
  assert command.records == 1
  return screen.getvalue()


def saved(folder):
  """Returns (step, arrays) of the newest checkpoint."""
  found = checkpoints.load(folder / search.FOLDER)
  return found.step, found.arrays


def test_run_saves_and_logs(tmp_path):
  parts, _ = make_parts()
  said = run(parts, tmp_path)
  step, arrays = saved(tmp_path)
  assert step == 20
  assert arrays["position/epoch"] == 3
  assert arrays["child/step"] == 15
  lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
  assert [json.loads(line)["step"] for line in lines] == [
    2,
    4,
    5,
    8,
    10,
    11,
    12,
    13,
    16,
    18,
    19,
  ]
  assert "epoch 3/3" in said and "Resuming" not in said


@pytest.mark.parametrize("last_step", [1, 7, 11])
def test_killed_run_goes_on(tmp_path, last_step):
  """It leaves the lines and the checkpoint of one that was not killed."""
  whole, killed = tmp_path / "whole", tmp_path / "killed"
  for folder in (whole, killed):
    folder.mkdir()
  run(make_parts()[0], whole)
  with pytest.raises(PowerCut):
    run(make_parts(last_step)[0], killed)
  said = run(make_parts()[0], killed)
  if last_step > 1:
    epoch, step = divmod(last_step, 5)
    step -= step % 2  # The last chunk was not whole.
    assert f"Resuming the search at epoch {epoch + 1}, step {step}" in said
  name = "metrics.jsonl"
  assert (killed / name).read_bytes() == (whole / name).read_bytes()
  (step, arrays), (other_step, others) = saved(whole), saved(killed)
  assert step == other_step
  for each in arrays:
    np.testing.assert_array_equal(others[each], arrays[each], each)


def test_run_saves_at_the_end_of_an_epoch_though_nothing_is_due(tmp_path):
  with pytest.raises(PowerCut):
    run(make_parts(last_step=9)[0], tmp_path, save_minutes=60.0)
  _, arrays = saved(tmp_path)
  assert arrays["position/epoch"] == 1
  assert arrays["position/child_steps"] == 0


def test_longer_run_goes_on_where_a_shorter_one_ended(tmp_path):
  run(make_parts()[0], tmp_path, num_epochs=1)
  parts, calls = make_parts()
  said = run(parts, tmp_path, num_epochs=2)
  assert "epoch 2" in said
  assert calls == CHILD + CONTROLLER


def test_run_that_is_done_does_nothing(tmp_path):
  run(make_parts()[0], tmp_path)
  before = saved(tmp_path)[0], (tmp_path / "metrics.jsonl").read_bytes()
  parts, calls = make_parts()
  run(parts, tmp_path)
  assert calls == []
  after = saved(tmp_path)[0], (tmp_path / "metrics.jsonl").read_bytes()
  assert after == before


@pytest.mark.parametrize("stop_at", range(1, 15))
def test_stopped_run_goes_on(tmp_path, stop_at):
  """It stops at once, and ends with the arrays of one that was not stopped."""
  whole, stopped = tmp_path / "whole", tmp_path / "stopped"
  for folder in (whole, stopped):
    folder.mkdir()
  run(make_parts()[0], whole)
  parts, _ = make_parts()
  with pytest.raises(SystemExit):
    run(parts, stopped, save_minutes=60.0, stop_at=stop_at)
  assert saved(stopped)[1]["child/step"] == stop_at
  said = run(make_parts()[0], stopped)
  assert "Resuming the search" in said
  arrays, others = saved(whole)[1], saved(stopped)[1]
  for each in arrays.keys() - {"position/tick"}:
    np.testing.assert_array_equal(others[each], arrays[each], each)


def test_goes_back_to_an_older_checkpoint(tmp_path):
  whole, other = tmp_path / "whole", tmp_path / "other"
  for folder in (whole, other):
    folder.mkdir()
    run(make_parts()[0], folder, max_checkpoints_to_keep=9)
  before = (other / "metrics.jsonl").read_bytes()
  step = checkpoints.steps(other / search.FOLDER)[2]
  said = run(make_parts()[0], other, resume_from=step)
  assert "Resuming the search" in said
  assert (other / "metrics.jsonl").read_bytes() == before
  for each, value in saved(whole)[1].items():
    np.testing.assert_array_equal(saved(other)[1][each], value, each)
