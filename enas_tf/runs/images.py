"""What all spaces of image networks share: data, rewards, training, export."""

import abc
import functools
import math
from typing import Any

import keras
import numpy as np

from enas_tf import checkpoints, compat, config, errors
from enas_tf.data import images, pipeline
from enas_tf.evaluators import shared_weights
from enas_tf.networks import counts
from enas_tf.runs import family, fit, image_training, saved_images, search
from enas_tf.tasks import image_steps
from enas_tf.training import optimizers, schedules, trainer

_SUPERNET_PREFIX = "supernet/"


class ImageFamily(family.Family):
  """A space of networks that classify images."""

  def __init__(self, experiment: config.ExperimentConfig):
    super().__init__(experiment)
    self.space = self.make_space(experiment.search)
    self.final_space = self.make_space(experiment.final)

  @abc.abstractmethod
  def make_space(self, child: config.ChildConfig): ...

  @abc.abstractmethod
  def make_supernet(self, dataset): ...

  @abc.abstractmethod
  def make_child(self, arc, dataset, total_steps) -> keras.Model: ...

  @abc.abstractmethod
  def inference(self, model: keras.Model) -> keras.Model: ...

  @abc.abstractmethod
  def inherit(self, model, arc, supernet_variables) -> int: ...

  @functools.cached_property
  def _searched(self):
    return images.load(self.experiment.data, hold_out=True)

  @functools.cached_property
  def _trained(self):
    return images.load(self.experiment.data, hold_out=False)

  def search_parts(self):
    experiment, dataset = self.experiment, self._searched
    child = experiment.search
    network = self.make_supernet(dataset)
    steps = pipeline.batches_per_epoch(len(dataset.train), child.batch_size)
    batches = functools.partial(
      self._batches, dataset.train, dataset, child, "search batches"
    )
    # So that a batch that does not fit is refused before the search begins.
    batches(0)
    reward_batches = functools.partial(self._reward_batches, dataset, child)
    reward_batches(0)
    return family.SearchParts(
      controller=self.make_controller(),
      child=trainer.Trainer(
        network,
        image_steps.ImageSteps(),
        batches,
        optimizers.for_supernet(
          network,
          schedules.from_config(child, steps),
          l2_reg=child.l2_reg,
          clip_mode=child.clip_mode,
          grad_bound=child.grad_bound,
        ),
        batch_size=child.batch_size,
      ),
      evaluator=shared_weights.SharedWeights(
        network, image_steps.ImageSteps(), reward_batches
      ),
      child_steps=steps,
      fingerprint=self.fingerprint()
      | {
        "data": dataset.name,
        "image_shape": list(dataset.image_shape),
        "num_train": len(dataset.train),
        "class_names": list(dataset.class_names),
      },
    )

  def _batches(self, split, dataset, child, consumer, start_step):
    return pipeline.train_batches(
      split,
      dataset,
      batch_size=child.batch_size,
      seed=self.seed(consumer),
      start_step=start_step,
      cutout_size=child.cutout_size,
      faithful=child.faithful,
    )

  def _reward_batches(self, dataset, child, start_step):
    return pipeline.train_batches(
      dataset.valid,
      dataset,
      # A small validation split is one batch.
      batch_size=min(child.batch_size, len(dataset.valid)),
      seed=self.seed("reward batches"),
      start_step=start_step,
      augment=False,
    )

  def rank(self, parts, arcs):
    dataset, run = self._searched, self.experiment.run
    batch = next(iter(self._reward_batches(dataset, self.experiment.search, 0)))
    scores = np.array(parts.evaluator.score_on(arcs, [batch]))
    best = np.argsort(-scores, kind="stable")[: run.derive_top]
    valid = list(
      pipeline.eval_batches(
        dataset.valid,
        dataset,
        batch_size=self.experiment.data.eval_batch_size,
      )
    )
    full = parts.evaluator.score_on(arcs[best], valid)
    rows = [
      {
        "arc": self.space.decode(arcs[i]),
        "valid_accuracy": accuracy,
        "batch_accuracy": float(scores[i]),
      }
      for i, accuracy in zip(best, full, strict=True)
    ]
    return sorted(rows, key=lambda row: -row["valid_accuracy"])

  def child_size(self, arc):
    model = self.inference(self.make_child(arc, self._searched, 1))
    return family.Size(counts.parameters(model), counts.multiply_adds(model))

  def train(self, arc, run):
    dataset, child = self._trained, self.experiment.final
    steps = pipeline.batches_per_epoch(len(dataset.train), child.batch_size)
    model = self.make_child(arc, dataset, steps * child.num_epochs)
    folder = self.final_folder(run.folder, arc)
    description = self._description(arc, dataset)
    batches = functools.partial(
      self._batches, dataset.train, dataset, child, "final batches"
    )
    try:
      batches(0)  # So that a batch that does not fit is refused at once.
    except errors.DataError as error:
      raise errors.DataError(_of_final(str(error))) from error
    is_new = not checkpoints.steps(folder / "checkpoints")
    if child.init == "supernet" and is_new:
      self._inherit(model, arc, run)
    training = image_training.Training(
      model,
      batches,
      steps_per_epoch=steps,
      description=description,
      settings=child,
      folder=folder,
      run=run,
    )
    epochs = training.run()
    fit.finish(self.inference(model), description, folder, epochs)

  def _inherit(self, model, arc, run):
    if self.experiment.search.ops != self.experiment.final.ops:
      raise errors.ConfigError(
        "The child and the supernet must have the same operations, in the "
        "same order: correct `child_ops`, or give `child_init=random`. "
        f"Received: child_ops={','.join(self.experiment.final.ops)}, the "
        f"supernet's {','.join(self.experiment.search.ops)}"
      )
    search.restore(self, run.folder)
    arrays = self.parts.child.state()
    variables = {
      name.removeprefix(_SUPERNET_PREFIX): value
      for name, value in arrays.items()
      if name.startswith(_SUPERNET_PREFIX)
    }
    copied = self.inherit(model, arc, variables)
    run.terminal.say(
      f"The child starts with {copied} of {len(model.trainable_variables)} "
      "variables from the shared weights."
    )

  def import_child(self, arc, checkpoint):
    dataset = self._trained
    size = dataset.image_shape[:2]
    model = compat.load_model(checkpoint, arc=arc, image_size=size).model
    model = self.inference(model)
    classes = model.output_shape[-1]
    if (
      model.input_shape[1:] != dataset.image_shape
      or classes != dataset.num_classes
    ):
      raise errors.DataError(
        "The checkpoint is of a child for other images: give the `data` and "
        "`data_path` that it was trained on. Received: "
        f"channels={dataset.image_shape[-1]}, trained on "
        f"{model.input_shape[-1]}; classes={dataset.num_classes}, trained on "
        f"{classes}"
      )
    # The original normalizes by the mean and std of the training images, too.
    return model, self._description(arc, dataset)

  def _description(self, arc, dataset) -> dict[str, Any]:
    return {
      "space": self.space.name,
      "arc": arc.to_json(),
      "arc_string": str(arc),
      "data": dataset.name,
      "class_names": list(dataset.class_names),
      "image_shape": list(dataset.image_shape),
      "mean": [float(value) for value in dataset.mean],
      "std": [float(value) for value in dataset.std],
    }

  def describes(self, model, description):
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

  def evaluate(self, model, description):
    dataset = self._trained
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
    batches = pipeline.eval_batches(
      dataset.test, dataset, batch_size=self.experiment.data.eval_batch_size
    )
    logits = [model(x, training=False).numpy() for x, _ in batches]
    hits = np.concatenate(logits).argmax(1) == dataset.test.labels
    return {
      "test_accuracy": float(hits.mean()),
      "test_images": len(hits),
      "test_accuracy_by_class": {
        name: float(hits[dataset.test.labels == label].mean())
        for label, name in enumerate(dataset.class_names)
        if (dataset.test.labels == label).any()
      },
    }

  def summary(self, results):
    return (
      f"Test accuracy {results['test_accuracy']:.4f} on "
      f"{results['test_images']} images."
    )

  def export(self, model, description, folder):
    saved_images.export(model, description, folder)


def _of_final(message: str) -> str:
  """Returns a message about a batch with the flag of the final child's."""
  return message.replace("`batch_size`", "`final_batch_size`").replace(
    "batch_size=", "final_batch_size="
  )
