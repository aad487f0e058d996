"""Trains a final child with Keras `fit`; it can be stopped and resumed."""

import math
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from enas_tf import checkpoints, config, errors, manifest

# Loading a child needs the classes of all of its layers.
from enas_tf.layers import conv, heads, language, norm, regularize  # noqa: F401
from enas_tf.training import optimizers, schedules

FOLDER = "final"
_MODEL, _DESCRIPTION = "child.keras", "child.json"
_METRICS = "metrics.csv"


def fit(
  model: keras.Model,
  child: config.ChildConfig,
  *,
  batches: Callable[[int], tf.data.Dataset],
  steps_per_epoch: int,
  fingerprint: dict[str, Any],
  folder: pathlib.Path,
  save_minutes: float,
  terminal,
) -> None:
  """Trains a model that answers {"logits", ["aux_logits"]}.

  Args:
    model: the child.
    child: its recipe.
    batches: a function from a step to the endless batches that begin there.
    steps_per_epoch: steps in an epoch.
    fingerprint: the settings that a checkpoint depends on.
    folder: where checkpoints and logs go.
    save_minutes: at most so long is lost when the training is killed, but for
      the epoch that is running.
    terminal: says what happens.
  """
  folder.mkdir(parents=True, exist_ok=True)
  _compile(model, child, steps_per_epoch)
  saver = checkpoints.Checkpoints(
    folder / "checkpoints", _state(model), fingerprint
  )
  epoch = saver.restore() or 0
  if 0 < epoch < child.num_epochs:
    terminal.say(f"Resuming the training at epoch {epoch + 1}.")
  _keep_epochs(folder / _METRICS, epoch)
  names = list(model.output)

  def with_targets(images, labels):
    return images, {name: labels for name in names}

  model.fit(
    batches(epoch * steps_per_epoch).map(with_targets),
    initial_epoch=epoch,
    epochs=child.num_epochs,
    steps_per_epoch=steps_per_epoch,
    shuffle=False,  # The stream is.
    verbose=terminal.verbosity,
    callbacks=[
      _StopAtNaN(),
      keras.callbacks.CSVLogger(folder / _METRICS, append=epoch > 0),
      keras.callbacks.TensorBoard(
        folder / "tensorboard", write_graph=False, profile_batch=0
      ),
      _Save(saver, save_minutes, child.num_epochs),
    ],
  )


def save(
  model: keras.Model, description: dict[str, Any], folder: pathlib.Path
) -> None:
  """Saves a trained child, images to logits, with what describes it."""
  folder.mkdir(parents=True, exist_ok=True)
  temporary = folder / f"new_{_MODEL}"
  model.save(temporary)
  temporary.replace(folder / _MODEL)
  manifest.write_json(folder / _DESCRIPTION, description)


def load(run_folder: pathlib.Path) -> tuple[keras.Model, dict[str, Any]]:
  """Returns the trained child of a run, and what describes it.

  Raises:
    CheckpointError: if there is none.
  """
  folder = run_folder / FOLDER
  if not (folder / _DESCRIPTION).exists():
    raise errors.CheckpointError(
      "There is no trained child in the output folder: train it first, by "
      f"--mode=train. Received: output_dir={run_folder}"
    )
  try:
    model = keras.saving.load_model(folder / _MODEL, compile=False)
  except (OSError, ValueError, KeyError) as error:
    raise errors.CheckpointError(
      "The trained child cannot be read: train it again, by --mode=train. "
      f"Received: {folder / _MODEL} ({error})"
    ) from error
  return model, manifest.read_json(folder / _DESCRIPTION)


def _compile(model, child, steps_per_epoch) -> None:
  clipping = {"norm": "clipnorm", "global": "global_clipnorm"}
  clip = {
    keyword: child.grad_bound
    for mode, keyword in clipping.items()
    if mode == child.clip_mode
  }
  loss_weights = {"logits": 1.0, "aux_logits": heads.AUX_WEIGHT}
  model.compile(
    optimizer=optimizers.NesterovMomentum(
      schedules.from_config(child, steps_per_epoch),
      l2_reg=child.l2_reg,
      **clip,
    ),
    loss={
      name: keras.losses.SparseCategoricalCrossentropy(from_logits=True)
      for name in model.output
    },
    loss_weights={name: loss_weights[name] for name in model.output},
    metrics={"logits": ["accuracy"]},
    jit_compile=False,
  )
  model.optimizer.build(model.trainable_variables)


def _state(model) -> dict[str, tf.Variable]:
  weights = {f"model/{v.path}": v.value for v in model.variables}
  return weights | {
    f"optimizer/{i}": v.value for i, v in enumerate(model.optimizer.variables)
  }


def _keep_epochs(path: pathlib.Path, num_epochs: int) -> None:
  """Drops the lines of epochs that a resumed training will repeat."""
  if path.exists():
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: num_epochs + 1]))


class _Save(keras.callbacks.Callback):
  """Saves at the end of an epoch, when it is due, and at the very end."""

  def __init__(self, saver, minutes, num_epochs):
    super().__init__()
    self._saver = saver
    self._minutes = minutes
    self._num_epochs = num_epochs

  def on_epoch_end(self, epoch, logs=None):
    del logs
    if self._saver.due(self._minutes) or epoch + 1 == self._num_epochs:
      self._saver.save(epoch + 1)


class _StopAtNaN(keras.callbacks.Callback):
  """Stops with an error, before anything is saved, when the loss is NaN."""

  def on_train_batch_end(self, batch, logs=None):
    self._check((logs or {}).get("loss", 0.0))

  def on_epoch_end(self, epoch, logs=None):
    # Some kernels of ReLU turn NaN into 0 and hide weights that are NaN.
    for weight in self.model.trainable_variables:
      self._check(float(tf.reduce_sum(tf.abs(weight))))

  def _check(self, loss: float) -> None:
    if not math.isfinite(loss):
      step = int(self.model.optimizer.iterations)
      raise errors.DivergenceError(
        f"The child's loss or weights are not numbers at step {step}. The "
        "last good checkpoint is kept: lower --child_lr_max or clip the "
        "gradients "
        "(--child_clip_mode=global), and start again. Received: "
        f"{loss}"
      )
