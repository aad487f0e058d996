"""Runs the verbs of a mode, one after the other."""

import dataclasses
import pathlib
import shlex
from collections.abc import Sequence

import keras
import tensorflow as tf
from absl import logging

from enas_tf import config, stopping
from enas_tf.report import terminal as terminals
from enas_tf.runs import (
  derive,
  evaluate,
  export,
  families,
  import_original,
  search,
  train,
)
from enas_tf.runs import run as runs
from enas_tf.training import graphs

_VERBS = {
  "search": search.run,
  "derive": derive.run,
  "train": train.run,
  "import": import_original.run,
  "evaluate": evaluate.run,
  "export": export.run,
}


def run(
  names: Sequence[str],
  experiment: config.ExperimentConfig,
  folder: pathlib.Path,
  stop: stopping.Stop,
  terminal: terminals.Terminal,
) -> None:
  """Runs the verbs in order, in the run's folder."""
  logging.set_verbosity(logging.WARNING)  # TensorFlow's notes on saving.
  if not experiment.run.debug:
    # AutoGraph warns where it finds no room for its temporary files.
    tf.get_logger().setLevel("ERROR")
  terminal.say(f"The run's folder is {_shown(folder)}.")
  # Ours have seeds by name; this is for layers of others that have none.
  keras.utils.set_random_seed(experiment.run.seed)
  if experiment.run.deterministic:
    tf.config.experimental.enable_op_determinism()
  graphs.prepare()
  family = families.get(experiment)
  if experiment.fixed_arc is not None:  # Recorded as what it is, not a file.
    arc = str(family.final_space.parse(experiment.fixed_arc))
    experiment = dataclasses.replace(experiment, fixed_arc=arc)
  context = runs.Run(folder, experiment, terminal, stop)
  for name in names:
    _VERBS[name](family, context)
    if stop.requested():  # In the last step.
      context.end(f"the end of `mode={name}`")
  terminal.say(f"Everything is in {folder}. Look at it with:")
  terminal.say(f"  tensorboard --logdir {shlex.quote(_shown(folder))}")


def _shown(folder: pathlib.Path) -> str:
  """Returns the path as one would type it here."""
  here = pathlib.Path.cwd()
  return str(folder.relative_to(here) if here in folder.parents else folder)
