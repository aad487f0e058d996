"""Tests the trained child, once, on the images that nothing was chosen by."""

from enas_tf import config, errors, manifest
from enas_tf.runs import families, fit


def run(experiment: config.ExperimentConfig, folder, terminal) -> None:
  """Writes final/evaluation.json and says what is in it."""
  family = families.get(experiment)
  model, description = load(experiment, folder, family)
  results = family.evaluate(model, description)
  manifest.write_json(folder / fit.FOLDER / "evaluation.json", results)
  terminal.say(family.summary(results))


def load(experiment, folder, family):
  """Returns the trained child and its description.

  Raises:
    CheckpointError: if there is none, or --child_fixed_arc names another.
  """
  model, description = fit.load(folder)
  if experiment.fixed_arc is not None:
    wanted = str(family.final_space.parse(experiment.fixed_arc))
    if wanted != description["arc_string"]:
      raise errors.CheckpointError(
        "The trained child in the output folder is of another arc: train "
        "this one first, by --mode=train, into another --output_dir. "
        f"Received: child_fixed_arc={wanted}, trained "
        f"{description['arc_string']}"
      )
  return model, description
