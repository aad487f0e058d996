import json
from typing import NamedTuple

import numpy as np
import pytest

from enas_tf import checkpoints, errors, trials
from enas_tf.controllers import child_arcs, random_search
from enas_tf.evaluators import base as evaluators
from enas_tf.recipes import base
from enas_tf.report import callbacks
from enas_tf.runs import algorithm, assembly, search
from enas_tf.spaces import micro
from enas_tf.tasks import images
from tests.runs import context

SPACE = micro.MicroSpace(1, ("identity", "conv_1x1"))
PLAN = algorithm.Plan(
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
  """Learns the sum of all rewards, and where it stands in its arcs."""

  def __init__(self, calls):
    super().__init__(SPACE, seed=0)
    self._calls = calls
    self._learned = 0.0

  def sample(self, n):
    self._calls.append(f"sample {n}")
    return super().sample(n)

  def propose(self, n):
    self._calls.append(f"propose {n}")
    return random_search.RandomSearch.sample(self, n)

  def take_back(self, n):
    if n:
      self._calls.append(f"take back {n}")
    super().take_back(n)

  def update(self, trials):
    self._calls.append(f"update {len(trials)}")
    self._learned += sum(each.reward for each in trials)
    return {"controller/learned": self._learned}

  def state(self):
    return super().state() | {"learned": np.array(self._learned)}

  def restore(self, arrays):
    super().restore(arrays)
    self._learned = float(arrays["learned"])


class Child:
  """Its loss is a function of all arcs so far and of the flushes."""

  def __init__(self, calls, last_step=None):
    self._calls = calls
    self._last_step = last_step
    self._weight = 1.0
    self.num_steps = 0

  def run(self, arcs, stop):
    self._calls.append(f"run {len(arcs)}")
    for arc in arcs:
      if self.num_steps == self._last_step:
        raise PowerCut
      self._weight = 0.9 * self._weight + float(arc @ range(1, 9))
      self.num_steps += 1
      if stop():
        break
    return {"child/loss": self._weight}

  def flush(self):
    self._calls.append("flush")
    self._weight /= 2

  def state(self):
    return {"weight": np.array(self._weight), "step": np.array(self.num_steps)}

  def restore(self, arrays):
    self._weight = float(arrays["weight"])
    self.num_steps = int(arrays["step"])


class Evaluator(evaluators.Evaluator):
  """The mean of an arc, and how many were scored before it.

  Args:
    calls: takes what was asked for in.
    last_trial: how many trials it lives for.
  """

  def __init__(self, calls, last_trial=None):
    self._calls = calls
    self._last_trial = last_trial
    self.count = 0

  def evaluate(self, proposals, stop=evaluators.never):
    self._calls.append(f"evaluate {len(proposals)}")
    for each in proposals:
      if self.count == self._last_trial:
        raise PowerCut
      self.count += 1
      scores = {"reward": float(np.mean(each.arc)) + self.count}
      yield trials.answer(each, scores, 0.0)

  def skip(self, known):
    if known:
      self._calls.append(f"skip {len(known)}")
    self.count += len(known)

  def state(self):
    return {"count": np.array(self.count)}

  def restore(self, arrays):
    self.count = int(arrays["count"])


def make_parts(last_step=None, last_trial=None):
  """Returns new parts, and the list of what will be asked of them."""
  calls = []
  controller = Controller(calls)
  parts = assembly.SearchParts(
    controller=controller,
    child_arcs=child_arcs.ChildArcs(controller),
    child=Child(calls, last_step),
    evaluator=Evaluator(calls, last_trial),
    child_steps=PLAN.child_steps,
    fingerprint={},
  )
  return parts, calls


def start(parts, position, plan=PLAN, log=None):
  return algorithm.search(parts, log or trials.TrialLog(), position, plan)


def run_all(plan=PLAN):
  """Returns (events, calls, the tick after each event) of a whole search."""
  parts, calls = make_parts()
  position = algorithm.Position()
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
    assert one.trials == other.trials


CHILD = [
  "sample 2",
  "run 2",
  "sample 2",
  "run 2",
  "sample 1",
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
  told = []
  for event in events:
    if event.kind == "child":
      assert event.arcs.dtype == np.int32
      assert event.trials is None
      assert list(event.metrics) == ["child/loss"]
    elif event.kind == "controller":
      assert event.arcs.dtype == np.int32
      assert event.arcs.shape == (3, 8)
      assert [each.arc for each in event.trials] == list(
        map(tuple, event.arcs.tolist())
      )
      assert list(event.metrics) == ["controller/learned"]
      told.append(event.trials)
    else:  # The controller has a phase in every second epoch.
      assert event.arcs is None and event.metrics == {}
      assert event.trials == sum(told, [])
      told = []
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
  position = algorithm.Position()
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
  position, log = algorithm.Position(), trials.TrialLog()
  events = start(parts, position, log=log)
  for _ in range(done):
    next(events)
  others, _ = make_parts()
  other_position = algorithm.Position()
  saved = search.stateful_parts(parts, position)
  for name, part in search.stateful_parts(others, other_position).items():
    part.restore(saved[name].state())
  return list(start(others, other_position, log=log))


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
  position = algorithm.Position()
  assert search.stateful_parts(parts, position) == {
    "position": position,
    "controller": parts.controller,
    "child": parts.child,
    "child_arcs": parts.child_arcs,
    "evaluator": parts.evaluator,
  }


class Assembly(NamedTuple):
  """What the verb needs of an assembly."""

  experiment: base.Experiment
  search: assembly.SearchParts
  space: micro.MicroSpace = SPACE
  task: type[images.ImageClassification] = images.ImageClassification


def run(
  parts,
  folder,
  num_epochs=3,
  save_minutes=0.0,
  stop_at=None,
  callbacks=(),
  lr=0.1,
  **kwargs,
):
  """Runs the verb on parts; returns what was said."""
  experiment = context.experiment(
    log_every=2,
    save_minutes=save_minutes,
    num_epochs=num_epochs,
    controller_train_steps=2,
    controller_train_every=2,
    controller_num_aggregate=3,
    controller_lr=lr,
    **kwargs,
  )
  command, screen = context.make(folder, experiment)
  command.callbacks = callbacks
  if stop_at is not None:
    command.stop.requested = lambda: parts.child.num_steps >= stop_at
  search.run(Assembly(experiment, parts), command)
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
    14,  # Of the guards, after an epoch with trials.
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


@pytest.mark.parametrize(
  ("epochs", "more", "waits"),
  [
    (2, {}, True),
    (3, {}, False),
    (2, dict(controller_training=False), False),
  ],
)
def test_says_so_if_the_controller_waits_for_the_whole_search(
  tmp_path, epochs, more, waits
):
  parts, _ = make_parts()
  said = run(parts, tmp_path, epochs, child_warmup_epochs=2, **more)
  assert ("waits for 2 epochs, and the search has 2" in said) is waits


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


def counted(calls):
  """Returns how many arcs an evaluator was asked for."""
  return sum(int(x.split()[1]) for x in calls if x.startswith("evaluate"))


NUM_TRIALS = 6  # Of a whole search: one phase of two updates, three arcs each.


@pytest.mark.parametrize("last_trial", range(NUM_TRIALS))
@pytest.mark.parametrize("save_minutes", [0.0, 60.0])
def test_no_trial_is_paid_for_twice(tmp_path, last_trial, save_minutes):
  """Whichever trial the run is killed at, and wherever the checkpoint is."""
  whole, killed = tmp_path / "whole", tmp_path / "killed"
  for folder in (whole, killed):
    folder.mkdir()
  run(make_parts()[0], whole)
  parts, _ = make_parts(last_trial=last_trial)
  with pytest.raises(PowerCut):
    run(parts, killed, save_minutes=save_minutes)
  assert len(trials.read(killed)) == last_trial
  parts, calls = make_parts()
  run(parts, killed, save_minutes=save_minutes)
  assert counted(calls) == NUM_TRIALS - last_trial
  for name in ("metrics.jsonl", trials.FILE):
    assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
  for name, value in saved(whole)[1].items():
    np.testing.assert_array_equal(saved(killed)[1][name], value, name)


def test_log_of_trials_by_hand(tmp_path):
  parts, _ = make_parts()
  run(parts, tmp_path)
  found = trials.read(tmp_path)
  # Ten child steps come first, and nobody answers for their arcs.
  assert [each.number for each in found] == [10, 11, 12, 13, 14, 15]
  for each in found:
    rng = np.random.default_rng([0, each.number])
    arc = SPACE.random(rng)
    assert SPACE.decode(each.arc) == arc
    assert each.reward == np.mean(SPACE.encode(arc)) + each.number - 9
  lines = (tmp_path / trials.FILE).read_text().splitlines()
  assert json.loads(lines[1])["arc_string"] == str(SPACE.decode(found[0].arc))


def test_going_back_takes_trials_back(tmp_path):
  """They are evaluated again: that is what one goes back for."""
  run(make_parts()[0], tmp_path, max_checkpoints_to_keep=99)
  before = trials.read(tmp_path)
  # Behind the first update of two.
  steps = checkpoints.steps(tmp_path / search.FOLDER)
  (step,) = [x for x in steps if x == 12]
  parts, calls = make_parts()
  run(parts, tmp_path, resume_from=step)
  assert counted(calls) == 3
  assert trials.read(tmp_path) == before
  assert '{"rewind": 13}' in (tmp_path / trials.FILE).read_text()


def test_other_settings_take_trials_back(tmp_path):
  """What they change would have other answers; those of old ones stay."""
  with pytest.raises(PowerCut):
    run(make_parts(last_trial=5)[0], tmp_path)
  parts, calls = make_parts()
  run(parts, tmp_path, lr=0.2)
  assert counted(calls) == 3  # The checkpoint is behind the first update.
  assert [each.number for each in trials.read(tmp_path)] == list(range(10, 16))


def test_longer_search_keeps_its_trials(tmp_path):
  with pytest.raises(PowerCut):
    run(make_parts(last_trial=5)[0], tmp_path, num_epochs=2)
  parts, calls = make_parts()
  run(parts, tmp_path, num_epochs=3)
  assert counted(calls) == 1


def test_trials_of_other_arcs_do_not_count(tmp_path):
  """A search that is not deterministic may take another way."""
  with pytest.raises(PowerCut):
    run(make_parts(last_trial=5)[0], tmp_path, save_minutes=60.0)
  path = tmp_path / trials.FILE
  lines = path.read_text().splitlines(keepends=True)
  line = json.loads(lines[3])
  assert line["number"] == 12
  line["arc"][1] = 1 - line["arc"][1]
  path.write_text("".join([*lines[:3], json.dumps(line) + "\n", *lines[4:]]))
  parts, calls = make_parts()
  run(parts, tmp_path)
  assert counted(calls) == 4
  assert "skip 2" in calls


def test_damaged_log_is_one_clear_error(tmp_path):
  with pytest.raises(PowerCut):
    run(make_parts(last_trial=5)[0], tmp_path)
  path = tmp_path / trials.FILE
  lines = path.read_text().splitlines(keepends=True)
  path.write_text("".join([*lines[:2], "{}\n", *lines[2:]]))
  with pytest.raises(errors.OutputDirError, match="line 3.*KeyError"):
    run(make_parts()[0], tmp_path)


class Listener(callbacks.Callback):
  """Notes what it is told."""

  def __init__(self):
    self.told = []

  def on_step(self, step, metrics):
    self.told.append(("step", step, sorted(metrics)[-1]))

  def on_trial(self, trial):
    self.told.append(("trial", trial.number))

  def on_epoch(self, epoch, metrics):
    self.told.append(("epoch", epoch, "child/loss" in metrics))


def test_callbacks_are_told_in_order(tmp_path):
  listener = Listener()
  run(make_parts()[0], tmp_path, callbacks=[listener], num_epochs=2)
  child = [("step", x, "child/loss") for x in (2, 4, 5, 8, 10, 11)]
  assert listener.told == [
    *child[:3],
    ("epoch", 1, True),
    *child[3:],
    *(("trial", number) for number in (10, 11, 12)),
    ("step", 12, "reward/mean"),
    *(("trial", number) for number in (13, 14, 15)),
    ("step", 13, "reward/mean"),
    ("epoch", 2, True),
  ]
