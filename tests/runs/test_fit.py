import json

import keras
import numpy as np
import pytest

from enas_tf import errors
from enas_tf.runs import fit
from tests.runs import context


def build():
  images = keras.Input((4,))
  x = keras.layers.BatchNormalization(name="bn")(images)
  return keras.Model(images, keras.layers.Dense(3, name="head")(x))


def test_saves_and_loads_a_child(tmp_path):
  model = build()
  description = {"arc_string": "0 1", "mean": [0.5]}
  folder = tmp_path / "final" / "micro-0"
  fit.finish(model, description, folder, epochs=4)
  loaded, found = fit.load(folder, "0 1")
  assert found == description
  images = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
  np.testing.assert_array_equal(loaded(images), model(images))
  names = {path.name for path in folder.iterdir()}
  assert names == {"child.keras", "child.json", "training.json"}
  progress = json.loads((folder / "training.json").read_text())
  assert progress == {"epochs": 4, "num_epochs": 4}


def test_no_child_to_load(tmp_path):
  with pytest.raises(errors.CheckpointError, match="no trained child.*arc=0 1"):
    fit.load(tmp_path, "0 1")


@pytest.mark.parametrize("is_saved", [False, True])
def test_a_child_whose_training_is_not_finished(tmp_path, is_saved):
  """A language model saves its best epoch before the training ends."""
  if is_saved:
    fit.save(build(), {}, tmp_path)
  fit.note_progress(tmp_path, 2, 40)
  words = "2 of 40 epochs.*`final_num_epochs=2`"
  with pytest.raises(errors.CheckpointError, match=words):
    fit.load(tmp_path, "0 1")


def test_a_longer_training_makes_a_child_unfinished(tmp_path):
  fit.finish(build(), {}, tmp_path, epochs=4)
  (tmp_path / "evaluation.json").write_text("{}")
  run, screen = context.make(tmp_path)
  fit.begin(tmp_path, 4, 0, 10, 6, run)
  assert "of the shorter training" in screen.getvalue()
  with pytest.raises(errors.CheckpointError, match="4 of 6 epochs"):
    fit.load(tmp_path, "0 1")


def test_damaged_child(tmp_path):
  fit.finish(build(), {}, tmp_path, epochs=1)
  path = tmp_path / "child.keras"
  for content in (path.read_bytes()[:100], b""):
    path.write_bytes(content)
    with pytest.raises(errors.CheckpointError, match="train it again"):
      fit.load(tmp_path, "0 1")


def test_an_imported_child_is_not_trained_over(tmp_path):
  fit.finish(build(), {}, tmp_path, epochs=4, imported=True)
  run, _ = context.make(tmp_path)
  with pytest.raises(errors.OutputDirError, match="was imported"):
    fit.begin(tmp_path, 0, 0, 10, 6, run)
  fit.load(tmp_path, "0 1")


@pytest.mark.parametrize("content", ["7", "[", '{"epochs": "x"}'])
def test_damaged_progress(tmp_path, content):
  fit.finish(build(), {}, tmp_path, epochs=1)
  (tmp_path / "training.json").write_text(content)
  with pytest.raises(errors.UserError):
    fit.load(tmp_path, "0 1")
