"""The real entry point, in processes of its own, on the smallest recipe."""

import json
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

from enas_tf import errors, main
from enas_tf.recipes import base, experiments

ROOT = pathlib.Path(__file__).parent.parent
SMOKE = {
  space: f"--flagfile={ROOT / 'flags' / f'smoke_{space}.flags'}"
  for space in ("micro", "macro", "rnn")
}


def run(*flags, code=0):
  process = subprocess.run(
    [sys.executable, "-m", "enas_tf.main", *map(str, flags)],
    cwd=ROOT,
    capture_output=True,
    text=True,
    timeout=300,
    check=False,
  )
  assert process.returncode == code, process.stdout + process.stderr
  return process


@pytest.fixture(scope="module", params=SMOKE)
def finished(request, tmp_path_factory):
  """A folder in which every verb has run once."""
  folder = tmp_path_factory.mktemp("runs") / "run"
  process = run(SMOKE[request.param], f"--output_dir={folder}")
  return folder, process


def test_says_what_it_found(finished):
  folder, process = finished
  assert re.search(r"Test (accuracy|perplexity) [0-9.]+ on", process.stdout)
  assert "tensorboard --logdir" in process.stdout
  assert process.stderr == ""
  best = json.loads((folder / "best_arc.json").read_text())
  assert best["arc_string"] in process.stdout


def test_leaves_its_files(finished):
  folder, _ = finished
  lines = (folder / "metrics.jsonl").read_text().splitlines()
  assert all("step" in json.loads(line) for line in lines)
  (child,) = (folder / "final").iterdir()
  assert json.loads((child / "evaluation.json").read_text())
  assert list((folder / "tensorboard").iterdir())


def test_verbs_take_their_settings_from_the_run(finished):
  folder, _ = finished
  before = json.loads((folder / "leaderboard.json").read_text())
  run(f"--output_dir={folder}", "--mode=derive")
  assert json.loads((folder / "leaderboard.json").read_text()) == before


@pytest.mark.parametrize("finished", ["micro"], indirect=True)
def test_evaluating_again_changes_nothing(finished):
  folder, process = finished
  (path,) = folder.glob("final/*/evaluation.json")
  before = path.read_text()
  said = run(f"--output_dir={folder}", "--mode=evaluate").stdout
  assert said.splitlines()[1] in process.stdout
  assert path.read_text() == before


def test_channel_ranges(tmp_path):
  """The other macro space, with what makes its smoke run a small one."""
  folder = tmp_path / "run"
  process = run(
    SMOKE["macro"],
    "--nocontroller_search_whole_channels",
    "--child_num_layers=2",
    "--child_ops=conv_3x3,avg_pool_3x3",
    "--batch_size=256",
    f"--output_dir={folder}",
  )
  assert "Test accuracy" in process.stdout
  best = json.loads((folder / "best_arc.json").read_text())
  assert best["arc"]["space"] == "macro_channels"
  assert (folder / "export" / "saved_model").is_dir()


# That of a language model: tests/tasks/test_saved_text.py.
@pytest.mark.parametrize("finished", ["micro", "macro"], indirect=True)
def test_saved_model_answers_without_enas_tf(finished, tmp_path):
  folder, _ = finished
  pixels = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)
  np.save(tmp_path / "pixels.npy", pixels)
  script = f"""
import sys
import numpy as np, tensorflow as tf
model = tf.saved_model.load({str(folder / "export" / "saved_model")!r})
pixels = np.load({str(tmp_path / "pixels.npy")!r})
answer = model(tf.constant(pixels))
floats = model(tf.constant(pixels, tf.float32))
np.testing.assert_allclose(answer["probabilities"], floats["probabilities"])
assert not any(name.startswith("enas_tf") for name in sys.modules)
np.save({str(tmp_path / "answer.npy")!r}, answer["probabilities"])
assert len(model.class_names.numpy()) == 10
"""
  subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
  from enas_tf.runs import fit

  (child,) = (folder / "final").iterdir()
  model, description = fit.load(child, "")
  normalized = (pixels / 255 - description["mean"]) / description["std"]
  logits = model(normalized.astype(np.float32)).numpy()
  expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
  np.testing.assert_allclose(
    np.load(tmp_path / "answer.npy"), expected, rtol=1e-4, atol=1e-6
  )


@pytest.mark.parametrize(
  ("flags", "words"),
  [
    (["--no_such_flag=1"], "no_such_flag"),
    (["--data_format=NCHW"], "NHWC"),
    (["--child_num_layers=0"], "--child_num_layers must be at least 1"),
    (["--child_out_filters=7"], "even"),
    (["--controller_entropy_weight=inf"], "a finite number"),
    (["--mode=search", "--child_fixed_arc=enas_micro"], "needs no search"),
    (["--search_for=rnn", "--child_out_filters=4"], "in this search space"),
    (["--search_for=rnn", "--data=digits"], "is not for --search_for=rnn"),
    # Behind the start of TensorFlow; more of these below.
    (["--data=digits", "--child_fixed_arc=1 2"], "40 integers"),
  ],
)
def test_bad_input_is_one_error(flags, words, tmp_path):
  process = run(f"--output_dir={tmp_path / 'run'}", *flags, code=1)
  assert words in process.stderr
  assert "Traceback" not in process.stderr


@pytest.mark.parametrize(
  ("changed", "words"),
  [
    (dict(batch_size=5000), "`batch_size`"),
    (dict(child_ops=("no_op",)), "no_op"),
    (dict(data="cifar10", data_path="/no/such"), "does not exist"),
    (dict(mode="evaluate"), "no trained child"),
  ],
)
def test_what_a_verb_refuses_is_an_error_of_the_user(changed, words, tmp_path):
  given = {"data": "digits", "output_dir": str(tmp_path)} | changed
  experiment = experiments.build(base.get("micro").experiment, given)
  with pytest.raises(errors.UserError, match=words):
    main._run(experiment)


def test_foreign_folder_is_left_alone(tmp_path):
  (tmp_path / "precious").write_text("mine")
  for flags in ([], ["--reset_output_dir"]):
    run(SMOKE["micro"], f"--output_dir={tmp_path}", *flags, code=1)
    assert (tmp_path / "precious").read_text() == "mine"
