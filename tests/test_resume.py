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

ROOT = pathlib.Path(__file__).parent.parent
FLAGS = (
  "--deterministic",
  "--save_minutes=0",
  "--num_epochs=3",
  "--final_num_epochs=3",
  "--log_every=7",
)


def start(folder, space, *flags):
  return subprocess.Popen(
    [sys.executable, "-m", "enas_tf.main",
     f"--flagfile={ROOT}/flags/smoke_{space}.flags", *FLAGS,
     f"--output_dir={folder}", *flags],
    cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    # A shell that starts the tests in the background ignores Ctrl-C.
    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
  )  # fmt: skip


def finish(process) -> str:
  output, _ = process.communicate(timeout=300)
  assert process.returncode == 0, output
  return output


def stop_after(process, folder: pathlib.Path, name: str, lines, how, wait=True):
  """Sends a signal when a file has so many lines; returns the output."""
  deadline = time.monotonic() + 200
  while not any(
    path.read_bytes().count(b"\n") >= lines for path in folder.glob(name)
  ):
    assert process.poll() is None, process.communicate()[0]
    assert time.monotonic() < deadline
    time.sleep(0.02)
  process.send_signal(how)
  if not wait:
    return None
  output, _ = process.communicate(timeout=60)
  assert process.returncode != 0
  return output


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
  params=["micro", "rnn", pytest.param("macro", marks=pytest.mark.slow)],
)
def whole(request, tmp_path_factory):
  """A space, and the folder of a run of it that nothing interrupted."""
  folder = tmp_path_factory.mktemp("whole") / "run"
  finish(start(folder, request.param))
  return request.param, folder


def contents(folder):
  """Returns what a run found, by path."""
  names = ("leaderboard.json", "best_arc.json", "final/*/metrics.csv",
           "final/*/evaluation.json")  # fmt: skip
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


def test_killed_and_resumed(whole, tmp_path):
  space, uninterrupted = whole
  folder = tmp_path / "run"
  lines = 3 + os.getpid() % 5  # Any moment will do.
  search = start(folder, space)
  stop_after(search, folder, "metrics.jsonl", lines, signal.SIGKILL)
  search = start(folder, space)
  output = stop_after(
    search, folder, "final/*/metrics.csv", 3, signal.SIGKILL
  )
  assert "Resuming the search" in output
  output = finish(start(folder, space))
  assert "Resuming the training at epoch" in output
  assert_same(folder, uninterrupted)


@pytest.mark.parametrize(
  "how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=str
)
def test_asked_to_stop(whole, tmp_path, how):
  """It stops at the next whole step, saved, and goes on from there."""
  space, uninterrupted = whole
  folder = tmp_path / "run"
  process = start(folder, space, "--save_minutes=60", "--log_every=1000")
  deadline = time.monotonic() + 200
  while "entropy" not in process.stdout.readline():
    assert time.monotonic() < deadline
  process.send_signal(how)
  asked = time.monotonic()
  output, _ = process.communicate(timeout=60)
  assert time.monotonic() - asked < 10
  assert process.returncode == 128 + how
  assert "Stopping at the next whole step" in output
  assert "and saved. The same command goes on from there." in output
  assert "Traceback" not in output
  output = finish(start(folder, space))
  assert "Resuming the" in output
  assert_same(folder, uninterrupted, are_ticks_same=False)


def test_asked_to_stop_before_the_first_step(tmp_path):
  folder = tmp_path / "run"
  process = start(folder, "micro")
  while not (folder / "manifest.json").exists():
    time.sleep(0.02)
  process.send_signal(signal.SIGTERM)
  output, _ = process.communicate(timeout=60)
  assert process.returncode == 128 + signal.SIGTERM
  assert "Interrupted. The same command goes on" in output
  assert "Traceback" not in output


def test_asked_twice_to_stop(tmp_path):
  folder = tmp_path / "run"
  process = start(folder, "micro")
  stop_after(process, folder, "metrics.jsonl", 3, signal.SIGINT, wait=False)
  process.send_signal(signal.SIGINT)
  output, _ = process.communicate(timeout=60)
  assert process.returncode == 128 + signal.SIGINT
  assert "Traceback" not in output
