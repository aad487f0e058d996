"""Exports the trained child as a SavedModel."""

from enas_tf.runs import evaluate
from enas_tf.runs import family as family_lib
from enas_tf.runs import run as runs
from enas_tf.tasks import saved


def run(family: family_lib.Family, run: runs.Run) -> None:
  """Writes export/saved_model and export/child.keras."""
  model, description, _ = evaluate.load(family, run.folder)
  family.export(model, description, run.folder)
  run.record()
  run.terminal.say(
    f"Exported to {run.folder / saved.FOLDER / 'saved_model'}: the child of "
    f"{description['arc_string']}."
  )
