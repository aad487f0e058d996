"""Tests the trained child, once, on the images that nothing was chosen by."""

from enas_tf import errors, manifest
from enas_tf.runs import family as family_lib
from enas_tf.runs import fit


def run(family: family_lib.Family, folder, terminal) -> None:
  """Writes final/evaluation.json and says what is in it."""
  model, description = load(family, folder)
  results = family.evaluate(model, description)
  manifest.write_json(folder / fit.FOLDER / "evaluation.json", results)
  terminal.say(family.summary(results))


def load(family: family_lib.Family, folder):
  """Returns the trained child and its description.

  Raises:
    CheckpointError: if there is none, or --child_fixed_arc names another.
  """
  model, description = fit.load(folder)
  fixed = family.experiment.fixed_arc
  if fixed is not None:
    wanted = str(family.final_space.parse(fixed))
    if wanted != description["arc_string"]:
      raise errors.CheckpointError(
        "The trained child in the output folder is of another arc: train "
        "this one first, by --mode=train, into another --output_dir. "
        f"Received: child_fixed_arc={wanted}, trained "
        f"{description['arc_string']}"
      )
  return model, description
