"""Where the numbers of a search go: JSON lines and TensorBoard.

Metric names are paths: child/loss, controller/entropy_nats, reward/mean.
"""

import contextlib
import importlib.util
import json
import math
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from enas_tf import errors, files
from enas_tf.report import draw
from enas_tf.spaces import base

METRICS, TENSORBOARD = "metrics.jsonl", "tensorboard"


class Logger:
  """Takes in what happens; a subclass keeps what it can show.

  A step is an integer that only grows within a run.
  """

  def scalars(self, step: int, values: Mapping[str, float]) -> None:
    """Logs numbers.

    Args:
      step: of the run.
      values: numbers by metric path.
    """

  def text(self, step: int, name: str, text: str) -> None:
    """Logs lines of text.

    Args:
      step: of the run.
      name: the metric path.
      text: the lines.
    """

  def arc(self, step: int, name: str, arc: base.Arc, note: str = "") -> None:
    """Logs an architecture.

    Args:
      step: of the run.
      name: the metric path.
      arc: of any space.
      note: a remark, such as its reward.
    """

  def hparams(self, values: Mapping[str, Any]) -> None:
    """Logs the settings of the run.

    Args:
      values: settings by name.
    """

  def close(self) -> None:
    """Writes out what is pending."""


class JsonLinesLogger(Logger):
  """Appends one JSON object for each call of `scalars`.

  A run that was killed and resumed leaves the lines that an uninterrupted one
  leaves; so there is no wall-clock time in them. A number that is not finite
  is written as null, for JSON has no other word for it.

  Args:
    path: of the file.
    resume_step: the step that was restored: the lines after it are dropped,
      for they will be written again. None begins a new file.

  Raises:
    OutputDirError: if the file cannot be written (by every method), or if a
      line of what was restored is damaged.
  """

  def __init__(
    self, path: pathlib.Path, resume_step: int | None = None
  ) -> None:
    self._path = path
    with files.writing(path):
      _keep_lines(path, resume_step)
      self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115

  def scalars(self, step: int, values: Mapping[str, float]) -> None:
    line = {"step": step} | {name: _number(v) for name, v in values.items()}
    with files.writing(self._path):
      self._file.write(json.dumps(line, allow_nan=False) + "\n")
      self._file.flush()

  def close(self) -> None:
    with files.writing(self._path):
      self._file.close()


class TensorBoardLogger(Logger):
  """Writes TensorBoard's event files.

  A resumed run adds a file. TensorBoard drops the points of the older files
  that the newer one writes again (its default loader does; with
  `--load_fast=false` it shows both).

  A tag belongs to one of TensorBoard's plugins, so the picture of an arc has
  another name than its text.

  Args:
    folder: to give to `tensorboard --logdir`.

  Raises:
    ConfigError: if the package tensorboard is missing: `tf.summary` needs it.
    OutputDirError: if the files cannot be written (by every method).
  """

  def __init__(self, folder: pathlib.Path) -> None:
    if importlib.util.find_spec("tensorboard") is None:
      raise errors.ConfigError(
        "The package tensorboard is not installed, and TensorFlow cannot "
        "write its logs without it: pip install tensorboard. Received: "
        f"folder={folder}"
      )
    self._folder = folder
    with files.writing(folder, tf.errors.OpError):
      self._writer = tf.summary.create_file_writer(str(folder))

  def scalars(self, step: int, values: Mapping[str, float]) -> None:
    with self._writing(step):
      for name, value in values.items():
        tf.summary.scalar(name, float(value))

  def text(self, step: int, name: str, text: str) -> None:
    with self._writing(step):
      # TensorBoard reads Markdown: four spaces keep the lines apart.
      tf.summary.text(name, "\n".join(f"    {t}" for t in text.splitlines()))

  def arc(self, step: int, name: str, arc: base.Arc, note: str = "") -> None:
    self.text(step, name, f"{arc}\n{note}".rstrip())
    self.picture(step, f"{name}_picture", draw.draw(arc))

  def picture(self, step: int, name: str, picture: np.ndarray | None) -> None:
    """Shows a picture.

    Args:
      step: of the search.
      name: its path.
      picture: uint8 [height, width, 4]; None is not shown.
    """
    if picture is not None:
      with self._writing(step):
        tf.summary.image(name, picture[None])

  def hparams(self, values: Mapping[str, Any]) -> None:
    from tensorboard.plugins.hparams import api  # The check comes first.

    shown = (bool, int, float, str)  # What its tab HPARAMS can show.
    with self._writing():
      api.hparams(
        {
          name: value if isinstance(value, shown) else str(value)
          for name, value in values.items()
        }
      )

  def close(self) -> None:
    with files.writing(self._folder, tf.errors.OpError):
      self._writer.close()

  @contextlib.contextmanager
  def _writing(self, step: int | None = None) -> Iterator[None]:
    """What is logged within it is in the file behind it."""
    with files.writing(self._folder, tf.errors.OpError):
      with self._writer.as_default(step):
        yield
      self._writer.flush()


class CompositeLogger(Logger):
  """Passes everything on to several loggers.

  Args:
    loggers: the others.
  """

  def __init__(self, loggers: Sequence[Logger]) -> None:
    self._loggers = tuple(loggers)

  def scalars(self, step: int, values: Mapping[str, float]) -> None:
    for logger in self._loggers:
      logger.scalars(step, values)

  def text(self, step: int, name: str, text: str) -> None:
    for logger in self._loggers:
      logger.text(step, name, text)

  def arc(self, step: int, name: str, arc: base.Arc, note: str = "") -> None:
    for logger in self._loggers:
      logger.arc(step, name, arc, note)

  def hparams(self, values: Mapping[str, Any]) -> None:
    for logger in self._loggers:
      logger.hparams(values)

  def close(self) -> None:
    with contextlib.ExitStack() as stack:  # All, even if one fails.
      for logger in self._loggers:
        stack.callback(logger.close)


def open_loggers(
  run_dir: pathlib.Path, resume_step: int | None
) -> CompositeLogger:
  """Returns the loggers of a run: JSON lines and TensorBoard.

  Args:
    run_dir: the run's folder.
    resume_step: the step that was restored, or None at the start of a run.
  """
  return CompositeLogger(
    [
      JsonLinesLogger(run_dir / METRICS, resume_step),
      TensorBoardLogger(run_dir / TENSORBOARD),
    ]
  )


def _number(value: float) -> float | None:
  value = float(value)
  return value if math.isfinite(value) else None


def _keep_lines(path: pathlib.Path, last_step: int | None) -> None:
  """Rewrites a file without the lines after a step, and half lines."""
  if not path.exists():
    return
  kept = []
  if last_step is not None:
    with open(path, encoding="utf-8", errors="replace") as file:
      kept = [
        f"{line.rstrip()}\n"
        for number, line in enumerate(file, start=1)
        if _is_kept(line, last_step, f"{path}, line {number}")
      ]
  files.write_text(path, "".join(kept))


def _is_kept(line: str, last_step: int, where: str) -> bool:
  try:
    return json.loads(line)["step"] <= last_step
  except (ValueError, TypeError, KeyError) as error:
    # A killed process leaves half a line, without its end, and it is the last.
    # Its step is after that of any checkpoint, and will be repeated.
    if not line.endswith("\n"):
      return False
    raise errors.OutputDirError(
      "A line of the run's metrics is damaged, and the others were left as "
      "they are: mend or delete it, or move the file away to begin a new one, "
      "and start again. Received: "
      f"{where}: {line.strip()[:80]!r} ({error!r})"
    ) from error
