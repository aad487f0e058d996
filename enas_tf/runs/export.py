"""Exports the trained child as a SavedModel."""

from enas_tf import config
from enas_tf.runs import evaluate, families

FOLDER = "export"


def run(experiment: config.ExperimentConfig, folder, terminal) -> None:
  """Writes export/saved_model and export/child.keras."""
  family = families.get(experiment)
  model, description = evaluate.load(experiment, folder, family)
  family.export(model, description, folder / FOLDER)
  terminal.say(f"Exported to {folder / FOLDER / 'saved_model'}.")
