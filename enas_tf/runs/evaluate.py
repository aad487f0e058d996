"""Tests the trained child, once, on the data that nothing was chosen by."""

import pathlib
from typing import Any

import keras

from enas_tf import files
from enas_tf.runs import assembly, derive, fit, of_arc
from enas_tf.runs import run as runs


def run(
  parts: assembly.Assembly, run: runs.Run, test: Any = None
) -> dict[str, Any]:
  """Writes evaluation.json beside the child and says what is in it.

  Args:
    parts: of the experiment.
    run: the command.
    test: what a program tests on; None is the test split of the data.

  Returns:
    The results.
  """
  model, description, folder = load(parts, run.folder)
  own = of_arc.parts(parts, derive.best_arc(parts, run.folder))
  final = own.experiment.final
  results = own.task.evaluate(model, description, final, test)
  run.record()
  files.write_json(folder / "evaluation.json", results)
  run.terminal.say(parts.task.summary(results))
  return results


def load(
  parts: assembly.Assembly, run_folder: pathlib.Path
) -> tuple[keras.Model, dict[str, Any], pathlib.Path]:
  """Returns the trained child of the arc, its description and its folder.

  Args:
    parts: of the experiment.
    run_folder: the run's folder.

  Raises:
    CheckpointError: if there is none, or its training is not finished.
  """
  arc = derive.best_arc(parts, run_folder)
  folder = parts.final_folder(run_folder, arc)
  model, description = fit.load(folder, str(arc), parts.task.describes)
  return model, description, folder
