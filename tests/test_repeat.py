"""A run is a function of its seed, however often it reports."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parent.parent


def search(folder, *flags) -> None:
  command = [
    sys.executable,
    "-m",
    "enas_tf.main",
    f"--flagfile={ROOT}/flags/smoke_micro.flags",
    "--mode=search",
    "--deterministic",
    "--num_epochs=2",
    f"--output_dir={folder}",
    *flags,
  ]
  done = subprocess.run(
    command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
  )
  assert done.returncode == 0, done.stdout + done.stderr


def arrays(folder) -> dict[str, np.ndarray]:
  """Returns the newest checkpoint's arrays."""
  with np.load(sorted((folder / "checkpoints").glob("*.npz"))[-1]) as file:
    return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
  """Folders of the same search with another --log_every."""
  found = [tmp_path_factory.mktemp("runs") / each for each in ("5", "1000")]
  for folder in found:
    search(folder, f"--log_every={folder.name}")
  return found


def test_reports_are_other_ones(folders):
  often, rarely = (
    (folder / "metrics.jsonl").read_text().count("\n") for folder in folders
  )
  assert often > rarely + 4


def test_the_leaderboard_is_the_same(folders):
  one, other = (folder / "leaderboard.json" for folder in folders)
  assert one.read_text() == other.read_text()


def test_the_checkpoint_is_the_same(folders):
  one, other = map(arrays, folders)
  assert one.keys() == other.keys() and len(one) > 20
  for name, array in one.items():
    np.testing.assert_array_equal(array, other[name], name)
