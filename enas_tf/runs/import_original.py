"""Takes in a final child that the original, or enas_lm, trained."""

from enas_tf import errors
from enas_tf.runs import derive, fit
from enas_tf.runs import family as family_lib


def run(family: family_lib.Family, folder, terminal) -> None:
  """Leaves the child of --import_checkpoint as if it had been trained here."""
  if (folder / fit.FOLDER / "checkpoints").exists():
    raise errors.OutputDirError(
      "The output folder holds the training of a child, which an import would "
      f"mix up: give another --output_dir. Received: output_dir={folder}"
    )
  arc = derive.best_arc(family, folder)
  checkpoint = family.experiment.run.import_checkpoint
  model, description = family.import_child(arc, checkpoint)
  fit.save(model, description, folder / fit.FOLDER)
  terminal.say(f"Imported the child of {arc} from {checkpoint}.")
