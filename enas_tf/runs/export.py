"""Exports the trained child as a SavedModel."""

from enas_tf.runs import evaluate
from enas_tf.runs import family as family_lib

FOLDER = "export"


def run(family: family_lib.Family, folder, terminal) -> None:
  """Writes export/saved_model and export/child.keras."""
  model, description = evaluate.load(family, folder)
  family.export(model, description, folder / FOLDER)
  terminal.say(f"Exported to {folder / FOLDER / 'saved_model'}.")
