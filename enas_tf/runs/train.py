"""Trains the final child of an arc from the beginning."""

from enas_tf import config
from enas_tf.runs import derive, families


def run(experiment: config.ExperimentConfig, folder, terminal) -> None:
  """Trains the arc of --child_fixed_arc, or the one that was derived."""
  family = families.get(experiment)
  arc = derive.best_arc(experiment, folder)
  size = family.child_size(arc)
  terminal.say(
    f"Training the child of {arc}: {size.parameters:,} parameters, "
    f"{size.multiply_adds:,} multiply-adds."
  )
  family.train(arc, folder, terminal)
