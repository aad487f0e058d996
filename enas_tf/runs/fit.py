"""Trains a final child with Keras `fit`; it can be stopped and resumed."""

import math
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from enas_tf import checkpoints, config, errors, files

# Loading a child needs the classes of all of its layers.
from enas_tf.layers import conv, heads, language, norm, regularize  # noqa: F401
from enas_tf.runs import divergence
from enas_tf.runs import run as runs
from enas_tf.training import optimizers, schedules

MODEL, METRICS = "child.keras", "metrics.csv"
_DESCRIPTION, _PROGRESS = "child.json", "training.json"


def fit(
  model: keras.Model,
  child: config.ChildConfig,
  *,
  batches: Callable[[int], tf.data.Dataset],
  steps_per_epoch: int,
  fingerprint: dict[str, Any],
  folder: pathlib.Path,
  run: runs.Run,
) -> int:
  """Trains a model that answers {"logits", ["aux_logits"]}.

  Args:
    model: the child.
    child: its recipe.
    batches: a function from a step to the endless batches that begin there.
    steps_per_epoch: steps in an epoch.
    fingerprint: the settings that a checkpoint depends on.
    folder: where checkpoints and logs go.
    run: the command that it is part of.

  Returns:
    How many epochs the model is trained for.
  """
  _compile(model, child, steps_per_epoch)
  saver = checkpoints.Checkpoints(
    folder / "checkpoints",
    _state(model),
    fingerprint,
    run.experiment.run.max_checkpoints_to_keep,
  )
  found = saver.restore(resume_step(run))
  run.record()
  step = found.step if found else 0
  epoch, done = divmod(step, steps_per_epoch)
  if 0 < step < child.num_epochs * steps_per_epoch:
    run.terminal.say(
      f"Resuming the training at epoch {epoch + 1}, step {done} of "
      f"{steps_per_epoch}."
    )
  begin(folder, epoch, child.num_epochs, run)
  keep_epochs(folder / METRICS, epoch)
  watch = _Watch(saver, folder, child.num_epochs, steps_per_epoch, run)
  names = list(model.output)

  def with_targets(images, labels):
    return images, {name: labels for name in names}

  def train(first: int, last: int, done: int) -> None:
    """Trains from step `done` of epoch `first` to the end of epoch `last`."""
    with files.writing(folder):
      model.fit(
        batches(first * steps_per_epoch + done).map(with_targets),
        initial_epoch=first,
        epochs=last,
        steps_per_epoch=steps_per_epoch - done,
        shuffle=False,  # The stream is.
        verbose=run.terminal.verbosity,
        callbacks=[
          watch,
          keras.callbacks.CSVLogger(folder / METRICS, append=first > 0),
          keras.callbacks.TensorBoard(
            folder / "tensorboard", write_graph=False, profile_batch=0
          ),
        ],
      )

  with run.stop.steps(), divergence.explained(child, saver):
    if done and epoch < child.num_epochs:  # The rest of a stopped epoch.
      watch.go_on(done, found.notes["metrics"])
      train(epoch, epoch + 1, done)
      epoch += 1
    if epoch < child.num_epochs:
      train(epoch, child.num_epochs, 0)
  return max(epoch, child.num_epochs)



def resume_step(run: runs.Run) -> int | None:
  """Returns the step of the checkpoint that a training goes on from.

  --resume_from is of the search in a command that searches.
  """
  is_alone = run.experiment.run.mode == "train"
  return run.experiment.run.resume_from if is_alone else None


def save(
  model: keras.Model, description: dict[str, Any], folder: pathlib.Path
) -> None:
  """Saves a trained child, with what describes it."""
  with files.replacing(folder / MODEL) as temporary:
    model.save(temporary)
  files.write_json(folder / _DESCRIPTION, description)


def load(
  folder: pathlib.Path, arc: str
) -> tuple[keras.Model, dict[str, Any]]:
  """Returns a trained child, and what describes it.

  Args:
    folder: of the child.
    arc: its arc, for the errors.

  Raises:
    CheckpointError: if there is none, or its training is not finished.
  """
  _check_finished(folder, arc)
  try:
    model = keras.saving.load_model(folder / MODEL, compile=False)
  except Exception as error:  # Keras raises whatever a damaged file leads to.
    raise errors.CheckpointError(
      "The trained child cannot be read: train it again, by --mode=train, "
      f"after its folder was moved away. Received: {folder / MODEL} "
      f"({type(error).__name__}: {error})"
    ) from error
  return model, files.read_json(folder / _DESCRIPTION)


def _check_finished(folder: pathlib.Path, arc: str) -> None:
  path = folder / _PROGRESS
  progress = files.read_json(path) if path.exists() else None
  if progress is None:
    trained = folder.parent.glob("*/child.json")
    others = sorted(each.parent.name for each in trained)
    raise errors.CheckpointError(
      "There is no trained child of this arc in the output folder: train it "
      "first, by --mode=train"
      + (", or name another by --child_fixed_arc" if others else "")
      + f". Received: arc={arc}, folder={folder}, trained={others[:5]}"
    )
  epochs, num_epochs = progress.get("epochs"), progress.get("num_epochs")
  if epochs != num_epochs or not (folder / _DESCRIPTION).exists():
    raise errors.CheckpointError(
      f"The training of this child is not finished: {epochs} of {num_epochs} "
      "epochs are done. Go on with it, by --mode=train, or end it where it "
      f"is, by --mode=train --final_num_epochs={max(int(epochs or 0), 1)}. "
      f"Received: arc={arc}, folder={folder}"
    )


def begin(
  folder: pathlib.Path, epochs: int, num_epochs: int, run: runs.Run
) -> None:
  """Notes that a training begins, or goes on; says what it makes outdated."""
  if epochs >= num_epochs:
    return
  note_progress(folder, epochs, num_epochs)
  if (folder / "evaluation.json").exists():
    run.terminal.say(
      "What was evaluated and exported stays as it is, and is of the shorter "
      "training."
    )


def finish(
  model: keras.Model,
  description: dict[str, Any],
  folder: pathlib.Path,
  epochs: int,
) -> None:
  """Saves the child of a training that is done."""
  save(model, description, folder)
  note_progress(folder, epochs, epochs)


def note_progress(folder: pathlib.Path, epochs: int, num_epochs: int) -> None:
  """Writes how far a training has come, for those who use its child."""
  files.write_json(
    folder / _PROGRESS, {"epochs": epochs, "num_epochs": num_epochs}
  )


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


def keep_epochs(path: pathlib.Path, num_epochs: int) -> None:
  """Drops the lines of epochs that a resumed training will repeat."""
  if path.exists():
    with files.writing(path):
      lines = path.read_bytes().splitlines(keepends=True)
    with files.replacing(path) as temporary:
      temporary.write_bytes(b"".join(lines[: num_epochs + 1]))


class _Watch(keras.callbacks.Callback):
  """Saves at the end of an epoch and when it is due, and stops when asked.

  It also stops, before anything is saved, when the loss or a weight is not
  finite.
  """

  def __init__(
    self,
    saver: checkpoints.Checkpoints,
    folder: pathlib.Path,
    num_epochs: int,
    steps_per_epoch: int,
    run: runs.Run,
  ):
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
    self._check("loss", (logs or {}).get("loss", 0.0))
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
      self._stop(f"step {done} of {self._steps_per_epoch}")

  def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
    del logs
    self._first = 0
    is_last = epoch + 1 == self._num_epochs
    if is_last or self._is_due():
      self._save({})
    if not is_last:
      note_progress(self._folder, epoch + 1, self._num_epochs)
      if self._run.stop.requested():
        self._stop(f"the end of epoch {epoch + 1}")

  def _is_due(self) -> bool:
    minutes = self._run.experiment.run.save_minutes
    return self._run.stop.requested() or self._saver.due(minutes)

  def _save(self, notes: dict[str, Any]) -> None:
    # Some kernels of ReLU turn NaN into 0 and hide weights that are NaN.
    for weight in self.model.trainable_variables:
      self._check(f"weight {weight.path}", float(tf.reduce_sum(tf.abs(weight))))
    self._saver.save(int(self.model.optimizer.iterations), notes)

  def _check(self, what: str, value: float) -> None:
    if not math.isfinite(value):
      raise errors.DivergenceError(
        f"The final child's {what} is not finite at step "
        f"{int(self.model.optimizer.iterations)}",
        f"{what}={value}",
      )

  def _metrics(self) -> list[tf.Variable]:
    return [v.value for metric in self.model.metrics for v in metric.variables]

  def _stop(self, where: str) -> None:
    self._run.terminal.say(
      f"\nStopped at {where} of the final training, and saved. The same "
      "command goes on from there."
    )
    self._run.stop.end()
