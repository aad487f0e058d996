"""The scripts of examples/ do what they say, each run as small as can be."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
# Runs a script with other defaults of a search.
SMALL = """
import functools, runpy, sys
import enas_tf
enas_tf.Search = functools.partial(
  enas_tf.Search,
  controller_num_aggregate=2,
  derive_samples=4,
  derive_top=1,
  {more}
)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
IMAGES = "child_use_aux_heads=False, final_out_filters=4, final_num_layers=1"


def run(name, folder, more=IMAGES):
  """Returns what an example printed, run for an epoch in a folder."""
  done = subprocess.run(
    [sys.executable, "-c", SMALL.format(more=more), EXAMPLES / name, "1"],
    cwd=folder,
    env=os.environ | {"PYTHONPATH": str(ROOT)},
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stdout + done.stderr
  assert set(os.listdir(folder)) == {"outputs"}
  return done.stdout


def accuracy(printed):
  return float(re.search(r"'test_accuracy': ([\d.]+)", printed).group(1))


def test_digits(tmp_path):
  printed = run("digits.py", tmp_path)
  assert 0 <= accuracy(printed) <= 1
  seen = re.search(r"Seen: \[(.*)\] in truth: \[(.*)\]", printed)
  assert [len(each.split()) for each in seen.groups()] == [9, 9]
  trained = tmp_path / "outputs/examples/digits/final"
  assert list(trained.glob("micro-*/child.keras"))


@pytest.mark.slow
def test_own_operations(tmp_path):
  printed = run("own_operations.py", tmp_path)
  assert 0 <= accuracy(printed) <= 1
  folder = tmp_path / "outputs/examples/own_operations"
  assert "swish_conv" in (folder / "best_arc.dot").read_text() + printed
  assert (folder / "export/saved_model/saved_model.pb").exists()


def test_own_text(tmp_path):
  printed = run("own_text.py", tmp_path, "log_every=100")
  assert re.search(r"'test_perplexity': \d", printed)
  *_, text = printed.splitlines()
  assert text.startswith("the ") and len(text.split()) == 21


def test_every_example_is_run():
  here = pathlib.Path(__file__).read_text()
  for path in EXAMPLES.glob("*.py"):
    assert f"def test_{path.stem}(" in here, path
