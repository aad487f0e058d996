"""What to do when numbers are no longer finite."""

import contextlib
from collections.abc import Iterator
from typing import Any

from enas_tf import checkpoints, errors, stopping
from enas_tf.recipes import base
from enas_tf.settings import fields
from enas_tf.training import optimizers


@contextlib.contextmanager
def explained(
  child: Any,
  saver: checkpoints.Checkpoints,
  controller: Any | None = None,
) -> Iterator[None]:
  """Within it, a divergence says which setting to change, and where to go on.

  Args:
    child: the settings of the training.
    saver: its checkpoints.
    controller: the settings of the controller; None in a final training.

  Raises:
    DivergenceError: with all of that.
  """
  try:
    yield
  except errors.DivergenceError as error:
    if error.is_of_controller and controller is not None:
      advice = _of_controller(controller)
    else:
      advice = _of_child(child)
    where = _where(saver, is_final=controller is None)
    raise errors.DivergenceError(
      f"{error}. {advice}, and go on: these may change in a run. {where} "
      f"Received: {error.received}"
    ) from error


def _where(saver: checkpoints.Checkpoints, is_final: bool) -> str:
  """Returns where to go on; numbers grow for a while before they overflow."""
  steps, again = saver.steps(), stopping.same_command()
  if not steps:
    return f"No checkpoint was saved yet. {again} starts over."
  *earlier, newest = steps
  if earlier:
    # In a command that searches, too, `resume_from` is of the search.
    mode = "`mode=train` " if is_final else ""
    otherwise = (
      f"{mode}`resume_from` goes on from an earlier one of "
      f"{', '.join(map(str, earlier))}"
    )
  else:
    otherwise = f"move {saver.folder} away to start over"
  return (
    f"{again} goes on from step {newest}; if that leads nowhere, {otherwise}."
  )


def _of_controller(controller: Any) -> str:
  name = _furthest(controller, "lr", "entropy_weight", "skip_weight")
  return f"Lower `controller_{name}` ({getattr(controller, name)})"


def _of_child(child: Any) -> str:
  rate = "lr_max" if child.lr_cosine else "lr"
  growth = 2 * child.l2_reg * getattr(child, rate) * (1 + optimizers.MOMENTUM)
  # L2 alone makes weights grow from step to step, whatever is clipped.
  if growth > 1:
    name = _furthest(child, rate, "l2_reg")
    return f"Lower `child_{name}` ({getattr(child, name)})"
  lower = f"Lower `child_{rate}` ({getattr(child, rate)})"
  if child.clip_mode == "none":
    return f"{lower} or clip: `child_clip_mode=global`"
  return f"{lower} or `child_grad_bound` ({child.grad_bound})"


def _furthest(settings: fields.Settings, *names: str) -> str:
  """Returns the name of the setting that lies furthest above its default."""
  usual = next(
    section
    for recipe in base.every()
    for section in (recipe.search, recipe.final, recipe.controller)
    if type(section) is type(settings)
  )

  def excess(name: str) -> float:
    default = getattr(usual, name)
    return getattr(settings, name) / default if default else 0.0

  return max(names, key=excess)
