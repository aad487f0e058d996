"""Trainings from scratch that compare arcs, each of which is paid for once.

Deriving, the baseline and the benchmarks ask for them. What is done stands in a
file, so that a command that was stopped goes on from there.
"""

import contextlib
import hashlib
import json
import math
import pathlib
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from enas_tf import errors, files
from enas_tf.distributed import base as engines
from enas_tf.recipes import experiments, searched
from enas_tf.runs import assembly, children
from enas_tf.runs import run as runs


class Training(NamedTuple):
  """What is asked for.

  Attributes:
    arc: the integers of its decisions.
    repeat: which of several trainings of the arc, from 0; a seed.
    epochs: how long.
  """

  arc: tuple[int, ...]
  repeat: int
  epochs: int


# What trainings are scored on, in words. For "valid" they learn from the
# training split, for "test" from all that a final child learns from.
SPLITS = {children.VALID: "validation", children.TEST: "test"}


def fresh(built: assembly.Assembly) -> str:
  """Returns a split that no search has seen, if there is one.

  Args:
    built: the parts of a run.
  """
  test = built.task.test_batches(built.experiment.search)
  return children.VALID if test is None else children.TEST


class Ledger:
  """The scores of trainings, in memory and in a file that only grows.

  Args:
    path: of the file.
    settings: what the scores depend on besides, as JSON; what stands in the
      file of other ones is passed over.

  Raises:
    OutputDirError: if the file is damaged, or cannot be written.
  """

  def __init__(self, path: pathlib.Path, settings: Any) -> None:
    text = json.dumps(settings, sort_keys=True)
    self._settings = hashlib.sha256(text.encode()).hexdigest()[:16]
    self._path = path
    self._scores: dict[Training, float] = {}
    if path.exists():
      self._read()

  def __contains__(self, training: Training) -> bool:
    return training in self._scores

  def get(self, training: Training) -> float | None:
    """Returns the score of a training, or None if it is not known.

    Args:
      training: that was asked for.
    """
    return self._scores.get(training)

  def add(self, training: Training, score: float) -> None:
    """Keeps a score: when this returns, a kill does not lose it.

    Args:
      training: that is done.
      score: the task's metric.
    """
    line = training._asdict() | {"score": score, "settings": self._settings}
    files.append_line(self._path, line)
    self._scores[training] = score

  def _read(self) -> None:
    files.cut_half_line(self._path)
    with files.writing(self._path):
      lines = self._path.read_bytes().splitlines()
    for number, text in enumerate(lines, start=1):
      try:
        line = json.loads(text)
        arc = tuple(map(int, line["arc"]))
        training = Training(arc, int(line["repeat"]), int(line["epochs"]))
        if line["settings"] == self._settings:
          self._scores[training] = float(line["score"])
      except (ValueError, TypeError, LookupError) as error:
        raise errors.OutputDirError(
          "A line of the trained scores is damaged, and the others were left "
          "as they are: mend or delete it, or move the file away to train all "
          f"again. Received: {self._path}, line {number}: {text[:80]!r} "
          f"({type(error).__name__}: {error})"
        ) from error


def finite(value: float) -> float | None:
  """Returns a number for JSON, which has no NaN.

  Args:
    value: the number.
  """
  return float(value) if math.isfinite(value) else None


def spread(scores: Sequence[float] | np.ndarray) -> dict[str, Any]:
  """Returns mean and deviation of an arc's scores, and how many there are.

  Args:
    scores: NaN where a training failed.
  """
  known = np.array([each for each in scores if math.isfinite(each)])
  return {
    "mean": float(known.mean()) if len(known) else None,
    "sd": float(known.std(ddof=1)) if len(known) > 1 else None,
    "seeds": len(known),
  }


def scored(
  built: assembly.Assembly,
  run: runs.Run,
  wanted: Sequence[Training],
  split: str,
  path: pathlib.Path,
) -> dict[Training, float | None]:
  """Returns the task's metric of each training; None if it failed.

  What stands in the file is not trained again.

  Args:
    built: the parts of the run.
    run: the command, which may be stopped amid of it.
    wanted: the trainings, of arcs of the final space.
    split: that scores are of, see `SPLITS`.
    path: of the file.

  Raises:
    WorkerError: if workers cannot start.
  """
  ledger = Ledger(path, _settings(built, split))
  missing = [each for each in dict.fromkeys(wanted) if each not in ledger]
  if missing:
    _train(built, run, missing, split, ledger)
  return {each: ledger.get(each) for each in wanted}


def _train(
  built: assembly.Assembly,
  run: runs.Run,
  missing: Sequence[Training],
  split: str,
  ledger: Ledger,
) -> None:
  """Trains what is missing, in worker processes."""
  name, engine = built.task.metric.short, children.make_engine(built)
  started, done = time.monotonic(), 0
  with run.stop.steps(), contextlib.closing(engine):
    for epochs in sorted({each.epochs for each in missing}):
      group = [each for each in missing if each.epochs == epochs]
      for training, found in _each(built, engine, group, split, run):
        done += 1
        if found.score is not None and math.isfinite(found.score):
          ledger.add(training, found.score)
        else:
          reason = found.reason or f"its score is {found.score}"
          run.terminal.warn(
            f"The training of {built.final_space.decode(training.arc)} failed: "
            f"{reason}."
          )
        per_training = (time.monotonic() - started) / done
        run.terminal.progress(
          done=done,
          total=len(missing),
          unit=f"{epochs} epochs",
          values={} if found.score is None else {name: found.score},
          seconds_left=per_training * (len(missing) - done),
        )
  run.terminal.end_progress()
  if run.stop.requested():
    run.end(f"training {done} of {len(missing)}")


def _each(
  built: assembly.Assembly,
  engine: engines.Engine,
  group: Sequence[Training],
  split: str,
  run: runs.Run,
) -> Iterator[tuple[Training, children.Scored]]:
  """Yields what came of trainings of as many epochs."""
  arcs = list(dict.fromkeys(each.arc for each in group))
  repeats = sorted({each.repeat for each in group})
  wanted = {(arcs.index(each.arc), each.repeat): each for each in group}
  others = {
    (place, repeat)
    for place in range(len(arcs))
    for repeat in repeats
    if (place, repeat) not in wanted
  }
  for found in children.score_arcs(
    built,
    engine,
    arcs,
    epochs=group[0].epochs,
    seeds=repeats,
    split=split,
    skip=others,
    stop=run.stop.requested,
  ):
    yield wanted[found.place, found.seed], found


def _settings(built: assembly.Assembly, split: str) -> dict[str, Any]:
  """Returns what scores depend on, besides arc, repeat and epochs."""
  experiment = built.experiment
  values = experiments.values(experiment)
  given = {
    name: values[name]
    for name, place in experiments.named(experiment)
    if place.section in ("data", "final") and place.field.name != "num_epochs"
  }
  return given | {
    "seed": experiment.run.seed,
    "split": split,
    "data": built.task.fingerprint(),
    **searched.fingerprint(experiment),
  }
