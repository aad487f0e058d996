"""Images that are to be classified."""

import contextlib
import functools
import math
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from enas_tf import errors
from enas_tf.data import arrays, images, pipeline
from enas_tf.data import base as data
from enas_tf.tasks import base, image_steps, saved_images
from enas_tf.training import keras_optimizers


class DataSettings(images.Settings, Protocol):
  """Which images, and how they are fed.

  Attributes:
    eval_batch_size: images in a batch of an evaluation, at least 1.
  """

  eval_batch_size: int


class TrainingSettings(Protocol):
  """What a training says of its batches.

  Attributes:
    batch_size: images in a batch, at least 1.
    cutout_size: side of the square that cutout blanks, in pixels, or None.
    faithful: whether cutout is the original's.
  """

  batch_size: int
  cutout_size: int | None
  faithful: bool


class ImageClassification(base.Task):
  """Images of classes; the metric is the accuracy, in [0, 1].

  Args:
    settings: which images, and how they are fed.
    source: images that take the place of those that the settings name.
  """

  metric = base.Metric("accuracy", True, "acc", ".4f")
  part = "batch"
  uses_fit = True
  min_reward_batch = 128

  def __init__(
    self, settings: DataSettings, source: arrays.ImageSource | None = None
  ) -> None:
    self._settings = settings
    self._source = source

  @functools.cached_property
  def _read(self) -> images.Images:
    return images.read(self._settings, self._source)

  def fed_by(self, settings: DataSettings) -> "ImageClassification":
    found = type(self)(settings, self._source)
    found.__dict__["_read"] = images.fed_by(self._read, settings)
    return found

  @functools.cached_property
  def searched(self) -> data.ImageDataset:
    """What a search sees: some images are held out for the rewards."""
    return images.split(self._read, self._settings.valid_fraction)

  @functools.cached_property
  def trained(self) -> data.ImageDataset:
    """What a final training sees."""
    return images.split(self._read, None)

  @property
  def image_shape(self) -> tuple[int, int, int]:
    """Height, width (in pixels) and channels."""
    return self._read.train.image_shape

  @property
  def num_classes(self) -> int:
    """How many classes there are."""
    return len(self._read.class_names)

  @property
  def sizes(self) -> dict[str, Any]:
    return {"image_shape": self.image_shape, "num_classes": self.num_classes}

  @contextlib.contextmanager
  def reading(self) -> Iterator[None]:
    try:
      yield
    except tf.errors.OpError as error:
      splits = [
        getattr(dataset, name)
        # What was held out, or not, are splits of their own.
        for dataset in (self.__dict__.get(x) for x in ("searched", "trained"))
        if dataset is not None
        for name in data.PARTS
      ]
      with data.reading(*splits):
        raise error

  def fingerprint(self) -> dict[str, Any]:
    return {
      "data": self.searched.name,
      "image_shape": list(self.image_shape),
      "num_train": len(self.searched.train),
      "class_names": list(self.searched.class_names),
      **({} if self._settings.normalize else {"normalize": False}),
      **self._read.digests,
    }

  def steps(self, training: Any, network: Any) -> image_steps.ImageSteps:
    del training, network
    return image_steps.ImageSteps()

  def _dataset(self, final: bool) -> data.ImageDataset:
    return self.trained if final else self.searched

  def steps_per_epoch(
    self, training: TrainingSettings, *, final: bool = False
  ) -> int:
    train = self._dataset(final).train
    return pipeline.batches_per_epoch(len(train), training.batch_size)

  def train_stream(
    self, training: TrainingSettings, seed: int, *, final: bool = False
  ) -> Callable[[int], tf.data.Dataset]:
    dataset = self._dataset(final)

    def stream(start_step: int) -> tf.data.Dataset:
      return pipeline.train_batches(
        dataset.train,
        dataset,
        batch_size=training.batch_size,
        seed=seed,
        start_step=start_step,
        cutout_size=training.cutout_size,
        faithful=training.faithful,
        mixup=getattr(training, "mixup", 0.0),  # A supernet's has none.
      )

    try:
      stream(0)  # So that a batch that does not fit is refused at once.
    except errors.DataError as error:
      raise errors.DataError(
        _of_final(str(error)) if final else str(error)
      ) from error
    return stream

  def reward_stream(
    self, training: TrainingSettings, seed: int
  ) -> Callable[[int], tf.data.Dataset]:
    dataset, valid = self.searched, self._valid

    def stream(start_step: int) -> tf.data.Dataset:
      return pipeline.train_batches(
        valid,
        dataset,
        # A small validation split is one batch.
        batch_size=min(training.batch_size, len(valid)),
        seed=seed,
        start_step=start_step,
        augment=False,
      )

    stream(0)
    return stream

  def ranking_batches(
    self, training: TrainingSettings, seed: int
  ) -> Iterable[Any]:
    return [next(iter(self.reward_stream(training, seed)(0)))]

  def valid_batches(
    self, training: TrainingSettings, *, final: bool = False
  ) -> tf.data.Dataset:
    assert not final, "A final training of images has nothing to be held out."
    del training
    return self._eval_batches(self._valid, self.searched)

  def test_batches(self, training: TrainingSettings) -> tf.data.Dataset | None:
    del training
    test = self.searched.test
    return None if test is None else self._eval_batches(test, self.searched)

  @property
  def _valid(self) -> data.Split:
    """What rewards are computed on."""
    valid = self.searched.valid
    assert valid is not None  # A search has some, if need be held out.
    return valid

  def _eval_batches(
    self, split: data.Split, dataset: data.ImageDataset
  ) -> tf.data.Dataset:
    size = self._settings.eval_batch_size
    return pipeline.eval_batches(split, dataset, batch_size=size)

  def reward(self, settings: Any) -> Callable[[float], float]:
    """Returns the identity: the reward is the accuracy (ENAS, section 2.2).

    Args:
      settings: of the controller.
    """
    del settings
    return float

  def described(self) -> dict[str, Any]:
    dataset = self.trained
    return {
      "data": dataset.name,
      "class_names": list(dataset.class_names),
      "image_shape": list(dataset.image_shape),
      "mean": [float(value) for value in dataset.mean],
      "std": [float(value) for value in dataset.std],
      **self._read.digests,
    }

  def describes(self, model: keras.Model, description: dict[str, Any]) -> bool:
    shape, names = description["image_shape"], description["class_names"]
    mean, std = description["mean"], description["std"]
    return (
      tuple(shape) == model.input_shape[1:]
      and len(mean) == len(std) == shape[-1]
      and all(math.isfinite(x) for x in (*mean, *std))
      and min(std) > 0
      and isinstance(names, list)
      and len(names) == model.output_shape[-1]
      and all(isinstance(x, str) for x in (*names, description["arc_string"]))
    )

  def untold(self, training: Any) -> dict[str, Any]:
    del training
    return {"image_size": self.image_shape[:2]}

  def check_suits(self, model: keras.Model) -> None:
    """Raises DataError if a child of elsewhere is one for other images.

    Args:
      model: images to logits.
    """
    classes = model.output_shape[-1]
    if model.input_shape[1:] != self.image_shape or classes != self.num_classes:
      raise errors.DataError(
        "The checkpoint is of a child for other images: give the `data` and "
        "`data_path` that it was trained on. Received: "
        f"channels={self.image_shape[-1]}, trained on "
        f"{model.input_shape[-1]}; classes={self.num_classes}, trained on "
        f"{classes}"
      )

  def evaluate(
    self,
    model: keras.Model,
    description: dict[str, Any],
    training: TrainingSettings,
    test: arrays.Examples | None = None,
  ) -> dict[str, Any]:
    del training
    if test is None:
      dataset = self._tested(description)
    else:
      dataset = _given(test, description)
    split = dataset.test
    assert split is not None  # Else it was refused.
    batches = self._eval_batches(split, dataset)
    logits = [model(x, training=False).numpy() for x, _ in batches]
    labels = split.labels
    hits = np.concatenate(logits).argmax(1) == labels
    return {
      "test_accuracy": float(hits.mean()),
      "test_images": len(hits),
      "test_accuracy_by_class": {
        name: float(hits[labels == label].mean())
        for label, name in enumerate(dataset.class_names)
        if (labels == label).any()
      },
    }

  def _tested(self, description: dict[str, Any]) -> data.ImageDataset:
    """Returns the data set, if a child was trained on images like its own."""
    dataset = self.trained
    if (
      list(dataset.class_names) != description["class_names"]
      or list(dataset.image_shape) != description["image_shape"]
    ):
      raise errors.DataError(
        "The child was trained on other images: give the `data` and "
        "`data_path` of its training. Received: "
        f"image_shape={list(dataset.image_shape)}, trained on "
        f"{description['image_shape']}"
      )
    if dataset.test is None:
      raise errors.DataError(
        "There are no images for the test: give some, in a folder test/ beside "
        "train/, as x_test and y_test, or as evaluate(test=...). Received: "
        f"data={dataset.name}, test=None"
      )
    return dataset

  def summary(self, results: dict[str, Any]) -> str:
    return (
      f"Test accuracy {results['test_accuracy']:.4f} on "
      f"{results['test_images']} images."
    )

  @classmethod
  def source(
    cls, train: Any, valid: Any, test: Any, class_names: Any
  ) -> arrays.ImageSource:
    return arrays.ImageSource(train, valid, test, class_names)

  def served(
    self, model: keras.Model, description: dict[str, Any]
  ) -> keras.Model:
    return saved_images.probabilities_of_pixels(model, description)

  def compiled(
    self, model: keras.Model, training: Any, schedule: Any
  ) -> keras.Model:
    model = saved_images.of_pixels(model, self.described())
    model.compile(
      keras_optimizers.make(training, schedule),
      loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
      metrics=["accuracy"],
      jit_compile=False,
    )
    return model

  def export(
    self, model: keras.Model, description: dict[str, Any], folder: pathlib.Path
  ) -> None:
    saved_images.export(model, description, folder)


def _given(
  test: arrays.Examples, description: dict[str, Any]
) -> data.ImageDataset:
  """Returns images of a program's as the test split of a child's data."""
  names = tuple(description["class_names"])
  pair = arrays.read(arrays.ImageSource(test, class_names=names)).train
  assert isinstance(pair, tuple)  # Arrays are.
  split = data.checked(*pair, names, "the arrays (test)")
  if list(split.image_shape) != description["image_shape"]:
    raise errors.DataError(
      "The images of the test must have the size of those that the child was "
      f"trained on: resize them. Received: image_shape={split.image_shape}, "
      f"trained on {tuple(description['image_shape'])}"
    )
  mean, std = (np.array(description[x], np.float32) for x in ("mean", "std"))
  return data.ImageDataset(
    "arrays", split, None, split, names, mean, std, "none"
  )


def _of_final(message: str) -> str:
  """Returns a message about a batch with the setting of the final child's."""
  return message.replace("`batch_size`", "`final_batch_size`").replace(
    "batch_size=", "final_batch_size="
  )
