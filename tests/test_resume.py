"""A run that is killed and started again ends as one that was not."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests import forked

ROOT = pathlib.Path(__file__).parent.parent
FLAGS = (
  "--deterministic",
  "--save_minutes=0.01",
  "--num_epochs=3",
  "--final_num_epochs=3",
  "--log_every=7",
)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
  """Starts the recipe of a space in a folder."""
  runner = forked.Runner(tmp_path_factory.mktemp("pipes"))

  def start(folder, space, *flags):
    return runner.start(
      f"--flagfile={ROOT}/flags/smoke_{space}.flags",
      *FLAGS,
      f"--output_dir={folder}",
      *flags,
    )

  yield start
  runner.close()


def finish(command) -> str:
  done = command.wait()
  assert done.code == 0, done
  return done.stdout


def stop_after(command, folder: pathlib.Path, name: str, lines, how):
  """Sends a signal when a file has so many lines."""
  deadline = time.monotonic() + 200
  while not any(
    path.read_bytes().count(b"\n") >= lines for path in folder.glob(name)
  ):
    assert command.poll() is None, command.wait()
    assert time.monotonic() < deadline
    time.sleep(0.02)
  command.send(how)


def metrics(folder) -> list[dict]:
  """Returns the lines of metrics.jsonl without the clock."""
  lines = (folder / "metrics.jsonl").read_text().splitlines()
  rows = [json.loads(line) for line in lines]
  return [{k: v for k, v in row.items() if k != "time"} for row in rows]


def arrays(folder) -> dict:
  """Returns the newest checkpoint's arrays."""
  with np.load(sorted(folder.glob("*.npz"))[-1]) as file:
    return {name: file[name] for name in file.files}


@pytest.fixture(
  scope="module",
  params=[
    "rnn",
    pytest.param("micro", marks=pytest.mark.slow),
    pytest.param("macro", marks=pytest.mark.slow),
  ],
)
def whole(request, start, tmp_path_factory):
  """A space, and the folder of a run of it that nothing interrupted."""
  folder = tmp_path_factory.mktemp("whole") / "run"
  finish(start(folder, request.param))
  return request.param, folder


def contents(folder):
  """Returns what a run found, by path."""
  names = (
    "leaderboard.json",
    "best_arc.json",
    "final/*/metrics.csv",
    "final/*/evaluation.json",
  )
  return {
    str(path.relative_to(folder)): path.read_text()
    for name in names
    for path in folder.glob(name)
  }


def assert_same(folder, other, are_ticks_same=True):
  assert contents(folder) == contents(other)
  if are_ticks_same:
    assert metrics(folder) == metrics(other)
  for name in ("checkpoints", "final/*/checkpoints"):
    (one,), (two,) = folder.glob(name), other.glob(name)
    found, expected = arrays(one), arrays(two)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
      if are_ticks_same or key not in ("position/tick", "__meta__"):
        np.testing.assert_array_equal(found[key], value, err_msg=key)


def test_killed_and_resumed(whole, start, tmp_path):
  space, uninterrupted = whole
  folder = tmp_path / "run"
  lines = 6 + os.getpid() % 5  # Any moment after the first epoch will do.
  command = start(folder, space)
  stop_after(command, folder, "metrics.jsonl", lines, signal.SIGKILL)
  assert command.wait().code == -signal.SIGKILL
  command = start(folder, space)
  stop_after(command, folder, "final/*/metrics.csv", 3, signal.SIGKILL)
  assert "Resuming the search" in command.wait().stdout
  output = finish(start(folder, space))
  assert "Resuming the training at epoch" in output
  assert_same(folder, uninterrupted)


MANY = ("--controller_train_steps=30", "--mode=search", "--save_minutes=60")


def trial_lines(folder) -> list[dict]:
  """Returns the lines of the log of trials, without how long each took."""
  lines = (folder / "trials.jsonl").read_text().splitlines()
  return [{**json.loads(line), "seconds": 0} for line in lines]


def test_killed_between_trials(start, tmp_path):
  """No arc is scored twice, and the end is that of an undisturbed run."""
  whole, folder = tmp_path / "whole", tmp_path / "run"
  finish(start(whole, "rnn", *MANY))
  for lines in (10, 150):  # In the first phase and, from there, the third.
    command = start(folder, "rnn", *MANY)
    stop_after(command, folder, "trials.jsonl", lines, signal.SIGKILL)
    assert command.wait().code == -signal.SIGKILL
    assert lines <= len(trial_lines(folder)) < 181
  finish(start(folder, "rnn", *MANY))
  assert trial_lines(folder) == trial_lines(whole)
  numbers = [x["number"] for x in trial_lines(folder) if "number" in x]
  assert len(numbers) == len(set(numbers)) == 3 * 30 * 2
  assert metrics(folder) == metrics(whole)
  # Whoever goes back has them scored again.
  steps = sorted((folder / "checkpoints").glob("*.npz"))
  step = int(steps[-2].stem.split("-")[1])
  finish(start(folder, "rnn", *MANY, f"--resume_from={step}"))
  lines = trial_lines(folder)
  (rewind,) = [i for i, line in enumerate(lines) if "rewind" in line]
  assert rewind == 181
  assert lines[rewind + 1 :] == lines[121:181]
  assert metrics(folder) == metrics(whole)


def test_asked_to_stop(whole, start, tmp_path):
  """It stops at the next whole step, saved, and goes on from there."""
  space, uninterrupted = whole
  folder = tmp_path / "run"
  command = start(folder, space, "--save_minutes=60", "--log_every=1000")
  deadline = time.monotonic() + 200
  while "entropy" not in command.stdout:
    assert time.monotonic() < deadline
    time.sleep(0.02)
  command.send(signal.SIGTERM)
  asked = time.monotonic()
  done = command.wait()
  assert time.monotonic() - asked < 20
  assert done.code == 128 + signal.SIGTERM
  assert "Stopping at the next whole step" in done.stderr
  assert "and saved. The same command goes on from there." in done.stdout
  output = finish(start(folder, space))
  assert "Resuming the" in output
  assert_same(folder, uninterrupted, are_ticks_same=False)


def test_asked_to_stop_before_the_first_step(tmp_path):
  """While TensorFlow is imported, there is nothing to save."""
  folder = tmp_path / "run"
  process = subprocess.Popen(
    [sys.executable, "-m", "enas_tf.main", f"--output_dir={folder}"],
    cwd=ROOT,
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
  )
  while not (folder / "manifest.json").exists():
    time.sleep(0.02)
  process.send_signal(signal.SIGTERM)
  output, _ = process.communicate(timeout=60)
  assert process.returncode == 128 + signal.SIGTERM
  assert "Interrupted. The same command goes on" in output
  assert "Traceback" not in output
