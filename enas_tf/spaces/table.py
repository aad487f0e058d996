"""The space of a table: a decision for each column, and what it can be."""

import contextlib
import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from enas_tf import errors
from enas_tf.spaces import base

Option = str | int | float
_SHOWN = 12  # Words in an error.


@dataclasses.dataclass(frozen=True)
class TableArc:
  """What was chosen of each decision of a table.

  `str(arc)` is what stands in the table; a word with blanks is in quotes.

  >>> size = base.Decision("size", (16, 32, 64))
  >>> space = TableSpace((size, base.Decision("op", ("conv", "max pool"))))
  >>> str(space.decode([2, 1]))
  "64 'max pool'"
  >>> space.parse("16 conv").options
  (16, 'conv')

  Attributes:
    decisions: of the space.
    options: the one of each decision that was chosen.
  """

  decisions: tuple[base.Decision, ...]
  options: tuple[Option, ...]

  def __str__(self) -> str:
    return joined(self.options)

  def to_json(self) -> dict[str, Any]:
    """Returns a value for `json.dumps`; `TableSpace.from_json` reads it."""
    names = (each.name for each in self.decisions)
    return {
      "space": "table",
      "options": dict(zip(names, self.options, strict=True)),
    }

  def graphs(self) -> tuple[base.Graph, ...]:
    """Returns the decisions as a chain, for a picture."""
    names = (each.name for each in self.decisions)
    choices = dict(zip(names, self.options, strict=True))
    return (chain("table", choices, self.decisions),)


@dataclasses.dataclass(frozen=True)
class TableSpace(base.Space):
  """All combinations of what stands in the columns of a table.

  Args:
    columns: the decisions.
  """

  columns: tuple[base.Decision, ...]

  name = "table"
  thing: ClassVar[str] = "table"  # What errors call it.

  @property
  def decisions(self) -> tuple[base.Decision, ...]:
    return self.columns

  def encode(self, arc: base.Arc) -> np.ndarray:
    return self.row_of(base.expect(arc, TableArc).options)

  def decode(self, row: base.Row) -> TableArc:
    self.check(row)
    chosen = zip(self.columns, row, strict=True)
    options = tuple(each.options[int(index)] for each, index in chosen)
    return TableArc(self.columns, options)

  def from_json(self, value: Any) -> TableArc:
    options = value["options"] if isinstance(value, dict) else None
    names = [each.name for each in self.columns]
    if not isinstance(options, dict) or sorted(options) != sorted(names):
      raise errors.ArcError(
        f'An arc of a {self.thing} has "options", one for each of its '
        f"decisions ({', '.join(names)}): write it as a run's best_arc.json "
        "does. "
        f"Received: {errors.shorten(value, 80)}"
      )
    return self.decode(self.row_of([options[name] for name in names]))

  def _integers(self, text: str) -> list[int]:
    """Returns the indices of the options that a text names.

    They are words as a shell would split them, "64 'max pool'", or stand
    between commas, "0, 2, 1", or are one character each, "021".
    """
    try:
      words = shlex.split(text)
    except ValueError as error:
      raise errors.ArcError(
        "The arc cannot be split into words: mend its quotes. Received: "
        f"{errors.shorten(text, 80)!r} ({error})"
      ) from error
    readings = (words, text.replace(",", " ").split(), list(text))
    whole = [each for each in readings if len(each) == len(self.columns)]
    if not whole:
      raise errors.ArcError(
        f"An arc of this {self.thing} has {len(self.columns)} words, one for "
        "each decision: add or remove some. Received: "
        f"{errors.shorten(text, 80)!r}"
      )
    for each in whole:
      with contextlib.suppress(errors.ArcError):
        return self.row_of(each).tolist()
    return self.row_of(whole[0]).tolist()

  def row_of(self, options: Sequence[Any]) -> np.ndarray:
    """Returns the indices of options, which may be texts of integers.

    Args:
      options: one for each decision.

    Raises:
      ArcError: if there is no such option.
    """
    row = []
    for each, option in zip(self.columns, options, strict=True):
      known = {str(word): i for i, word in enumerate(each.options)}
      if str(option) not in known:
        raise errors.ArcError(
          f"The {self.thing} has no such option, but {listed([*known])}: "
          f"correct it. Received: {each.name}={errors.shorten(option, 80)}"
        )
      row.append(known[str(option)])
    return self._to_row(row)


def joined(options: Sequence[Any]) -> str:
  """Returns options as words, which a shell would split alike.

  Args:
    options: texts or numbers.
  """
  return shlex.join(map(str, options))


def chain(
  title: str,
  choices: Mapping[str, Any],
  decisions: Sequence[base.Decision],
) -> base.Graph:
  """Returns choices as a chain, for a picture.

  Args:
    title: of the picture.
    choices: the chosen options by the names of their decisions.
    decisions: all of the space.
  """
  edges = tuple(
    base.Edge(i, i + 1, str(option))
    for i, option in enumerate(choices.values())
  )
  known = (str(word) for each in decisions for word in each.options)
  operations = tuple(dict.fromkeys(known))
  return base.Graph(title, ("start", *choices), edges, operations)


def listed(words: Sequence[Any]) -> str:
  """Returns the first of many words as one text, for an error.

  Args:
    words: of any number.
  """
  shown = ", ".join(map(str, words[:_SHOWN]))
  return f"{shown}, ..." if len(words) > _SHOWN else shown
