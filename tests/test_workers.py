"""Searches whose children are trained by workers, and what befalls them."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from tests import forked

ROOT = pathlib.Path(__file__).parent.parent
FLAGS = (
  "--evaluator=from_scratch",
  "--controller=random",
  "--data=digits",
  "--child_ops=identity,conv_1x1",
  "--child_num_cells=1",
  "--child_epochs=1",
  "--final_num_layers=1",
  "--final_out_filters=2",
  "--final_use_aux_heads=false",
  "--final_batch_size=400",
  "--num_epochs=1",
  "--controller_train_steps=3",
  "--controller_num_aggregate=2",
  "--num_workers=2",
)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
  runner = forked.Runner(tmp_path_factory.mktemp("pipes"))
  yield lambda *flags: runner.start(*FLAGS, *flags)
  runner.close()


def children(pid):
  """Returns the processes that a process has started, by the system."""
  path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
  return [
    int(each)
    for each in path.read_text().split()
    if b"spawn_main" in pathlib.Path(f"/proc/{each}/cmdline").read_bytes()
  ]


def wait_for(condition, seconds):
  deadline = time.monotonic() + seconds
  while not condition():
    assert time.monotonic() < deadline
    time.sleep(0.02)


def are_gone(pids):
  return not any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids)


def test_nothing_is_lost_or_paid_twice(start, tmp_path):
  """The search is killed, a worker is, and Ctrl-C is pressed."""
  folder = tmp_path / "run"
  file = folder / "trials.jsonl"

  def trials():
    lines = file.read_text().splitlines() if file.exists() else []
    return [line for line in lines if "number" in json.loads(line)]

  command = start(f"--output_dir={folder}")
  wait_for(trials, 200)
  pids = children(command.pid)
  assert len(pids) == 2
  command.send(signal.SIGKILL)
  command.wait()
  wait_for(lambda: are_gone(pids), 5)
  before = trials()

  command = start(f"--output_dir={folder}")
  wait_for(lambda: children(command.pid), 100)
  os.kill(children(command.pid)[0], signal.SIGKILL)
  wait_for(lambda: len(trials()) > len(before), 200)
  pids = children(command.pid)
  started = time.monotonic()
  command.send(signal.SIGINT)
  assert command.wait().code == 130
  assert time.monotonic() - started < 10
  wait_for(lambda: are_gone(pids), 1)

  done = start(f"--output_dir={folder}").wait()
  assert done.code == 0, done
  found = list(map(json.loads, trials()))
  assert trials()[: len(before)] == before
  assert sorted(each["number"] for each in found) == list(range(6))
  assert {each["status"] for each in found} == {"done"}


SCRIPT = """
import sys

import keras
import numpy as np
import tensorflow as tf
from sklearn import datasets

import enas_tf
from enas_tf.runs import children


def half(filters):
  return keras.layers.Conv2D(filters, 1, activation="swish")


enas_tf.register_operation("half", half)


def main():
  digits = datasets.load_digits(n_class=3)
  images = (digits.images[..., None] * 15).astype("uint8")
  search = enas_tf.Search(
    data=tf.data.Dataset.from_tensor_slices((images, digits.target)),
    output_dir=sys.argv[1],
    child_ops=["half", "identity"],
    child_num_cells=1,
    final_num_layers=1,
    final_out_filters=2,
    final_batch_size=100,
    num_workers=2,
    deterministic=True,
  )
  parts = search._parts()
  engine = children.make_engine(parts)
  arcs = [parts.space.decode([0, 1, 0, 0, 1, 0, 0, 1])] * 4
  curves = [[] for _ in arcs]

  def on_report(place, seed, epoch, score):
    curves[place].append(score)
    return True

  for each in children.score_arcs(
    parts, engine, arcs, epochs=3, on_report=on_report
  ):
    assert each.reason is None, each
  assert curves[0] == curves[1] == curves[2] == curves[3], curves
  print("Curves are the same:", len(curves[0]))
  engine.close()


if __name__ == "__main__":
  main()
"""


@pytest.mark.slow
def test_a_program_has_data_and_operations_of_its_own(tmp_path):
  """And with `deterministic`, an arc has the same scores again and again."""
  path = tmp_path / "program.py"
  path.write_text(SCRIPT)
  done = subprocess.run(
    [sys.executable, str(path), str(tmp_path / "run")],
    env=os.environ | {"PYTHONPATH": str(ROOT)},
    capture_output=True,
    text=True,
    timeout=300,
  )
  assert "Curves are the same: 3" in done.stdout, done.stderr
