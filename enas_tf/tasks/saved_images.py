"""Exports an image classifier that needs neither enas_tf nor Keras."""

import json
import pathlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from enas_tf.tasks import saved


class _Classifier(tf.Module):
  """Raw pixels in, probabilities out; all that it knows travels inside."""

  def __init__(self, model: keras.Model, description: dict) -> None:
    super().__init__()
    self._model = model
    self._scale = tf.constant([1 / (255 * each) for each in description["std"]])
    self._shift = tf.constant(
      [
        mean / std
        for mean, std in zip(
          description["mean"], description["std"], strict=True
        )
      ]
    )
    self.class_names = tf.Variable(description["class_names"], trainable=False)
    self.arc = tf.Variable(description["arc_string"], trainable=False)
    self.description = tf.Variable(json.dumps(description), trainable=False)

  @tf.function
  def __call__(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns probabilities and the likeliest class of images.

    Args:
      images: pixels from 0 to 255, uint8 or float32 [batch, height, width,
        channels].

    Returns:
      {"probabilities": float32 [batch, classes], "label": int64 [batch],
      "class_name": string [batch]}.
    """
    images = tf.cast(images, tf.float32) * self._scale - self._shift
    probabilities = tf.nn.softmax(self._model(images, training=False))
    label = tf.argmax(probabilities, 1)
    return {
      "probabilities": probabilities,
      "label": label,
      "class_name": tf.gather(self.class_names, label),
    }


def of_pixels(model: keras.Model, description: dict[str, Any]) -> keras.Model:
  """Returns a child that takes raw pixels.

  Args:
    model: normalized images to logits.
    description: has image_shape, mean and std.

  Returns:
    Pixels from 0 to 255 [batch, height, width, channels] to logits.
  """
  pixels = keras.Input(description["image_shape"], name="pixels_from_0_to_255")
  mean, std = (np.array(description[name]) for name in ("mean", "std"))
  normalize = keras.layers.Normalization(
    mean=255 * mean, variance=(255 * std) ** 2, name="normalize_pixels"
  )
  return keras.Model(pixels, model(normalize(pixels)), name=model.name)


def probabilities_of_pixels(
  model: keras.Model, description: dict[str, Any]
) -> keras.Model:
  """Returns a child that takes raw pixels and answers probabilities.

  Args:
    model: normalized images to logits.
    description: has image_shape, mean and std.
  """
  model = of_pixels(model, description)
  x = keras.layers.Softmax(name="probabilities")(model.output)
  return keras.Model(model.input, x, name=model.name)


def export(
  model: keras.Model, description: dict[str, Any], run_folder: pathlib.Path
) -> None:
  """Writes export/saved_model in a run's folder, and the Keras file beside it.

  The SavedModel can be called with float32 or uint8 images; its signatures are
  "serving_default" (float32) and "uint8".

  Args:
    model: normalized images to logits.
    description: has class_names, image_shape, mean, std, arc_string, ...
    run_folder: of the run.
  """
  classifier = _Classifier(model, description)
  shape = (None, *description["image_shape"])
  signatures = {
    name: classifier.__call__.get_concrete_function(
      tf.TensorSpec(shape, dtype, name="images")
    )
    for name, dtype in (("serving_default", tf.float32), ("uint8", tf.uint8))
  }
  served = probabilities_of_pixels(model, description)
  saved.write(classifier, served, run_folder, signatures=signatures)
