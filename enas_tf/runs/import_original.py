"""Takes in a final child that the original, or enas_lm, trained."""

from enas_tf import checkpoints, compat, errors
from enas_tf.runs import assembly, derive, fit, of_arc
from enas_tf.runs import run as runs


def run(parts: assembly.Assembly, run: runs.Run) -> None:
  """Leaves the child of `import_checkpoint` as if it had been trained here.

  Args:
    parts: the parts of the run.
    run: the run: its folder, its settings, whom it tells.
  """
  arc = derive.best_arc(parts, run.folder)
  if arc is not of_arc.structure(arc):
    raise errors.ConfigError(
      "A child that was trained elsewhere has no settings of ours: take them "
      f"away from `child_fixed_arc`. Received: child_fixed_arc={arc}"
    )
  folder = parts.final_folder(run.folder, arc)
  if checkpoints.steps(folder / "checkpoints"):
    raise errors.OutputDirError(
      "The output folder holds the training of a child of that arc, which an "
      "import would mix up: give another `output_dir`. Received: "
      f"folder={folder}"
    )
  checkpoint = run.experiment.run.import_checkpoint
  assert checkpoint is not None  # The settings say so.
  untold = parts.task.untold(parts.experiment.final)
  loaded = compat.load_model(checkpoint, arc=arc, **untold).model
  model = parts.parts.inference(loaded)
  parts.task.check_suits(model)
  run.record()
  epochs = parts.experiment.final.num_epochs
  description = parts.task.description(arc)
  fit.finish(model, description, folder, epochs, imported=True)
  run.terminal.say(f"Imported the child of {arc} from {checkpoint}.")
