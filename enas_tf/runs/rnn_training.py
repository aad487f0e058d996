"""Trains a final language model; it can be stopped and resumed."""

import csv
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from enas_tf import checkpoints, files, states
from enas_tf.recipes import experiments
from enas_tf.report import loggers
from enas_tf.report import terminal as terminals
from enas_tf.runs import divergence, fit
from enas_tf.runs import run as runs
from enas_tf.training import averaging
from enas_tf.training import trainer as trainers


class Training:
  """The training of one child, in a folder of its own.

  Args:
    model: the child.
    trainer: takes its gradient steps.
    average: of its weights.
    steps_per_epoch: gradient steps in an epoch.
    description: of the child, for those who load it.
    settings: of the child and its training.
    folder: where checkpoints and logs go.
    run: the command that it is part of.
  """

  def __init__(
    self,
    model: keras.Model,
    trainer: trainers.Trainer,
    average: averaging.AveragedWeights,
    *,
    steps_per_epoch: int,
    description: dict[str, Any],
    settings: Any,
    folder: pathlib.Path,
    run: runs.Run,
  ) -> None:
    self._model = model
    self._trainer = trainer
    self._average = average
    self._steps_per_epoch = steps_per_epoch
    self._num_epochs = settings.num_epochs
    self._description = description
    self._settings = settings
    self._folder = folder
    self._run = run
    self._best, self._best_epoch = np.inf, 0
    self._saver = checkpoints.Checkpoints(
      folder / "checkpoints",
      {"": self, "average": average},
      description
      | {"seed": run.experiment.run.seed}
      | experiments.fixed(settings, "child_"),
      run.experiment.run.max_checkpoints_to_keep,
      may_be_infinite=("best", "average/past"),  # Before the first epochs.
    )

  def state(self) -> dict[str, np.ndarray]:
    """Returns what the training goes on with, by name."""
    return self._trainer.state() | self._bests()

  def _bests(self) -> dict[str, np.ndarray]:
    return {
      "best": np.array(self._best, np.float64),
      "best_epoch": np.array(self._best_epoch, np.int64),
    }

  def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    """Takes an earlier state back.

    Args:
      arrays: what `state` returned.
    """
    own = {k: v for k, v in arrays.items() if k in ("best", "best_epoch")}
    states.check(self._bests(), own)
    self._trainer.restore({k: v for k, v in arrays.items() if k not in own})
    self._best, self._best_epoch = float(own["best"]), int(own["best_epoch"])

  def run(self, validate: Callable[[], float]) -> None:
    """Trains to the end, or until the user stops it.

    Args:
      validate: returns the validation perplexity of the model.
    """
    found = self._saver.restore(fit.resume_step(self._run))
    self._run.say_damaged(found)
    steps = self._steps_per_epoch
    epoch, done = divmod(self._trainer.num_steps, steps)
    if fit.saved_epoch(self._folder) != self._best_epoch:
      # The child on disk comes from what this checkpoint went back behind, or
      # is damaged: the best of what follows takes its place.
      self._best = np.inf
    fit.begin(self._folder, epoch, done, steps, self._num_epochs, self._run)
    means = trainers.Means(found.notes.get("totals") if found else None, done)
    report = _Report(self._folder, self._run.terminal, self._num_epochs)
    with (
      self._run.stop.steps(),
      divergence.explained(self._settings, self._saver),
    ):
      while epoch < self._num_epochs:
        self._train_epoch(means)
        epoch += 1
        self._end_epoch(epoch, means, validate, report)
        means = trainers.Means()
    if np.isinf(self._best):  # Nothing followed.
      fit.save(self._model, self._description | {"epoch": epoch}, self._folder)
    report.close()
    fit.note_progress(self._folder, epoch, epoch)

  def _train_epoch(self, means: trainers.Means) -> None:
    """Takes the steps that are left of an epoch."""
    while means.count < self._steps_per_epoch:
      left = self._steps_per_epoch - means.count
      self._trainer.run_steps([None] * left, means, self._is_due)
      if means.count < self._steps_per_epoch:
        self._saver.save(self._trainer.num_steps, {"totals": means.totals})
        self._end_if_asked(f"step {means.count} of {self._steps_per_epoch}")

  def _end_epoch(
    self,
    epoch: int,
    means: trainers.Means,
    validate: Callable[[], float],
    report: "_Report",
  ) -> None:
    with self._average.applied():
      valid = validate()
      # Differs from enas_lm: the best weights are kept, not the last.
      if valid < self._best:
        self._best, self._best_epoch = valid, epoch
        saved = self._description | {"epoch": epoch}
        fit.save(self._model, saved, self._folder)
    metrics = self._trainer.summary(means)
    scores = {"valid_perplexity": valid, "averaged_steps": self._average.count}
    report.on_epoch(epoch, scores | metrics)
    self._average.observe(valid)
    is_last = epoch == self._num_epochs
    if is_last or self._is_due():
      self._saver.save(self._trainer.num_steps)
    if not is_last:
      fit.note_progress(self._folder, epoch, self._num_epochs)
      self._end_if_asked(f"the end of epoch {epoch}")

  def _is_due(self) -> bool:
    minutes = self._run.experiment.run.save_minutes
    return self._run.stop.requested() or self._saver.due(minutes)

  def _end_if_asked(self, where: str) -> None:
    if self._run.stop.requested():
      self._run.end(f"{where} of the final training")


class _Report:
  """Shows and logs the training of a child, epoch by epoch."""

  def __init__(
    self, folder: pathlib.Path, terminal: terminals.Terminal, num_epochs: int
  ) -> None:
    self._table = folder / "metrics.csv"
    self._logger = loggers.TensorBoardLogger(folder / loggers.TENSORBOARD)
    self._terminal = terminal
    self._num_epochs = num_epochs

  def on_epoch(self, epoch: int, metrics: dict[str, float]) -> None:
    _append(self._table, {"epoch": epoch} | metrics)
    self._logger.scalars(epoch, metrics)
    self._terminal.say(
      f"Epoch {epoch}/{self._num_epochs}: perplexity "
      f"{metrics['child/perplexity']:.2f}, validation "
      f"{metrics['valid_perplexity']:.2f}."
    )

  def close(self) -> None:
    self._logger.close()


def _append(path: pathlib.Path, row: dict[str, Any]) -> None:
  """Writes one line of a table, in the place of that of the same epoch."""
  rows = []
  with files.writing(path):
    if path.exists():  # As `fit.keep_epochs` left it.
      with open(path, newline="", encoding="utf-8") as file:
        rows = [
          r for r in csv.DictReader(file) if int(r["epoch"]) < row["epoch"]
        ]
  with (
    files.replacing(path) as temporary,
    open(temporary, "w", newline="", encoding="utf-8") as file,
  ):
    writer = csv.DictWriter(file, list(row), extrasaction="ignore")
    writer.writeheader()
    writer.writerows([*rows, row])
