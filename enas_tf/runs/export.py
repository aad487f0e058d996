"""Exports the trained child as a SavedModel and as a Keras file."""

from enas_tf.runs import assembly, evaluate
from enas_tf.runs import run as runs
from enas_tf.tasks import saved


def run(parts: assembly.Assembly, run: runs.Run) -> None:
  """Writes export/saved_model and export/child.keras.

  Args:
    parts: the parts of the run.
    run: the run: its folder, its settings, whom it tells.
  """
  model, description, _ = evaluate.load(parts, run.folder)
  parts.task.export(model, description, run.folder)
  run.record()
  run.terminal.say(
    f"Exported to {run.folder / saved.FOLDER / 'saved_model'}: the child of "
    f"{description['arc_string']}."
  )
