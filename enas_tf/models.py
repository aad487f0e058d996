"""A trained child as a Keras model, for programs."""

import os
import pathlib
from typing import TYPE_CHECKING

from enas_tf import startup

if TYPE_CHECKING:
  import keras


def load_model(path: str | os.PathLike[str]) -> "keras.Model":
  """Returns a trained child as a Keras model.

  One for images takes pixels from 0 to 255, as uint8 or float32 [batch, height,
  width, channels], and answers probabilities [batch, num_classes], like the
  exported SavedModel.

  >>> load_model(search.folder).output_shape
  (None, 2)

  Args:
    path: of a run's folder, of a folder that `Search.export` wrote, or of a
      .keras file.

  Raises:
    CheckpointError: if there is no trained child, or it is damaged.
  """
  with startup.importing():
    from enas_tf.runs import loading
  return loading.load(pathlib.Path(path).expanduser())
