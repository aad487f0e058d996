"""The memory of a search: every arc that was scored, and what came of it.

It is a file of JSON lines that only grows, `trials.jsonl` in the run's folder.
A search that was killed proposes its arcs again and finds in it the answers
that were paid for.
"""

import dataclasses
import json
import math
import os
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from enas_tf import errors, files
from enas_tf.spaces import base

FILE = "trials.jsonl"
REWARD = "reward"
DONE, FAILED, PRUNED, OUTSIDE = "done", "failed", "pruned", "outside"


class Proposal(NamedTuple):
  """An arc that is to be scored.

  Attributes:
    number: of the arc, among all that its controller has given out.
    arc: the integers of its decisions.
    repeat: which scoring of the arc it is, where the mean of several is taken.
  """

  number: int
  arc: tuple[int, ...]
  repeat: int = 0

  @property
  def row(self) -> np.ndarray:
    """The arc as int32 [num_decisions]."""
    return np.array(self.arc, np.int32)


@dataclasses.dataclass(frozen=True)
class Trial:
  """An arc, and what came of scoring it.

  >>> Trial(0, (1, 0), scores={"reward": 0.5}).reward
  0.5

  Attributes:
    number: of the arc, see `Proposal`.
    arc: the integers of its decisions.
    status: "done", "failed" (see `reason`), "pruned": given up early, for it
      did not look promising, or "outside": beyond a limit, and never trained.
    scores: finite numbers by name; "reward" is what a controller maximises,
      the others are metrics. Those of a pruned trial are what it had reached.
    seconds: that scoring took.
    reason: why it failed or is outside, or None.
    gradients: of the reward with respect to a factor of 1 on what each decision
      chose, for a controller that learns from them; or None.
    is_predicted: whether the scores are a guess of a surrogate's.
    curve: the rewards after its first epochs, of a training that could be given
      up early; else empty.
  """

  number: int
  arc: tuple[int, ...]
  status: str = DONE
  scores: dict[str, float] = dataclasses.field(default_factory=dict)
  seconds: float = 0.0
  reason: str | None = None
  gradients: tuple[float, ...] | None = None
  is_predicted: bool = False
  curve: tuple[float, ...] = ()

  def __post_init__(self) -> None:
    assert self.status in (DONE, FAILED, PRUNED, OUTSIDE), self.status
    assert all(map(math.isfinite, self.scores.values())), self.scores
    assert not self.is_done or REWARD in self.scores, self.scores
    assert all(map(math.isfinite, self.gradients or ())), self.gradients
    assert all(map(math.isfinite, self.curve)), self.curve

  @property
  def is_done(self) -> bool:
    """Whether it has a reward to learn from."""
    return self.status == DONE

  @property
  def reward(self) -> float:
    """What a controller maximises, of a trial that is done."""
    return self.scores[REWARD]


def answer(
  proposal: Proposal,
  scores: dict[str, float],
  seconds: float,
  gradients: tuple[float, ...] | None = None,
) -> Trial:
  """Returns the trial of an arc that was scored.

  It has failed if a score or a gradient is not finite.

  Args:
    proposal: the arc.
    scores: by name, the reward among them.
    seconds: that scoring took.
    gradients: see `Trial`.
  """
  broken = {k: v for k, v in scores.items() if not math.isfinite(v)}
  if broken:
    (name, value), *_ = broken.items()
    return failure(proposal, f"{name}={value} is not finite", seconds)
  if not all(map(math.isfinite, gradients or ())):
    return failure(proposal, "a gradient is not finite", seconds)
  number, arc, _ = proposal
  return Trial(
    number, arc, scores=dict(scores), seconds=seconds, gradients=gradients
  )


def failure(proposal: Proposal, reason: str, seconds: float) -> Trial:
  """Returns the trial of an arc that could not be scored.

  Args:
    proposal: the arc.
    reason: why, in words for the user.
    seconds: until it was known.
  """
  number, arc, _ = proposal
  return Trial(
    number, arc, FAILED, reason=errors.shorten(reason), seconds=seconds
  )


def outside(proposal: Proposal, reason: str) -> Trial:
  """Returns the trial of an arc that is beyond a limit.

  Args:
    proposal: the arc.
    reason: which limit, in words for the user.
  """
  number, arc, _ = proposal
  return Trial(number, arc, OUTSIDE, reason=reason)


class TrialLog:
  """The trials of a run, in memory and in its file.

  Args:
    path: of the file; None keeps them in memory alone.
    space: of the arcs, whose texts stand in the file, too.

  Raises:
    OutputDirError: if the file is damaged, or cannot be written.
  """

  def __init__(
    self, path: pathlib.Path | None = None, space: Any = None
  ) -> None:
    self._path = path
    self._space: base.Space | None = space
    self._trials: dict[int, Trial] = {}
    self._settings: str | None = None
    if path is not None and path.exists():
      files.cut_half_line(path)
      self._trials, self._settings = _load(path)

  def trials(self) -> list[Trial]:
    """Returns the trials that count, by number."""
    return [self._trials[number] for number in sorted(self._trials)]

  def begin(self, settings: str, number: int) -> None:
    """Begins, or goes on; what other settings found no longer counts.

    Args:
      settings: a text that is another one when trials would be.
      number: that of the next arc: trials before it count in any case.
    """
    if settings != self._settings:
      self.rewind(number)
      self._settings = settings
      self._write({"settings": settings})

  def append(self, trial: Trial) -> None:
    """Keeps a trial: when this returns, a kill does not lose it.

    Args:
      trial: takes the place of one of the same number.
    """
    if self._path is not None:  # Making a line takes longer than a look-up.
      self._write(self._line(trial))
    self._trials[trial.number] = trial

  def _line(self, trial: Trial) -> dict[str, Any]:
    line = dataclasses.asdict(trial)
    for name in ("gradients", "is_predicted", "curve"):  # Of few trials.
      if not line[name]:
        del line[name]
    if self._space is not None:
      line["arc_string"] = str(self._space.decode(trial.arc))
    return line

  def rewind(self, number: int) -> None:
    """Says that the trials from a number on no longer count.

    Args:
      number: of an arc.
    """
    void = [each for each in self._trials if each >= number]
    if void:
      self._write({"rewind": number})
    for each in void:
      del self._trials[each]

  def known(self, proposals: Sequence[Proposal]) -> list[Trial]:
    """Returns the trials of those proposals that were scored before.

    Args:
      proposals: what a search asks for, with the numbers that it had before.
    """
    for proposal in proposals:
      trial = self._trials.get(proposal.number)
      if trial is not None and trial.arc != proposal.arc:
        # The search took another way, as it may without `deterministic`.
        self.rewind(proposal.number)
    numbers = [each.number for each in proposals]
    return [self._trials[each] for each in numbers if each in self._trials]

  def _write(self, line: dict[str, Any]) -> None:
    if self._path is not None:
      files.append_line(self._path, line)


def read(folder: str | os.PathLike[str]) -> list[Trial]:
  """Returns the trials of a run, by number; none if there is no file.

  >>> [trial.status for trial in read_trials(search.folder)]
  ['done', 'done']

  Args:
    folder: of the run.

  Raises:
    OutputDirError: if the file is damaged.
  """
  path = pathlib.Path(folder).expanduser() / FILE
  trials, _ = _load(path) if path.exists() else ({}, None)
  return [trials[number] for number in sorted(trials)]


def _load(path: pathlib.Path) -> tuple[dict[int, Trial], str | None]:
  """Returns the trials of a file by number, and of which settings they are."""
  with files.writing(path):
    texts = path.read_bytes().split(b"\n")
  trials: dict[int, Trial] = {}
  settings = None
  # A killed process leaves half a line, without its end, and it is the last.
  for number, text in enumerate(texts[:-1], start=1):
    line = _parse(text, f"{path}, line {number}")
    if isinstance(line, Trial):
      trials[line.number] = line
    elif "rewind" in line:
      trials = {k: v for k, v in trials.items() if k < line["rewind"]}
    else:
      settings = line["settings"]
  return trials, settings


def _parse(text: bytes, where: str) -> Trial | dict[str, Any]:
  """Returns the trial of a line, or {"settings": str}, or {"rewind": int}."""
  try:
    line = json.loads(text)
    if "settings" in line:
      return {"settings": str(line["settings"])}
    if "rewind" in line:
      return {"rewind": int(line["rewind"])}
    return Trial(
      number=int(line["number"]),
      arc=tuple(map(int, line["arc"])),
      status=line["status"],
      scores={name: float(x) for name, x in line["scores"].items()},
      seconds=float(line["seconds"]),
      reason=line["reason"],
      gradients=_floats(line.get("gradients")),
      is_predicted=line.get("is_predicted", False) is True,
      curve=tuple(map(float, line.get("curve", ()))),
    )
  except (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
  ) as error:
    raise errors.OutputDirError(
      "A line of the run's trials is damaged, and the others were left as "
      "they are: mend or delete it, or move the file away to score its arcs "
      f"again, and start again. Received: {where}: {text[:80]!r} "
      f"({type(error).__name__}: {error})"
    ) from error


def _floats(values: Any) -> tuple[float, ...] | None:
  return None if values is None else tuple(map(float, values))
