"""Trains a final image child with Keras `fit`; it can be stopped."""

import math
import pathlib
import re
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from enas_tf import checkpoints, errors, files
from enas_tf.layers import heads
from enas_tf.recipes import experiments
from enas_tf.runs import divergence, fit
from enas_tf.runs import run as runs
from enas_tf.training import keras_optimizers, schedules

_NUMBER = re.compile(r"_\d+(?=/|$)")  # At the end of a layer's name.


class Training:
  """The training of one child, in a folder of its own.

  Args:
    model: the child; answers {"logits", ["aux_logits"]}.
    batches: a function from a step to the endless batches that begin there.
    steps_per_epoch: steps in an epoch.
    description: of the child, for those who load it.
    settings: of the child and its training.
    folder: where checkpoints and logs go.
    run: the command that it is part of.
  """

  def __init__(
    self,
    model: keras.Model,
    batches: Callable[[int], tf.data.Dataset],
    *,
    steps_per_epoch: int,
    description: dict[str, Any],
    settings: Any,
    folder: pathlib.Path,
    run: runs.Run,
  ) -> None:
    self._model = model
    self._batches = batches
    self._steps_per_epoch = steps_per_epoch
    self._settings = settings
    self._folder = folder
    self._run = run
    compile_child(model, settings, steps_per_epoch)
    self._saver = checkpoints.Checkpoints(
      folder / "checkpoints",
      _parts(model),
      description
      | experiments.fixed(settings, "child_")
      | {"seed": run.experiment.run.seed},
      run.experiment.run.max_checkpoints_to_keep,
    )

  def run(self) -> int:
    """Trains to the end, or until the user stops it.

    Returns:
      For how many epochs the model is trained.
    """
    found = self._saver.restore(fit.resume_step(self._run))
    self._run.say_damaged(found)
    num_epochs, steps = self._settings.num_epochs, self._steps_per_epoch
    epoch, done = divmod(found.step if found else 0, steps)
    fit.begin(self._folder, epoch, done, steps, num_epochs, self._run)
    watch = _Watch(self._saver, self._folder, num_epochs, steps, self._run)
    with (
      self._run.stop.steps(),
      divergence.explained(self._settings, self._saver),
    ):
      if found and done and epoch < num_epochs:  # The rest of a stopped epoch.
        watch.go_on(done, found.notes["metrics"])
        self._train(epoch, epoch + 1, done, watch)
        epoch += 1
      if epoch < num_epochs:
        self._train(epoch, num_epochs, 0, watch)
    return max(epoch, num_epochs)

  def _train(self, first: int, last: int, done: int, watch: "_Watch") -> None:
    """Trains from step `done` of epoch `first` to the end of epoch `last`."""
    start = first * self._steps_per_epoch + done
    with files.writing(self._folder):
      self._model.fit(
        with_targets(self._model, self._batches(start)),
        initial_epoch=first,
        epochs=last,
        steps_per_epoch=self._steps_per_epoch - done,
        shuffle=False,  # The stream is.
        verbose=self._run.terminal.verbosity,
        callbacks=[
          keras.callbacks.CSVLogger(
            self._folder / fit.METRICS, append=first > 0
          ),
          keras.callbacks.TensorBoard(
            self._folder / "tensorboard", write_graph=False, profile_batch=0
          ),
          watch,  # Behind those that log: it may end the process.
        ],
      )


def with_targets(
  model: keras.Model, batches: tf.data.Dataset
) -> tf.data.Dataset:
  """Returns batches for `fit`: each output of the model has the labels.

  Args:
    model: answers {"logits", ["aux_logits"]}.
    batches: of (images, labels).
  """
  names = list(model.output)
  return batches.map(
    lambda images, labels: (images, dict.fromkeys(names, labels))
  )


def compile_child(model: keras.Model, child: Any, steps_per_epoch: int) -> None:
  """Compiles a child for its training by `fit`.

  Args:
    model: answers {"logits", ["aux_logits"]}.
    child: the settings of its training.
    steps_per_epoch: gradient steps in an epoch.
  """
  loss_weights = {"logits": 1.0, "aux_logits": heads.AUX_WEIGHT}
  model.compile(
    optimizer=keras_optimizers.make(
      child, schedules.from_settings(child, steps_per_epoch)
    ),
    loss={
      name: _loss(getattr(child, "mixup", 0.0) > 0) for name in model.output
    },
    loss_weights={name: loss_weights[name] for name in model.output},
    metrics={"logits": ["accuracy"]},
    jit_compile=False,
  )
  model.optimizer.build(model.trainable_variables)


def _loss(is_blended: bool) -> keras.losses.Loss:
  """Returns the cross-entropy of labels, which mixup makes fractions."""
  if is_blended:
    return keras.losses.CategoricalCrossentropy(from_logits=True)
  return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _parts(model: keras.Model) -> dict[str, checkpoints.Stateful]:
  optimizer = {str(i): v.value for i, v in enumerate(model.optimizer.variables)}
  return {
    "model": checkpoints.Variables(_named(model)),
    "optimizer": checkpoints.Variables(optimizer),
  }


def _named(model: keras.Model) -> dict[str, tf.Variable]:
  """Returns the variables of a child by names that all processes share.

  Keras numbers the layers of a user's that have no name, whatever else a
  process has built.
  """
  return {
    f"{i}/{_NUMBER.sub('', variable.path)}": variable.value
    for i, variable in enumerate(model.variables)
  }


class _Watch(keras.callbacks.Callback):
  """Saves at the end of an epoch and when it is due, and stops when asked.

  It also stops, before anything is saved, when the loss is not finite.
  """

  def __init__(
    self,
    saver: checkpoints.Checkpoints,
    folder: pathlib.Path,
    num_epochs: int,
    steps_per_epoch: int,
    run: runs.Run,
  ) -> None:
    super().__init__()
    self._saver = saver
    self._folder = folder
    self._num_epochs = num_epochs
    self._steps_per_epoch = steps_per_epoch
    self._run = run
    self._first = 0  # Steps of the epoch that were taken before.
    self._sums: list[float] | None = None  # Of the metrics, over these steps.

  def go_on(self, first: int, sums: list[float]) -> None:
    """Says how far the first epoch had come when it was saved."""
    self._first, self._sums = first, sums

  def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
    loss = (logs or {}).get("loss", 0.0)
    if not math.isfinite(loss):
      raise errors.DivergenceError(
        "The final child's loss is not finite at step "
        f"{int(self.model.optimizer.iterations)}",
        f"loss={loss}",
      )
    if self._sums is not None:
      # The metrics of Keras begin anew with each call of `fit`.
      for variable, value in zip(self._metrics(), self._sums, strict=True):
        variable.assign_add(value)
      self._sums = None
    done = self._first + batch + 1
    if done == self._steps_per_epoch:
      return  # The end of the epoch follows.
    if self._is_due():
      sums = [float(variable) for variable in self._metrics()]
      self._save({"metrics": sums})
    if self._run.stop.requested():
      self._run.end(
        f"step {done} of {self._steps_per_epoch} of the final training"
      )

  def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
    del logs
    self._first = 0
    is_last = epoch + 1 == self._num_epochs
    if is_last or self._is_due():
      self._save({})
    if not is_last:
      fit.note_progress(self._folder, epoch + 1, self._num_epochs)
      if self._run.stop.requested():
        self._run.end(f"the end of epoch {epoch + 1} of the final training")

  def _is_due(self) -> bool:
    minutes = self._run.experiment.run.save_minutes
    return self._run.stop.requested() or self._saver.due(minutes)

  def _save(self, notes: dict[str, Any]) -> None:
    # It refuses weights that are not finite: the loss need not show them, for
    # some kernels of ReLU turn NaN into 0.
    self._saver.save(int(self.model.optimizer.iterations), notes)

  def _metrics(self) -> list[tf.Variable]:
    return [v.value for metric in self.model.metrics for v in metric.variables]
