"""Runs the verbs of a mode, one after the other."""

import dataclasses
import pathlib
import shlex
from collections.abc import Callable

import keras
import tensorflow as tf
from absl import logging

from enas_tf import stopping
from enas_tf.recipes import base
from enas_tf.report import terminal as terminals
from enas_tf.runs import (
  assembly,
  baseline,
  derive,
  evaluate,
  export,
  import_original,
  search,
  train,
)
from enas_tf.runs import run as runs
from enas_tf.training import graphs

_OF_MODE: dict[str, tuple[str, ...]] = {
  "search": ("search", "derive"),
  "all": ("search", "derive", "train", "evaluate", "export"),
}
_VERBS: dict[str, Callable[[assembly.Assembly, runs.Run], object]] = {
  "search": search.run,
  "derive": derive.run,
  "baseline": baseline.run,
  "train": train.run,
  "import": import_original.run,
  "evaluate": evaluate.run,
  "export": export.run,
}


def run(
  experiment: base.Experiment,
  folder: pathlib.Path,
  stop: stopping.Stop,
  terminal: terminals.Terminal,
) -> None:
  """Runs the verbs of the experiment's mode, in the run's folder.

  Args:
    experiment: the settings.
    folder: of the run, open.
    stop: whether the user asks the run to end.
    terminal: says what happens.
  """
  terminal.say(f"The run's folder is {_shown(folder)}.")
  prepare(experiment)
  parts = assembly.Assembly(experiment)
  context = runs.Run(folder, parsed(parts), terminal, stop)
  mode = experiment.run.mode
  for name in _OF_MODE.get(mode, (mode,)):
    # An arc that is given needs no search.
    if experiment.fixed_arc is None or name not in ("search", "derive"):
      with parts.task.reading():
        _VERBS[name](parts, context)
      if stop.requested():  # In the last step.
        context.end(f"the end of `mode={name}`")
  terminal.say(f"Everything is in {folder}. Look at it with:")
  terminal.say(f"  tensorboard --logdir {shlex.quote(_shown(folder))}")


def prepare(experiment: base.Experiment) -> None:
  """Prepares TensorFlow for a run: its seeds, its graphs and what it says.

  Args:
    experiment: the settings of the run.
  """
  logging.set_verbosity(logging.WARNING)  # TensorFlow's notes on saving.
  if not experiment.run.debug:
    # AutoGraph warns where it finds no room for its temporary files.
    tf.get_logger().setLevel("ERROR")
  # Ours have seeds by name; this is for layers of others that have none.
  keras.utils.set_random_seed(experiment.run.seed)
  if experiment.run.deterministic:
    tf.config.experimental.enable_op_determinism()
  graphs.prepare()


def parsed(parts: assembly.Assembly) -> base.Experiment:
  """Returns the settings with the arc as what it is, not as a file's name.

  Args:
    parts: the parts of the run.
  """
  experiment = parts.experiment
  if experiment.fixed_arc is None:
    return experiment
  arc = str(parts.final_space.parse(experiment.fixed_arc))
  return dataclasses.replace(experiment, fixed_arc=arc)


def _shown(folder: pathlib.Path) -> str:
  """Returns the path as one would type it here."""
  here = pathlib.Path.cwd()
  return str(folder.relative_to(here) if here in folder.parents else folder)
