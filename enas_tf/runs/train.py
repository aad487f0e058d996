"""Trains the final child of an arc from the beginning."""

from enas_tf.runs import derive
from enas_tf.runs import family as family_lib
from enas_tf.runs import run as runs


def run(family: family_lib.Family, run: runs.Run) -> None:
  """Trains the arc of `child_fixed_arc`, or the one that was derived."""
  arc = derive.best_arc(family, run.folder)
  derive.say_if_outdated(run)
  family.check_final()
  size = family.child_size(arc)
  run.terminal.say(
    f"Training the child of {arc}: {size.parameters:,} parameters, "
    f"{size.multiply_adds:,} multiply-adds."
  )
  family.train(arc, run)
