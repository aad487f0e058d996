"""Reads the files of TF1 checkpoints."""

import os
import pathlib
import re

import numpy as np
import tensorflow as tf

from enas_tf import errors

# What TensorFlow raises of a missing or damaged file.
_UNREADABLE = (tf.errors.OpError, ValueError, RuntimeError, IndexError)
_SUFFIX = re.compile(r"\.(index|meta|data-\d+-of-\d+)$")


def read_checkpoint(path: str | os.PathLike) -> dict[str, np.ndarray]:
  """Returns the variables of a TF1 checkpoint, by name.

  Args:
    path: "outputs/model.ckpt-310", one of the files whose names begin so, or
      the folder, whose file "checkpoint" names the newest.

  Raises:
    CheckpointError: if it is missing, damaged or empty.
  """
  prefix = _prefix(pathlib.Path(path).expanduser())
  try:
    reader = tf.train.load_checkpoint(prefix)
    variables = {
      name: reader.get_tensor(name)
      for name in reader.get_variable_to_shape_map()
    }
  except _UNREADABLE as error:
    raise errors.CheckpointError(
      "The checkpoint cannot be read; it is missing or damaged: give its path "
      'up to and with the step ("model.ckpt-310"), beside whole .index and '
      f".data files. Received: path={path} ({error})"
    ) from error
  if not variables:
    raise errors.CheckpointError(
      "The checkpoint has no variables: give one of the original's, as "
      f'"model.ckpt-310". Received: path={path}'
    )
  return variables


def _prefix(path: pathlib.Path) -> str:
  if not path.is_dir():
    return _SUFFIX.sub("", str(path))
  try:
    state = tf.train.get_checkpoint_state(str(path))
  except ValueError:  # It names none, or is no text.
    state = None
  if state is None:
    raise errors.CheckpointError(
      'The folder has no readable file "checkpoint" that names the newest: '
      'give the path of one, up to and with the step ("model.ckpt-310"). '
      f"Received: path={path}"
    )
  newest = pathlib.Path(state.model_checkpoint_path)
  # The file may hold the path that the folder had before it was moved.
  return str(path / newest.name)
