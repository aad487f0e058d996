"""What to do when numbers are no longer finite."""

import contextlib
from collections.abc import Iterator

from enas_tf import checkpoints, config, errors
from enas_tf.training import optimizers


@contextlib.contextmanager
def explained(
  child: config.ChildConfig, saver: checkpoints.Checkpoints
) -> Iterator[None]:
  """Within it, a divergence says which setting to change, and where to go on.

  Args:
    child: the settings of the training.
    saver: its checkpoints.

  Raises:
    DivergenceError: with all of that.
  """
  try:
    yield
  except errors.DivergenceError as error:
    advice = _of_controller() if error.is_of_controller else _of_child(child)
    steps = saver.steps()
    if steps:
      where = (
        f"The same command goes on from step {steps[-1]}, and --resume_from "
        f"from an earlier one of {', '.join(map(str, steps))}."
      )
    else:
      where = "No checkpoint was saved yet: the same command starts over."
    raise errors.DivergenceError(
      f"{error}. {advice}, and go on: these may change in a run. {where} "
      f"Received: {error.received}"
    ) from error


def _of_controller() -> str:
  return "Lower --controller_lr or --controller_entropy_weight"


def _of_child(child: config.ChildConfig) -> str:
  rate_flag = "--child_lr_max" if child.lr_cosine else "--child_lr"
  rate = child.lr_max if child.lr_cosine else child.lr
  # Beyond this, L2 alone makes weights grow from step to step.
  if 2 * child.l2_reg * rate * (1 + optimizers.MOMENTUM) > 1:
    return f"Lower --child_l2_reg ({child.l2_reg}) or {rate_flag} ({rate})"
  if child.clip_mode == "none":
    return f"Lower {rate_flag} ({rate}) or clip: --child_clip_mode=global"
  bound = f"--child_grad_bound ({child.grad_bound})"
  return f"Lower {rate_flag} ({rate}) or {bound}"
