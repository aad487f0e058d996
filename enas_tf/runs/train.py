"""Trains the final child of an arc from the beginning."""

from enas_tf.runs import derive
from enas_tf.runs import family as family_lib


def run(family: family_lib.Family, folder, terminal) -> None:
  """Trains the arc of --child_fixed_arc, or the one that was derived."""
  arc = derive.best_arc(family, folder)
  size = family.child_size(arc)
  terminal.say(
    f"Training the child of {arc}: {size.parameters:,} parameters, "
    f"{size.multiply_adds:,} multiply-adds."
  )
  family.train(arc, folder, terminal)
