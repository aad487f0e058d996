"""Trainings from scratch that compare arcs, each of which is paid for once.

Deriving, the baseline and the benchmarks ask for them. What is done stands in a
file, so that a command that was stopped goes on from there.
"""

import hashlib
import json
import pathlib
from typing import Any, NamedTuple

from enas_tf import errors, files
from enas_tf.runs import assembly


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


class Data(NamedTuple):
  """What is trained and scored on.

  Attributes:
    split: "test" or "valid", which scores are computed on.
    final: whether the training is on all data, as the final one.
  """

  split: str
  final: bool

  @property
  def words(self) -> str:
    """The split in words."""
    return {"test": "test", "valid": "validation"}[self.split]


# Something is chosen by the scores: the test split stays unseen.
FOR_CHOICE = Data("valid", final=False)


def fresh(built: assembly.Assembly) -> Data:
  """Returns data that no search has seen, where there are some.

  Args:
    built: the parts of a run.
  """
  if built.task.test_batches(built.experiment.search) is None:
    return FOR_CHOICE
  return Data("test", final=True)


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

  def __getitem__(self, training: Training) -> float:
    return self._scores[training]

  def add(self, training: Training, score: float) -> None:
    """Keeps a score: when this returns, a kill does not lose it.

    Args:
      training: that is done.
      score: the task's metric.
    """
    line = training._asdict() | {"score": score, "settings": self._settings}
    with files.writing(self._path):
      self._path.parent.mkdir(parents=True, exist_ok=True)
      with open(self._path, "ab", buffering=0) as file:
        file.write((json.dumps(line) + "\n").encode())
    self._scores[training] = score

  def _read(self) -> None:
    with files.writing(self._path):
      content = self._path.read_bytes()
      # A killed process leaves half a line, without its end.
      whole = content[: content.rfind(b"\n") + 1]
      if len(whole) < len(content):
        files.write_text(self._path, whole.decode())
    for number, text in enumerate(whole.splitlines(), start=1):
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
