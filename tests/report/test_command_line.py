"""What the user sees of real runs, and what happens where it cannot be seen."""

import json
import pathlib
import resource
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tests.report import tensorboard_reader

ROOT = pathlib.Path(__file__).parent.parent.parent
SMOKE = f"--flagfile={ROOT / 'flags' / 'smoke_micro.flags'}"


def run(*flags, redirected="", **options):
  """Runs the command, its output redirected as in a shell."""
  return subprocess.run(
    ["bash", "-c", f'set -o pipefail; "$@" {redirected}', "bash"]
    + [sys.executable, "-m", "enas_tf.main", *map(str, flags)],
    cwd=ROOT,
    capture_output=True,
    text=True,
    timeout=300,
    check=False,
    **options,
  )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
  """A folder in which every verb has run, its output on a full disk."""
  folder = tmp_path_factory.mktemp("runs") / "run"
  process = run(SMOKE, f"--output_dir={folder}", redirected="> /dev/full")
  return folder, process


@pytest.fixture
def copied(finished, tmp_path):
  """A copy of that folder, to be damaged."""
  folder = tmp_path / "run"
  shutil.copytree(finished[0], folder)
  return folder


def check_is_one_error(process, *words):
  assert process.returncode == 1, process.stdout + process.stderr
  assert process.stderr.startswith("error: ") and "Received: " in process.stderr
  assert "Traceback" not in process.stderr
  for word in words:
    assert word in process.stderr


def test_a_run_goes_on_where_its_output_does_not_fit(finished):
  folder, process = finished
  assert process.returncode == 0, process.stderr
  (line,) = process.stderr.splitlines()
  assert "No space left on device" in line
  (path,) = folder.glob("final/*/evaluation.json")
  assert json.loads(path.read_text())
  assert (folder / "export" / "saved_model").is_dir()
  assert (folder / "metrics.jsonl").read_text().count("\n") > 2


def test_a_run_goes_on_when_nobody_reads_its_output(copied):
  shutil.rmtree(copied / "final")
  flags = "--mode=train", f"--output_dir={copied}"
  process = run(*flags, redirected="| head -1")
  assert process.returncode == 0, process.stderr
  assert process.stdout.startswith("The run's folder is ")
  assert process.stdout.count("\n") == 1 and process.stderr == ""
  # Keras has printed too.
  (child,) = (copied / "final").iterdir()
  assert (child / "child.keras").stat().st_size > 0
  assert (child / "metrics.csv").read_text().count("\n") == 2


def test_tensorboard_shows_the_arcs_of_a_search(finished):
  pytest.importorskip("matplotlib")
  folder, _ = finished
  board = tensorboard_reader.Reader(folder)
  texts, pictures = board.texts("tensorboard"), board.pictures("tensorboard")
  assert set(texts) == {"arcs/best", "arcs/sampled", "arcs/sampled_last"}
  (sampled,) = texts["arcs/sampled"]
  (last,) = texts["arcs/sampled_last"]
  (best,) = texts["arcs/best"]
  assert all(len(line.split()) == 8 for line in sampled.splitlines())
  assert last == sampled.splitlines()[-1]
  assert best.splitlines()[0] in sampled and "reward 0." in best
  (tradeoff,) = pictures.pop("derived/tradeoff")
  assert tradeoff.shape[:2] == (400, 900)
  assert set(pictures) == {"arcs/best_picture", "arcs/sampled_last_picture"}
  for (picture,) in pictures.values():
    height, width, _ = picture.shape
    assert 200 < height < 1700 and 200 < width < 1700
    assert height > width / 2  # Else it is small where TensorBoard shows it.
    assert len(np.unique(picture.reshape(-1, 4), axis=0)) > 50


def test_a_damaged_line_of_the_metrics_stops_a_resumed_search(copied):
  path = copied / "metrics.jsonl"
  lines = path.read_text().splitlines(keepends=True)
  lines[1] = lines[1][:20] + "\n"
  path.write_text("".join(lines))
  flags = "--mode=search", "--num_epochs=2", f"--output_dir={copied}"
  check_is_one_error(run(*flags), f"{path}, line 2")
  assert path.read_text() == "".join(lines)


def test_a_folder_in_the_place_of_a_file_is_an_error_of_the_user(copied):
  pytest.importorskip("matplotlib")
  (copied / "best_arc.png").unlink()
  (copied / "best_arc.png").mkdir()
  process = run("--mode=derive", f"--output_dir={copied}")
  check_is_one_error(process, "cannot be written", "best_arc.png")


def test_a_disk_that_fills_up_is_an_error_of_the_user(tmp_path):
  limit = 30_000  # The picture of an arc is larger.
  process = run(
    SMOKE,
    "--mode=search",
    f"--output_dir={tmp_path / 'run'}",
    preexec_fn=lambda: resource.setrlimit(
      resource.RLIMIT_FSIZE, (limit, limit)
    ),
  )
  check_is_one_error(process, "Make room", "path=", "/run/tensorboard")
