"""The training of one child that is scored, and then forgotten."""

import dataclasses
import gc
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from enas_tf import errors, seeds
from enas_tf.runs import assembly, image_training
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
      return self._by_fit() if self._parts.task.uses_fit else self._by_steps()
    finally:
      keras.backend.clear_session()
      gc.collect()

  def _make(self) -> tuple[keras.Model, Any]:
    """Returns the child, and a function from a step to its batches."""
    task, settings = self._parts.task, self._settings
    stream = task.train_stream(
      settings, seeds.derive(self._seed, "batches"), final=self._is_final
    )
    model = self._parts.parts.make_child(
      self._arc,
      seeds.derive(self._seed, "network"),
      self._steps_per_epoch * settings.num_epochs,
    )
    return model, stream

  def _by_fit(self) -> float:
    """Trains by Keras `fit`; the score is that after the last epoch."""
    model, stream = self._make()
    image_training.compile_child(model, self._settings, self._steps_per_epoch)
    score = None
    if not self._is_final:
      child = self._parts.parts.inference(model)
      score = self._validation(
        lambda inputs, training: {
          "logits": child(inputs["images"], training=training)
        },
        is_final=False,
      )
    watch = _Watch(score, self._report)
    model.fit(
      image_training.with_targets(model, stream(0)),
      epochs=self._settings.num_epochs,
      steps_per_epoch=self._steps_per_epoch,
      shuffle=False,  # The stream is.
      verbose=0,
      callbacks=[watch],
    )
    # The loss need not show it: some kernels of ReLU turn NaN into 0.
    _check_finite(model)
    if score is None:
      return self._tested(model)
    return score() if watch.score is None else watch.score

  def _by_steps(self) -> float:
    """Trains by the steps of the task; the score is the best of all epochs."""
    model, stream = self._make()
    task, settings = self._parts.task, self._settings
    weights = [v.value for v in model.trainable_variables]
    average = averaging.AveragedWeights(
      weights, getattr(settings, "average_after", 0)
    )
    training = trainer.Trainer(
      model,
      task.steps(settings, model),
      stream,
      self._parts.parts.make_optimizer(
        model,
        settings,
        schedules.from_settings(settings, self._steps_per_epoch),
      ),
      batch_size=settings.batch_size,
      average=average,
    )
    score = self._validation(model, is_final=True)
    best = _Best(weights, task.metric.is_higher_better)
    for epoch in range(1, settings.num_epochs + 1):
      steps = [None] * self._steps_per_epoch
      training.run_steps(steps, trainer.Means())
      with average.applied():
        value = _finite(score(), epoch)
        best.observe(value, keeps=self._is_final)
      average.observe(value)
      if self._report is not None and not self._report((epoch, value)):
        break
    if not self._is_final:
      return best.value
    best.restore()
    return self._tested(model)

  def _validation(self, network: Any, is_final: bool) -> Callable[[], float]:
    """Returns a function that scores the child on the validation split."""
    task, settings = self._parts.task, self._settings
    measurement = measuring.Measurement(network, task.steps(settings, network))
    batches = task.valid_batches(settings, final=is_final)
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
  """The best score of a training, and the weights that had it."""

  def __init__(self, weights: list[Any], is_higher_better: bool) -> None:
    self._weights = weights
    self._sign = 1 if is_higher_better else -1
    self._kept: list[np.ndarray] = []
    self.value = -self._sign * math.inf

  def observe(self, value: float, keeps: bool) -> None:
    """Takes the score of an epoch in, and keeps the weights, if it is to."""
    if self._sign * value > self._sign * self.value:
      self.value = value
      if keeps:
        self._kept = [weight.numpy() for weight in self._weights]

  def restore(self) -> None:
    """Brings the weights back that were best."""
    for weight, value in zip(self._weights, self._kept, strict=True):
      weight.assign(value)


class _Watch(keras.callbacks.Callback):
  """Reports each epoch, and ends what is no longer finite."""

  def __init__(
    self, validate: Callable[[], float] | None, report: Report | None
  ) -> None:
    super().__init__()
    self._validate = validate
    self._report = report
    self.score: float | None = None

  def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
    del batch
    loss = (logs or {}).get("loss", 0.0)
    _finite(loss, int(self.model.optimizer.iterations), "step", "loss")

  def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
    del logs
    if self._validate is not None and self._report is not None:
      self.score = self._validate()
      if not self._report((epoch + 1, self.score)):
        self.model.stop_training = True


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


def _finite(
  value: float, number: int, unit: str = "epoch", what: str = "score"
) -> float:
  if not math.isfinite(value):
    raise errors.DivergenceError(
      f"The child's {what} is not finite at {unit} {number}", f"{what}={value}"
    )
  return value
