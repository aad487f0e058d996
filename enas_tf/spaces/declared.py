"""A space that a user writes down: decisions, their options, and conditions."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from enas_tf import errors
from enas_tf.spaces import base, table

Option = str | int | float
_OPTIONS = (str, int, float)


class Choice(NamedTuple):
  """The options of a decision that counts only with certain earlier ones.

  >>> Choice([1, 3, 5], when={"depth": [2, 3]}).options
  [1, 3, 5]

  Attributes:
    options: what can be chosen.
    when: the options of earlier decisions with which it counts, by their names;
      with others, whatever is chosen is of no matter.
  """

  options: Sequence[Option]
  when: Mapping[str, Sequence[Option]] = {}


@dataclasses.dataclass(frozen=True)
class DeclaredArc:
  """What was chosen of each decision.

  `str(arc)` is what was chosen in words, also where it is of no matter.

  Attributes:
    space: that it is of.
    row: the integers of its decisions.
  """

  space: "DeclaredSpace"
  row: tuple[int, ...]

  @property
  def options(self) -> tuple[Option, ...]:
    """The one of each decision that was chosen."""
    chosen = zip(self.space.columns, self.row, strict=True)
    return tuple(each.options[index] for each, index in chosen)

  @property
  def choices(self) -> dict[str, Option]:
    """The chosen options by the names of the decisions that count."""
    counts = self.space.counting(self.row)
    named = zip(self.space.columns, self.options, counts, strict=True)
    return {each.name: option for each, option, is_on in named if is_on}

  def __str__(self) -> str:
    return table.joined(self.options)

  def to_json(self) -> dict[str, Any]:
    """Returns a value for `json.dumps`; `DeclaredSpace.from_json` reads it."""
    names = (each.name for each in self.space.columns)
    options = dict(zip(names, self.options, strict=True))
    return {"space": self.space.name, "options": options}

  def graphs(self) -> tuple[base.Graph, ...]:
    """Returns the decisions that count as a chain, for a picture."""
    return (table.chain(self.space.name, self.choices, self.space.columns),)


@dataclasses.dataclass(frozen=True)
class DeclaredSpace(table.TableSpace):
  """All combinations of the options.

  Args:
    columns: the decisions.
    name: of the space.
    when: for each decision, (the name of an earlier one, its options) with
      which it counts.
  """

  name: str = ""
  when: tuple[tuple[tuple[str, tuple[Option, ...]], ...], ...] = ()

  thing = "space"

  def counting(self, row: base.Row) -> list[bool]:
    """Returns which decisions count; those that hang on others may not.

    Args:
      row: the integers of all decisions.
    """
    found: dict[str, Option] = {}
    counts = []
    for each, index, when in zip(self.columns, row, self.when, strict=True):
      is_on = all(found.get(other) in options for other, options in when)
      counts.append(is_on)
      if is_on:
        found[each.name] = each.options[int(index)]
    return counts

  def canonical(self, row: base.Row) -> tuple[int, ...]:
    counts = self.counting(row)
    return tuple(
      int(index) if is_on else 0
      for index, is_on in zip(row, counts, strict=True)
    )

  def encode(self, arc: base.Arc) -> np.ndarray:
    return self.row_of(base.expect(arc, DeclaredArc).options)

  def decode(self, row: base.Row) -> DeclaredArc:  # type: ignore[override]
    self.check(row)
    return DeclaredArc(self, tuple(int(each) for each in row))


def declare(
  name: str, decisions: Mapping[str, Sequence[Option] | Choice]
) -> DeclaredSpace:
  """Returns the space of a declaration.

  >>> space = declare("nets", {
  ...   "depth": [1, 2],
  ...   "kernel_1": [1, 3],
  ...   "kernel_2": Choice([1, 3], when={"depth": [2]}),
  ... })
  >>> space.parse("1 3 3").choices
  {'depth': 1, 'kernel_1': 3}

  Args:
    name: of the space.
    decisions: the options by the names of the decisions, in their order.

  Raises:
    ConfigError: if it makes no sense.
  """
  columns: list[base.Decision] = []
  conditions = []
  for word, given in decisions.items():
    choice = given if isinstance(given, Choice) else Choice(given)
    options = _options(word, choice.options)
    known = {each.name: each for each in columns}
    conditions.append(_conditions(word, choice.when, known))
    columns.append(base.Decision(word, options))
  if not columns:
    raise errors.ConfigError(
      "A space has one decision at least: give their options by their names. "
      f"Received: space={name}, decisions={{}}"
    )
  return DeclaredSpace(tuple(columns), name, tuple(conditions))


def _options(word: str, given: Any) -> tuple[Any, ...]:
  """Returns the options of a decision."""
  is_list = isinstance(given, Sequence) and not isinstance(given, str)
  options = tuple(given) if is_list else ()
  texts = {str(each) for each in options}
  if (
    not options
    or len(texts) != len(options)
    or not all(isinstance(each, _OPTIONS) for each in options)
  ):
    raise errors.ConfigError(
      "The options of a decision are a list of one or more texts or numbers, "
      "all of which are written differently: correct them. Received: "
      f"{word}={errors.shorten(given)}"
    )
  return options


def _conditions(
  word: str,
  when: Mapping[str, Sequence[Option]],
  known: Mapping[str, base.Decision],
) -> tuple[tuple[str, tuple[Option, ...]], ...]:
  """Returns with which options of earlier decisions one counts."""
  found = []
  for other, options in when.items():
    if other not in known:
      raise errors.ConfigError(
        "A decision can hang on earlier ones alone: correct its `when`, or put "
        f"that one before it. Received: {word}, when={other}, earlier ones "
        f"are {', '.join(known) or 'none'}"
      )
    wanted = _options(word, options)
    missing = [each for each in wanted if each not in known[other].options]
    if missing:
      raise errors.ConfigError(
        f"The decision {other} has no option {missing[0]!r}: correct the "
        f"`when` of {word}. Received: when={other}={list(options)}, options "
        f"are {table.listed(known[other].options)}"
      )
    found.append((other, wanted))
  return tuple(found)
