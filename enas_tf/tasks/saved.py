"""Writes what a trained child is exported as."""

import contextlib
import pathlib
import secrets
import shutil
from typing import Any

import keras
import tensorflow as tf

from enas_tf import files, own_files

FOLDER = "export"


def write(
  module: tf.Module, model: keras.Model, folder: pathlib.Path, **kwargs: Any
) -> None:
  """Writes export/child.keras and export/saved_model, each whole or not.

  Args:
    module: becomes the SavedModel.
    model: becomes the Keras file.
    folder: of the run.
    **kwargs: of tf.saved_model.save.

  Raises:
    OutputDirError: if they cannot be written, or a file that is not of the run
      would be deleted; what was there stays.
  """
  target = folder / FOLDER / "saved_model"
  temporary = target.with_name(f"{files.UNFINISHED}{secrets.token_hex(4)}")
  with files.writing(target):
    if target.parent.exists():
      own_files.check_own(target, folder)
    try:
      tf.saved_model.save(module, str(temporary), **kwargs)
      with files.replacing(target.with_name("child.keras")) as path:
        model.save(path)
      if target.exists():
        own_files.delete(target, folder)
      temporary.replace(target)
    finally:
      with contextlib.suppress(OSError):
        shutil.rmtree(temporary)
