"""Reads a table from a file: CSV, or one of several forms of JSON."""

import csv
import io
import json
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from enas_tf import errors

_KEY = "decision_"  # The columns that are made of the keys of JSON.
_DELIMITERS = ",;\t"  # Of CSV.
_BETWEEN = (
  ",",
  ";",
  "|",
  None,
  "/",
  "-",
  "_",
)  # Words of an arc; None: blanks.
_ADVICE = "A table is a CSV file whose first line names the columns, or JSON"


class Frame(NamedTuple):
  """The cells of a table.

  Attributes:
    names: of the columns.
    rows: for each row a cell for each column: text, or what JSON has.
    places: where each row stands, for errors: "line 5".
    keys: the columns that are decisions for certain: those of JSON's keys.
  """

  names: tuple[str, ...]
  rows: list[tuple[Any, ...]]
  places: list[str]
  keys: tuple[str, ...] = ()

  def column(self, name: str) -> list[Any]:
    """Returns the cells of a column.

    Args:
      name: of the column.
    """
    i = self.names.index(name)
    return [row[i] for row in self.rows]


def read(path: pathlib.Path) -> Frame:
  """Returns the cells of a table.

  JSON is an object of what is known of each arc ("0212": {"accuracy": 93.1},
  or "0212": 93.1), or a list of objects, one for each row, or an object of
  columns.

  Args:
    path: of the file.

  Raises:
    DataError: if it cannot be read, or is no table.
  """
  try:
    text = path.read_text(encoding="utf-8-sig")
  except FileNotFoundError as error:
    raise errors.DataError(
      "There is no such file: correct `evaluator_table`, the path of a table. "
      f"Received: evaluator_table={path}"
    ) from error
  except (OSError, ValueError) as error:
    raise errors.DataError(
      f"The table cannot be read. {_ADVICE}: correct `evaluator_table`. "
      f"Received: evaluator_table={path} ({error})"
    ) from error
  is_json = path.suffix.lower() == ".json" or text.lstrip()[:1] in ("{", "[")
  frame = _from_json_text(text, path) if is_json else _from_csv(text, path)
  if not frame.rows:
    raise errors.DataError(
      f"The table has no rows. {_ADVICE}: correct `evaluator_table`. Received: "
      f"evaluator_table={path}"
    )
  return frame


def bad(path: pathlib.Path, what: str, received: str = "") -> errors.DataError:
  """Returns the error of a table that is damaged somewhere.

  Args:
    path: of the file.
    what: is wrong and how to mend it, as sentences.
    received: the place and what stands there.
  """
  received = f", {received}" if received else ""
  return errors.DataError(f"{what} Received: evaluator_table={path}{received}")


def words_of(cell: Any) -> list[Any]:
  """Returns the parts of a cell that holds a whole arc.

  They are the elements of a list, words between separators ("0, 2, 1"), or
  digits ("021").

  Args:
    cell: text, or what JSON has.
  """
  if isinstance(cell, list):
    return cell
  text = str(cell).strip().strip("()[]").strip()
  for separator in _BETWEEN:
    words = [each.strip() for each in text.split(separator) if each.strip()]
    if len(words) > 1:
      return words
  return list(text) if text.isdecimal() else [text]


def _from_csv(text: str, path: pathlib.Path) -> Frame:
  first = text.lstrip().partition("\n")[0]
  delimiter = max(_DELIMITERS, key=first.count)
  reader = csv.reader(
    io.StringIO(text, newline=""), delimiter=delimiter, strict=True
  )
  rows, places = [], []
  names: tuple[str, ...] = ()
  try:
    for cells in reader:
      cells = [" ".join(cell.split()) for cell in cells]
      if not any(cells):
        continue
      if not names:
        names = _checked(tuple(cells), path)
        continue
      if len(cells) != len(names):
        raise bad(
          path,
          f"A row has {len(cells)} cells and the first line {len(names)}: "
          "mend it.",
          f"line {reader.line_num}",
        )
      rows.append(tuple(cells))
      places.append(f"line {reader.line_num}")
  except csv.Error as error:
    place = f"line {reader.line_num} ({error})"
    raise bad(path, f"The table cannot be read. {_ADVICE}.", place) from error
  return Frame(names, rows, places)


def _checked(names: tuple[str, ...], path: pathlib.Path) -> tuple[str, ...]:
  """Returns the names of columns; raises DataError if they are none."""
  double = [each for each in names if names.count(each) > 1]
  if double:
    raise bad(
      path,
      "Two columns of the table have one name: rename one.",
      f"column {double[0]!r}",
    )
  if all(map(_is_number, names)):
    raise bad(
      path,
      "The first line of the table holds numbers: write the names of the "
      "columns above it.",
      f"first line {','.join(names)!r}",
    )
  return names


def _from_json_text(text: str, path: pathlib.Path) -> Frame:
  try:
    value = json.loads(text)
  except (ValueError, RecursionError) as error:
    raise bad(path, f"The table is not JSON. {_ADVICE}.", f"{error}") from error
  if isinstance(value, list):
    return _from_records(value, [f"entry {i}" for i in range(len(value))], path)
  if not isinstance(value, dict):
    raise bad(path, f"The JSON is no table. {_ADVICE}.", repr(value)[:80])
  if columns := _columns(value):
    return _from_columns(columns, path)
  return _from_keys(value, path)


def _from_records(
  records: Sequence[Any], places: list[str], path: pathlib.Path
) -> Frame:
  """Returns the rows that objects are; a name that one lacks is None."""
  flat = []
  for place, record in zip(places, records, strict=True):
    if not isinstance(record, dict):
      raise bad(
        path,
        "Each row of a table in JSON is an object: mend it.",
        f"{place}: {repr(record)[:80]}",
      )
    flat.append(_flat(record))
  names = tuple(dict.fromkeys(name for record in flat for name in record))
  rows = [tuple(map(record.get, names)) for record in flat]
  return Frame(names, rows, places)


def _flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
  """Returns an object without others inside it: {"a": {"b": 1}} is a.b."""
  found: dict[str, Any] = {}
  for name, value in record.items():
    if isinstance(value, dict):
      found |= _flat(value, f"{prefix}{name}.")
    else:
      found[f"{prefix}{name}"] = value
  return found


def _is_number(word: str) -> bool:
  return re.fullmatch(r"[-+]?[\d., ]*\d[\d., ]*(e[-+]?\d+)?", word) is not None


def _columns(value: dict[str, Any]) -> dict[str, list[Any]]:
  """Returns the columns that an object holds, or none if it holds arcs.

  They are lists, or as Pandas writes them, {"0": 93.1, "1": 92.4}.
  """
  if all(map(_is_number, value)):  # No names, but arcs: "0212".
    return {}
  if all(isinstance(each, list) for each in value.values()):
    return value
  if all(
    isinstance(each, dict) and [*each] == [*map(str, range(len(each)))]
    for each in value.values()
  ):
    return {name: [*cells.values()] for name, cells in value.items()}
  return {}


def _from_columns(value: dict[str, list[Any]], path: pathlib.Path) -> Frame:
  lengths = {name: len(cells) for name, cells in value.items()}
  if len(set(lengths.values())) != 1:
    raise bad(
      path,
      "The columns of a table are of one length: mend them.",
      ", ".join(f"{name}: {n} cells" for name, n in lengths.items()),
    )
  rows = list(zip(*value.values(), strict=True))
  return Frame(tuple(value), rows, [f"entry {i}" for i in range(len(rows))])


def _from_keys(value: dict[str, Any], path: pathlib.Path) -> Frame:
  """Returns the table of NAS-Bench-Macro: arcs as keys, what they got."""
  places = [f"key {key!r}" for key in value]
  records = [
    each if isinstance(each, dict) else {"score": each}
    for each in value.values()
  ]
  scores = _from_records(records, places, path)
  arcs = [words_of(key) for key in value]
  length = len(arcs[0]) if arcs else 0
  for place, arc in zip(places, arcs, strict=True):
    if len(arc) != length:
      raise bad(
        path,
        f"The keys of the table are arcs, and the first has {length} "
        f"decisions: mend one that has {len(arc)}.",
        place,
      )
  keys = tuple(f"{_KEY}{i}" for i in range(length))
  rows = [(*arc, *row) for arc, row in zip(arcs, scores.rows, strict=True)]
  return Frame((*keys, *scores.names), rows, places, keys)
