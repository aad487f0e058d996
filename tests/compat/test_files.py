"""Checkpoints are read by any of their names, or refused in one way."""

import shutil

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.compat import files
from tests import golden
from tests.compat import tf1

STEM = "model.ckpt-2"
DATA = f"{STEM}.data-00000-of-00001"


@pytest.fixture
def folder(tmp_path):
  shutil.copytree(golden.FOLDER / "ckpt_micro_final", tmp_path / "outputs")
  return tmp_path / "outputs"


@pytest.mark.parametrize("name", [STEM, f"{STEM}.index", DATA])
def test_any_of_its_names_is_the_checkpoint(folder, name):
  found = files.read_checkpoint(str(folder / name))
  arrays, _ = golden.load("ckpt_micro_final")
  assert sorted(found) == sorted(str(each) for each in arrays["var_names"])


@pytest.mark.parametrize("path", ["", "/home/someone/outputs/"])
def test_a_folder_names_its_newest(folder, path):
  tf1.save(folder / "model.ckpt-1", {"older": np.zeros(1)})
  state = f'model_checkpoint_path: "{path}{STEM}"\n'
  (folder / "checkpoint").write_text(state)
  assert "child/fc/w" in files.read_checkpoint(folder)


@pytest.mark.parametrize("state", [None, "", "no protocol buffer {"])
def test_a_folder_that_names_none_is_refused(folder, state):
  if state is not None:
    (folder / "checkpoint").write_text(state)
  with pytest.raises(errors.CheckpointError, match="model.ckpt-310"):
    files.read_checkpoint(folder)


def test_what_holds_nothing_is_refused(folder):
  """TensorFlow takes it for an older kind of checkpoint, an empty one."""
  (folder / f"{STEM}.index").rename(folder / "index")
  with pytest.raises(errors.CheckpointError, match="no variables"):
    files.read_checkpoint(folder / "index")


@pytest.mark.parametrize("name", [f"{STEM}.index", DATA])
@pytest.mark.parametrize("damage", ["missing", "empty", "half", "flipped"])
def test_damaged_files_are_one_error(folder, name, damage):
  content = (folder / name).read_bytes()
  middle = len(content) // 2
  if damage == "missing":
    (folder / name).unlink()
  else:
    flipped = bytes([content[middle] ^ 1])
    (folder / name).write_bytes(
      {
        "empty": b"",
        "half": content[:middle],
        "flipped": content[:middle] + flipped + content[middle + 1 :],
      }[damage]
    )
  with pytest.raises(errors.CheckpointError, match="missing or damaged"):
    files.read_checkpoint(folder / STEM)
