"""Takes in a final child that the original, or enas_lm, trained."""

from enas_tf import checkpoints, errors
from enas_tf.runs import derive, fit
from enas_tf.runs import family as family_lib
from enas_tf.runs import run as runs


def run(family: family_lib.Family, run: runs.Run) -> None:
  """Leaves the child of `import_checkpoint` as if it had been trained here."""
  arc = derive.best_arc(family, run.folder)
  folder = family.final_folder(run.folder, arc)
  if checkpoints.steps(folder / "checkpoints"):
    raise errors.OutputDirError(
      "The output folder holds the training of a child of that arc, which an "
      "import would mix up: give another `output_dir`. Received: "
      f"folder={folder}"
    )
  checkpoint = family.experiment.run.import_checkpoint
  model, description = family.import_child(arc, checkpoint)
  run.record()
  epochs = family.experiment.final.num_epochs
  fit.finish(model, description, folder, epochs, imported=True)
  run.terminal.say(f"Imported the child of {arc} from {checkpoint}.")
