"""The training of one child that is scored, and then forgotten."""

import dataclasses
import gc
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from enas_tf import errors, seeds
from enas_tf.runs import assembly
from enas_tf.settings import fields
from enas_tf.spaces import base as spaces
from enas_tf.training import averaging, measuring, schedules, trainer

# Is told (epoch, metric on the validation split); whether to go on.
Report = Callable[[tuple[int, float]], bool]


class ChildTraining:
  """The training of one child; nothing of it is kept but its score.

  Args:
    parts: of the run.
    arc: of the final space.
    seed: number of the seed, among those of the run's children.
    epochs: of the training.
    fraction: of the training batches of an epoch, in (0, 1].
    is_final: whether it is trained on all data that a final child is trained
      on, and scored on the test split; else on the validation split.
    report: see `Report`; None if nobody wants to know.
  """

  def __init__(
    self,
    parts: assembly.Assembly,
    arc: spaces.Arc,
    *,
    seed: int = 0,
    epochs: int = 1,
    fraction: float = 1.0,
    is_final: bool = False,
    report: Report | None = None,
  ) -> None:
    self._parts = parts
    self._arc = arc
    self._seed = seeds.derive(parts.seed("children"), str(seed))
    self._settings = scaled(parts.experiment.final, epochs)
    steps = parts.task.steps_per_epoch(self._settings, final=is_final)
    self._steps_per_epoch = max(1, round(fraction * steps))
    self._is_final = is_final
    self._report = report

  def run(self) -> float:
    """Returns the task's metric, after the training.

    Raises:
      DivergenceError: if a loss or a weight is not finite.
    """
    # For layers of others, whose random numbers nobody gave a seed.
    keras.utils.set_random_seed(self._seed)
    try:
      return self._run()
    finally:
      keras.backend.clear_session()
      gc.collect()

  def _run(self) -> float:
    task, settings = self._parts.task, self._settings
    stream = task.train_stream(
      settings, seeds.derive(self._seed, "batches"), final=self._is_final
    )
    model = self._parts.parts.make_child(
      self._arc,
      seeds.derive(self._seed, "network"),
      self._steps_per_epoch * settings.num_epochs,
    )
    # Not by Keras `fit`, which takes seconds to trace a step.
    network = _on_images(model) if task.uses_fit else model
    average = averaging.AveragedWeights(
      [v.value for v in model.trainable_variables],
      getattr(settings, "average_after", 0),
    )
    training = trainer.Trainer(
      network,
      task.steps(settings, network),
      stream,
      self._parts.parts.make_optimizer(
        model,
        settings,
        schedules.from_settings(settings, self._steps_per_epoch),
      ),
      batch_size=settings.batch_size,
      average=average,
    )
    return self._train(model, training, average)

  def _train(
    self,
    model: keras.Model,
    training: trainer.Trainer,
    average: averaging.AveragedWeights,
  ) -> float:
    """Returns the score of the last epoch, or of a text's best, as in `train`.

    The child that a final training keeps is the same.
    """
    last = self._settings.num_epochs
    is_text = not self._parts.task.uses_fit
    validate = None
    if is_text or not self._is_final:
      validate = self._validation(model)
    best = _Best(model)
    value = math.nan
    for epoch in range(1, last + 1):
      steps = [None] * self._steps_per_epoch
      training.run_steps(steps, trainer.Means())
      if validate is None or not (is_text or self._report or epoch == last):
        continue
      with average.applied():
        value = _finite(validate(), epoch)
        if is_text:
          best.observe(value, keeps=self._is_final)
      average.observe(value)
      if self._report is not None and not self._report((epoch, value)):
        break
    # The loss need not show it: some kernels of ReLU turn NaN into 0.
    _check_finite(model)
    if self._is_final:
      best.restore()
      return self._tested(model)
    return best.value if is_text else value

  def _validation(self, model: keras.Model) -> Callable[[], float]:
    """Returns a function that scores the child on the validation split."""
    task, settings = self._parts.task, self._settings
    network = self._parts.parts.inference(model)
    if task.uses_fit:
      network = _on_images(network)
    measurement = measuring.Measurement(network, task.steps(settings, network))
    batches = task.valid_batches(settings, final=not task.uses_fit)
    return lambda: measurement.score(batches)

  def _tested(self, model: keras.Model) -> float:
    """Returns the score of the child on the test split."""
    task = self._parts.task
    found = task.evaluate(
      self._parts.parts.inference(model),
      task.description(self._arc),
      self._settings,
    )
    return found[f"test_{task.metric.name}"]


class _Best:
  """The lowest perplexity of a training, and the weights that had it."""

  def __init__(self, model: keras.Model) -> None:
    self._weights = [v.value for v in model.trainable_variables]
    self._kept: list[np.ndarray] = []
    self.value = math.inf

  def observe(self, value: float, keeps: bool) -> None:
    """Takes the score of an epoch in, and keeps the weights, if it is to."""
    if value < self.value:
      self.value = value
      if keeps:
        self._kept = [weight.numpy() for weight in self._weights]

  def restore(self) -> None:
    """Brings the weights back that were best, if any were kept."""
    for weight, value in zip(self._weights, self._kept, strict=False):
      weight.assign(value)


def _on_images(model: keras.Model) -> Callable[..., dict[str, Any]]:
  """Returns a child for images as a network of its task: with named inputs."""

  def network(inputs: dict[str, Any], training: bool) -> dict[str, Any]:
    outputs = model(inputs["images"], training=training)
    return outputs if isinstance(outputs, dict) else {"logits": outputs}

  return network


def scaled(settings: Any, epochs: int) -> Any:
  """Returns the settings of a training of other epochs.

  A cosine takes one period, without a restart just before the end; the
  exponential decay as much of the training as it takes of the whole one.

  Args:
    settings: of the final child and its training.
    epochs: of the training.
  """
  if epochs == settings.num_epochs:
    return settings
  changed: dict[str, Any] = {"num_epochs": epochs}
  names = {field.name for field in fields.each(settings)}
  if getattr(settings, "lr_cosine", False):
    changed["lr_T_0"] = epochs
  elif "lr_dec_every" in names:
    share = epochs / settings.num_epochs
    changed["lr_dec_every"] = max(1, round(settings.lr_dec_every * share))
  return dataclasses.replace(settings, **changed)


def _check_finite(model: keras.Model) -> None:
  for variable in model.variables:
    value = np.asarray(variable)
    if value.dtype.kind == "f" and not np.isfinite(value).all():
      raise errors.DivergenceError(
        f"The child's weights are not finite, {variable.path}", "weight=nan"
      )


def _finite(value: float, epoch: int) -> float:
  if not math.isfinite(value):
    raise errors.DivergenceError(
      f"The child's score is not finite at epoch {epoch}", f"score={value}"
    )
  return value
