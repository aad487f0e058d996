"""Scores arcs by a table of what others have measured: a benchmark."""

import dataclasses
import functools
import hashlib
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from enas_tf import errors, trials
from enas_tf.evaluators import base, table_columns, table_file
from enas_tf.spaces import base as spaces
from enas_tf.spaces import table as table_space


@dataclasses.dataclass(frozen=True)
class Table:
  """A space, and what its arcs are worth.

  Attributes:
    space: of the arcs: all combinations of what stands in the columns.
    score: the name of what is maximised.
    scores: by encoded arc, all numbers that are known of it by name; "reward"
      is the score, in its own units.
    num_rows: rows with a score; those of one arc are averaged.
  """

  space: table_space.TableSpace
  score: str
  scores: Mapping[tuple[int, ...], dict[str, float]]
  num_rows: int

  @functools.cached_property
  def digest(self) -> str:
    """A text that is another one for another table."""
    rows = [(arc, self.scores[arc][trials.REWARD]) for arc in self.scores]
    content = repr((self.space.decisions, sorted(rows)))
    return hashlib.sha256(content.encode()).hexdigest()[:16]

  @functools.cached_property
  def rewards(self) -> np.ndarray:
    """The scores of all arcs, float64 [number of arcs]."""
    return np.array([each[trials.REWARD] for each in self.scores.values()])


class TableEvaluator(base.Evaluator):
  """Looks arcs up; one that the table lacks is a failed trial.

  Args:
    table: of the space that is searched.
  """

  def __init__(self, table: Table) -> None:
    self._table = table

  @classmethod
  def from_settings(
    cls, settings: Mapping[str, Any], space: Any
  ) -> "TableEvaluator":
    """Returns the evaluator of a run.

    Args:
      settings: all of the run, by their public names.
      space: that of the table.

    Raises:
      ConfigError: if it is another space.
      DataError: if the table cannot be read.
    """
    if not isinstance(space, table_space.TableSpace):
      raise errors.ConfigError(
        "A table has a search space of its own: leave `search_for` out. "
        f"Received: search_for={settings['search_for']}, evaluator=table"
      )
    return cls(from_settings(settings))

  def evaluate(
    self,
    proposals: Sequence[trials.Proposal],
    stop: Callable[[], bool] = base.never,
  ) -> Iterator[trials.Trial]:
    for proposal in proposals:
      scores = self._table.scores.get(tuple(proposal.arc))
      if scores is None:
        yield trials.failure(proposal, "the table does not have this arc", 0.0)
      else:
        yield trials.answer(proposal, scores, 0.0)


def from_settings(settings: Mapping[str, Any]) -> Table:
  """Returns the table that settings name.

  Args:
    settings: `evaluator_table`, `evaluator_score` and `evaluator_decisions` are
      read.

  Raises:
    ConfigError: if no file is named.
    DataError: see `load`.
  """
  path = settings["evaluator_table"]
  if not path:
    raise errors.ConfigError(
      "The arcs of a table are looked up in a file: add `evaluator=table` and "
      "`evaluator_table=FILE`, CSV with a column for each decision and one of "
      "scores, or the JSON of NAS-Bench-Macro. Received: "
      f"evaluator_table={path}"
    )
  return load(
    path, settings["evaluator_score"], settings["evaluator_decisions"]
  )


def load(
  path: str | os.PathLike[str],
  score: str | None = None,
  decisions: Sequence[str] = (),
) -> Table:
  """Returns the table of a file; see `table_file.read` for its forms.

  Args:
    path: of the file.
    score: the column of what is maximised; may be left out where there is only
      one, or one is called reward, score or mean_acc.
    decisions: the columns of the decisions, of words or integers, or the one
      column that holds whole arcs. May be left out where the keys of JSON are
      the arcs, and where all columns of words and of whole numbers are
      decisions. For keys, they are their names.

  Raises:
    DataError: if the file is no such table.
  """
  file = pathlib.Path(path).expanduser()
  try:
    stamp = file.stat().st_mtime_ns, file.stat().st_size
  except OSError:
    stamp = (0, 0)  # The reader tells it.
  return _load(file, score, tuple(decisions), stamp)


@functools.lru_cache(maxsize=2)
def _load(
  path: pathlib.Path,
  score: str | None,
  decisions: tuple[str, ...],
  stamp: tuple[int, int],
) -> Table:
  """Reads a file again when its stamp, (time, size), is another one."""
  del stamp
  frame = table_file.read(path)
  frame, names = table_columns.with_decisions(frame, score, decisions, path)
  score = table_columns.score_column(frame, names, score, path)
  columns = [_options(frame, name, path) for name in names]
  space = table_space.TableSpace(
    tuple(
      spaces.Decision(name, options, _kind(options))
      for name, (options, _) in zip(names, columns, strict=True)
    )
  )
  arcs = list(zip(*(indices for _, indices in columns), strict=True))
  rows = _scores(frame, names, score, path)
  is_guess = not decisions and not frame.keys
  found = _by_arc(frame, arcs, rows, is_guess, path)
  num_rows = sum(trials.REWARD in row for row in rows)
  return Table(space, score, found, num_rows)


def _options(
  frame: table_file.Frame, name: str, path: pathlib.Path
) -> tuple[tuple[table_space.Option, ...], list[int]]:
  """Returns what can be chosen of a decision, and the index of each row."""
  cells = [
    cell if isinstance(cell, str) else str(cell) if cell is not None else ""
    for cell in frame.column(name)
  ]
  for place, cell in zip(frame.places, cells, strict=True):
    if not cell:
      raise table_file.bad(
        path,
        "A cell of a decision is empty: fill it, or take the row away.",
        f"{place}: {name}=",
      )
  numbers = [table_columns.as_number(cell) for cell in cells]
  values: list[table_space.Option]
  if any(number is None for number in numbers):
    values = list(cells)
    order = sorted(set(values), key=str)
  else:
    # 3, 03 and 3.0 are one option.
    is_whole = all(x == int(x) for x in numbers if x is not None)
    values = [int(x) if is_whole else repr(x) for x in numbers if x is not None]
    order = sorted(set(values), key=float)
  index = {value: i for i, value in enumerate(order)}
  return tuple(order), [index[value] for value in values]


def _kind(options: Sequence[table_space.Option]) -> str:
  """Returns what is chosen, as a `Decision` says it."""
  return "operation" if isinstance(options[0], str) else "other"


def _scores(
  frame: table_file.Frame,
  decisions: Sequence[str],
  score: str,
  path: pathlib.Path,
) -> list[dict[str, float]]:
  """Returns the numbers of each row by name; one that lacks some has less."""
  found: list[dict[str, float]] = []
  for place, cell in zip(frame.places, frame.column(score), strict=True):
    try:
      reward = table_columns.number_of(cell)
    except ValueError as error:
      raise table_file.bad(
        path,
        "A score is not a number: mend it, or leave the cell empty.",
        f"{place}: {score}={errors.shorten(cell, 80)!r}",
      ) from error
    found.append({} if reward is None else {trials.REWARD: reward})
  if not any(found):
    raise table_file.bad(
      path, "The column has no score: fill it.", f"evaluator_score={score}"
    )
  for name in frame.names:
    cells = frame.column(name)
    is_known = name in ("", trials.REWARD, *decisions)
    if not is_known and table_columns.is_numeric(cells):
      for row, cell in zip(found, cells, strict=True):
        number = table_columns.number_of(cell)
        if number is not None:
          row[name] = number
  return found


def _by_arc(
  frame: table_file.Frame,
  arcs: Sequence[tuple[int, ...]],
  rows: Sequence[dict[str, float]],
  is_guess: bool,
  path: pathlib.Path,
) -> dict[tuple[int, ...], dict[str, float]]:
  """Returns the numbers of each arc; rows of one arc are averaged."""
  places: dict[tuple[int, ...], str] = {}
  found: dict[tuple[int, ...], list[dict[str, float]]] = {}
  for place, arc, row in zip(frame.places, arcs, rows, strict=True):
    if is_guess and arc in places:
      raise table_file.bad(
        path,
        "Two rows of the table are of one arc. If they were measured twice, "
        "name the columns of the decisions by `evaluator_decisions`, and the "
        "rows are averaged; if one column of them was overlooked, name it, "
        "too.",
        f"{places[arc]} and {place}",
      )
    places[arc] = place
    if trials.REWARD in row:
      found.setdefault(arc, []).append(row)
  return {arc: _mean(same) for arc, same in found.items()}


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
  if len(rows) == 1:
    return rows[0]
  names = dict.fromkeys(name for row in rows for name in row)
  return {
    name: float(np.mean([row[name] for row in rows if name in row]))
    for name in names
  }
