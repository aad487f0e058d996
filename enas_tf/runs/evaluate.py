"""Tests the trained child, once, on the images that nothing was chosen by."""

import pathlib
from typing import Any

import keras

from enas_tf import files
from enas_tf.runs import derive, fit
from enas_tf.runs import family as family_lib
from enas_tf.runs import run as runs


def run(family: family_lib.Family, run: runs.Run) -> None:
  """Writes evaluation.json beside the child and says what is in it."""
  model, description, folder = load(family, run.folder)
  results = family.evaluate(model, description)
  run.record()
  files.write_json(folder / "evaluation.json", results)
  run.terminal.say(family.summary(results))


def load(
  family: family_lib.Family, run_folder: pathlib.Path
) -> tuple[keras.Model, dict[str, Any], pathlib.Path]:
  """Returns the trained child of the arc, its description and its folder.

  Raises:
    CheckpointError: if there is none, or its training is not finished.
  """
  arc = derive.best_arc(family, run_folder)
  folder = family.final_folder(run_folder, arc)
  model, description = fit.load(folder, str(arc), family.describes)
  return model, description, folder
