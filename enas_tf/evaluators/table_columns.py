"""Tells which columns of a table are decisions, and which are scores."""

import difflib
import math
import pathlib
import re
from collections.abc import Sequence
from typing import Any

from enas_tf.evaluators import table_file
from enas_tf.spaces import table as table_space

# What a column of scores is called, where it is not said which it is.
_USUAL = ("reward", "score", "mean_acc")
_MISSING = ("", "na", "n/a", "none", "null", "-")
_MOST_OPTIONS = 64  # Of a column that is taken for a decision unasked.


def with_decisions(
  frame: table_file.Frame,
  score: str | None,
  given: tuple[str, ...],
  path: pathlib.Path,
) -> tuple[table_file.Frame, tuple[str, ...]]:
  """Returns the table with a column for each decision, and their names.

  Args:
    frame: the table.
    score: the column of what is maximised, if it was named.
    given: the columns that are decisions, or names for those of JSON's keys;
      none for those that look like it.
    path: of the file, for errors.

  Raises:
    DataError: if there is no such column, or none at all.
  """
  is_new = not set(given) & set(frame.names)
  if given and is_new and len(given) == len(frame.keys):
    names = (*given, *frame.names[len(given) :])
    return frame._replace(names=names, keys=given), given
  for name in given:
    _check_name(frame, name, "evaluator_decisions", path)
  names = given or frame.keys or _guessed(frame, score)
  doubled = len(set(names)) < len(names)
  if not names or score in names or doubled:
    raise table_file.bad(
      path,
      "The decisions of the table are columns of words or integers, all "
      "different, and the score is none of them: name them by "
      "`evaluator_decisions`. Its columns are "
      f"{table_space.listed(frame.names)}.",
      f"evaluator_decisions={','.join(names)}, evaluator_score={score}",
    )
  return _expanded(frame, names, path)


def _guessed(frame: table_file.Frame, score: str | None) -> tuple[str, ...]:
  """Returns the columns that look like decisions: of few words or integers."""
  found = []
  for name in frame.names:
    if name == score or not re.sub(r"^unnamed: \d+$", "", name.lower()):
      continue  # The index that Pandas writes has no name.
    cells = frame.column(name)
    if any(cell is None or cell == "" for cell in cells):
      continue
    if isinstance(cells[0], list):
      if not any(isinstance(x, float) for cell in cells for x in cell):
        found.append(name)
      continue
    numbers = [as_number(cell) for cell in cells]
    is_real = any(x is not None and x != int(x) for x in numbers)
    if not is_real and 1 < len(set(map(str, cells))) <= _MOST_OPTIONS:
      found.append(name)
  return _grid(frame, found) or tuple(found)


def _grid(frame: table_file.Frame, names: Sequence[str]) -> tuple[str, ...]:
  """Returns the first columns whose combinations are the rows, each once.

  What comes behind them are scores, though these be whole numbers.
  """
  for n in range(1, len(names) + 1):
    columns = [list(map(str, frame.column(name))) for name in names[:n]]
    size = math.prod(len(set(column)) for column in columns)
    rows = set(zip(*columns, strict=True))
    if size == len(rows) == len(frame.rows):
      return tuple(names[:n])
  return ()


def _expanded(
  frame: table_file.Frame, names: tuple[str, ...], path: pathlib.Path
) -> tuple[table_file.Frame, tuple[str, ...]]:
  """Returns the table with columns that hold whole arcs cut into decisions."""
  decisions: list[str] = []
  for name in names:
    cells = frame.column(name)
    if len(names) > 1 and not isinstance(cells[0], list):
      decisions.append(name)
      continue
    parts = [table_file.words_of(cell) for cell in cells]
    for place, part in zip(frame.places, parts, strict=True):
      if len(part) != len(parts[0]):
        raise table_file.bad(
          path,
          f"The first arc of column {name!r} has {len(parts[0])} decisions, "
          f"and one has {len(part)}: mend it.",
          f"{place}: {name}={part}",
        )
    if len(parts[0]) == 1:
      decisions.append(name)
      continue
    new = tuple(f"{name}/{i}" for i in range(len(parts[0])))
    rows = [(*row, *part) for row, part in zip(frame.rows, parts, strict=True)]
    frame = frame._replace(names=(*frame.names, *new), rows=rows)
    decisions += new
  return frame, tuple(decisions)


def _check_name(
  frame: table_file.Frame, name: str, setting: str, path: pathlib.Path
) -> None:
  """Raises DataError unless there is a column of that name."""
  if name in frame.names:
    return
  near = difflib.get_close_matches(name, frame.names, n=1)
  hint = f" Did you mean {near[0]}?" if near else ""
  raise table_file.bad(
    path,
    f"The table has no column of that name, but "
    f"{table_space.listed(frame.names)}: correct `{setting}`.{hint}",
    f"{setting}={name}",
  )


def score_column(
  frame: table_file.Frame,
  decisions: Sequence[str],
  score: str | None,
  path: pathlib.Path,
) -> str:
  """Returns the column of what is maximised.

  Args:
    frame: the table.
    decisions: those of its columns that are none.
    score: its name, or None for the only one, or one that is called so.
    path: of the file, for errors.

  Raises:
    DataError: if there is no such column, or several.
  """
  if score is not None:
    _check_name(frame, score, "evaluator_score", path)
    return score
  numeric = [
    name
    for name in frame.names
    if name and name not in decisions and is_numeric(frame.column(name))
  ]
  usual = [name for name in _USUAL if name in numeric]
  if len(numeric) != 1 and not usual:
    raise table_file.bad(
      path,
      "It must be said which column of the table is maximised: name it by "
      f"`evaluator_score`. Columns of numbers are "
      f"{table_space.listed(numeric) or 'none'}.",
      "evaluator_score=None",
    )
  return usual[0] if usual else numeric[0]


def is_numeric(cells: Sequence[Any]) -> bool:
  """Returns whether cells are numbers, some of them there.

  Args:
    cells: of a column.
  """
  try:
    return any([number_of(cell) is not None for cell in cells])
  except ValueError:
    return False


def number_of(cell: Any) -> float | None:
  """Returns a score, or None where there is none.

  A list, as of several seeds, is averaged.

  Args:
    cell: text, or what JSON has.

  Raises:
    ValueError: if it is no number.
  """
  if isinstance(cell, list) and cell:
    numbers = [x for each in cell if (x := number_of(each)) is not None]
    return sum(numbers) / len(numbers) if numbers else None
  text = "" if cell is None else str(cell).lower()
  if text in _MISSING:
    return None
  number = float(text.removesuffix("%"))
  return number if math.isfinite(number) else None


def as_number(cell: Any) -> float | None:
  """Returns the number that an option is, or None if it is a word.

  Args:
    cell: text, or what JSON has.
  """
  try:
    number = float(str(cell))
  except ValueError:
    return None
  return number if math.isfinite(number) else None
