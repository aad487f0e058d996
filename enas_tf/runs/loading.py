"""Loads what a run left: the trained child as a Keras model."""

import pathlib

import keras

from enas_tf import errors, files
from enas_tf.layers import serializable  # noqa: F401 It registers our layers.
from enas_tf.runs import assembly, derive, fit
from enas_tf.tasks import images as image_task
from enas_tf.tasks import language, saved

_TASKS = (image_task.ImageClassification, language.LanguageModelling)


def load(path: pathlib.Path) -> keras.Model:
  """Returns a trained child, as those get it who use it.

  Args:
    path: of a run's folder, of one that was exported to, or of a .keras file.

  Raises:
    CheckpointError: if there is no trained child, or it is damaged.
  """
  if path.suffix == ".keras":
    return _keras_file(path)
  for exported in (path / fit.MODEL, path / saved.FOLDER / fit.MODEL):
    if exported.exists():
      return _keras_file(exported)
  return _trained(path)


def _keras_file(path: pathlib.Path) -> keras.Model:
  try:
    return keras.saving.load_model(path, compile=False)
  except Exception as error:  # Keras raises whatever a damaged file leads to.
    raise errors.CheckpointError(
      "The file of the trained child is missing or cannot be read: give "
      "another path, or export the child again. Received: "
      f"{path} ({type(error).__name__}: {error})"
    ) from error


def _trained(run_folder: pathlib.Path) -> keras.Model:
  """Returns the child of a run that was trained, and not exported yet."""
  final = run_folder / assembly.FINAL_FOLDER
  trained = sorted(each.parent for each in final.glob(f"*/{fit.MODEL}"))
  if len(trained) > 1:  # That of the best arc.
    best = files.read_json(run_folder / derive.BEST_ARC).get("arc_string")
    trained = [each for each in trained if fit.arc_of(each) == best] or trained
  if not trained:
    raise errors.CheckpointError(
      "There is no trained child: give the folder of a run that trained one, "
      f"or a .keras file. Received: path={run_folder}"
    )
  folder = trained[0]
  model, description = fit.load(folder, fit.arc_of(folder))
  if "image_shape" in description:
    return saved_images.probabilities_of_pixels(model, description)
  return model
