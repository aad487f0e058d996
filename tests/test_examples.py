"""Examples do what they say, each run as small as can be."""

import os
import pathlib
import re
import subprocess
import sys
import textwrap

import pytest

ROOT = pathlib.Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
# Runs a script with other settings of its search.
SMALL = """
import runpy, sys
import enas_tf
search, more = enas_tf.Search, dict({more})
enas_tf.Search = lambda *args, **given: search(*args, **given | more)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
FEW = (
  "controller_train_steps=1, controller_num_aggregate=2, derive_samples=2, "
  "derive_top=1"
)
IMAGES = (
  f"{FEW}, child_num_layers=1, child_num_cells=1, child_out_filters=4, "
  "child_use_aux_heads=False"
)


def run(name, folder, more=IMAGES, made=("outputs",)):
  """Returns what a script printed, run for an epoch in a folder."""
  done = subprocess.run(
    [sys.executable, "-c", SMALL.format(more=more), EXAMPLES / name, "1"],
    cwd=folder,
    env=os.environ | {"PYTHONPATH": str(ROOT)},
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stdout + done.stderr
  assert set(os.listdir(folder)) == set(made)
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


def test_own_operations(tmp_path):
  printed = run("own_operations.py", tmp_path)
  assert 0 <= accuracy(printed) <= 1
  folder = tmp_path / "outputs/examples/own_operations"
  metrics = (folder / "metrics.jsonl").read_text()
  for word in ("swish_conv", "mirrored_mean"):
    assert f"arcs/op_frequency/{word}" in metrics
  assert (folder / "export/saved_model/saved_model.pb").exists()


def test_own_text(tmp_path):
  printed = run("own_text.py", tmp_path, f"{FEW}, log_every=100")
  assert re.search(r"'test_perplexity': \d", printed)
  *_, text = printed.splitlines()
  assert text.startswith("the ") and len(text.split()) == 21


def test_own_controller(tmp_path):
  printed = run("own_controller.py", tmp_path)
  assert 0 <= accuracy(printed) <= 1
  folder = tmp_path / "outputs/examples/own_controller"
  metrics = (folder / "metrics.jsonl").read_text()
  assert '"controller/temperature": 0.098' in metrics


def test_own_evaluator(tmp_path):
  more = "controller_train_steps=8, derive_top=1"
  printed = run("own_evaluator.py", tmp_path, more)
  assert re.search(r"^ +1 +0\.[89]\d", printed, re.MULTILINE)
  folder = tmp_path / "outputs/examples/own_evaluator"
  trials = (folder / "trials.jsonl").read_text()
  assert '"is_predicted": true' in trials
  assert "surrogate/kendall_tau" in (folder / "metrics.jsonl").read_text()


def test_the_script_of_the_readme(tmp_path):
  readme = (ROOT / "README.md").read_text()
  script = re.search(
    r"^    import enas_tf\n(?:    .*\n)+", readme, re.MULTILINE
  )
  digits = (
    "from sklearn import datasets\n"
    "digits = datasets.load_digits(n_class=2)\n"
    "x, y = digits.images.astype('uint8')[..., None], digits.target\n"
    "x_test, y_test = x[:50], y[:50]\n"
  )
  last = "print(model(x_test).shape)\n"
  path = tmp_path / "script.py"
  path.write_text(digits + textwrap.dedent(script.group()) + last)
  folder = tmp_path / "folder"
  folder.mkdir()
  printed = run(path, folder, f"{IMAGES}, num_epochs=1", {"runs", "saved"})
  assert printed.endswith("(50, 2)\n")
  assert (folder / "saved" / "saved_model.pb").exists()


def test_every_example_is_run():
  here = pathlib.Path(__file__).read_text()
  for path in EXAMPLES.glob("*.py"):
    assert f"def test_{path.stem}(" in here, path


def test_own_space(tmp_path):
  more = (
    "controller_population_size=2, controller_tournament_size=1, "
    "controller_train_steps=1, controller_num_aggregate=2, child_epochs=1, "
    "final_num_epochs=1, evaluator_fraction=0.1"
  )
  printed = run("own_space.py", tmp_path, more)
  assert 0 <= accuracy(printed) <= 1
  assert "Best: {'depth': " in printed


@pytest.mark.parametrize(
  "controller",
  [
    "evolution",
    *(pytest.param(x, marks=pytest.mark.slow) for x in ("random", "bayesian")),
  ],
)
def test_own_grammar(tmp_path, controller):
  more = (
    f"controller={controller!r}, controller_train_steps=1, "
    "controller_num_aggregate=2, child_epochs=1, evaluator_fraction=0.1"
  )
  printed = run("own_grammar.py", tmp_path, more)
  assert "Best: {'tree': " in printed
