"""What TensorBoard shows: read as its plugins read it."""

import numpy as np
import tensorflow as tf
from tensorboard import context
from tensorboard.backend.event_processing import (
  data_provider,
  plugin_event_multiplexer,
)
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.text import metadata as text_metadata


class Reader:
  """Reads a folder through the data provider of TensorBoard's server.

  Args:
    folder: as of `tensorboard --logdir`.
  """

  def __init__(self, folder):
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(folder))
    multiplexer.Reload()
    self._provider = data_provider.MultiplexerDataProvider(
      multiplexer, str(folder)
    )

  def texts(self, run: str) -> dict[str, list[str]]:
    """Returns the texts of each tag of the plugin of texts, by step."""
    found = self._read(self._provider.read_tensors, text_metadata)
    return {
      tag: [np.ravel(datum.numpy)[0].decode() for datum in data]
      for tag, data in found.get(run, {}).items()
    }

  def pictures(self, run: str) -> dict[str, list[np.ndarray]]:
    """Returns the pictures of each tag of the plugin of images, by step."""
    found = self._read(self._provider.read_blob_sequences, image_metadata)
    return {
      # Behind the width and the height.
      tag: [self._decode(datum.values[2].blob_key) for datum in data]
      for tag, data in found.get(run, {}).items()
    }

  def _read(self, read, metadata):
    return read(
      context.RequestContext(),
      experiment_id="",
      plugin_name=metadata.PLUGIN_NAME,
      downsample=100,
    )

  def _decode(self, key: str) -> np.ndarray:
    png = self._provider.read_blob(context.RequestContext(), blob_key=key)
    return tf.io.decode_png(png).numpy()
