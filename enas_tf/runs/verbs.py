"""Runs the verbs of a mode, one after the other."""

import os
from collections.abc import Sequence

import keras
import tensorflow as tf
from absl import logging

from enas_tf import config
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
  names: Sequence[str], experiment: config.ExperimentConfig, folder
) -> None:
  """Runs the verbs in order, in the run's folder."""
  logging.set_verbosity(logging.WARNING)  # TensorFlow's notes on saving.
  keras.utils.set_random_seed(experiment.run.seed)
  if experiment.run.deterministic:
    tf.config.experimental.enable_op_determinism()
  graphs.prepare()
  terminal = terminals.Terminal()
  family = families.get(experiment)
  for name in names:
    _VERBS[name](family, folder, terminal)
  terminal.say(f"Everything is in {folder}. Look at it with:")
  terminal.say(f"  tensorboard --logdir {os.path.relpath(folder)}")
