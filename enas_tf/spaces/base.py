"""The interface of a search space.

A space knows an architecture in two forms: a frozen `Arc` value at the edges
(flags, files, logs, child networks) and a row of integers inside the graph.
`encode` and `decode` are the only bridge between the two.
"""

import abc
import functools
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from enas_tf import errors


class Decision(NamedTuple):
  """One integer of an arc: the index of the option that is chosen.

  Attributes:
    name: what is decided, as a path: "normal/node_0/op_1".
    options: what can be chosen, at least one: names of operations, or numbers.
    kind: what is chosen, so that tables and pictures of any space need not
      guess it: "operation" (a function is one), "input" (an earlier node),
      "skip" (0 or 1), "channel", "number" (neighbours are alike) or "other".
    shrinks_by: the name of an earlier decision, or None; as many of the last
      options are not there as the index is that was chosen in it.
  """

  name: str
  options: tuple[str | int | float, ...]
  kind: str = "other"
  shrinks_by: str | None = None

  @property
  def num_options(self) -> int:
    """How many options there are at most; see `Space.num_options`."""
    return len(self.options)


class Edge(NamedTuple):
  """An arrow between two nodes of a graph.

  Attributes:
    start: index of the node that it leaves.
    end: index of the node that it leads to.
    label: the operation on the way, if there is one.
    detail: what else is to be said of the operation.
  """

  start: int
  end: int
  label: str = ""
  detail: str = ""


class Graph(NamedTuple):
  """What a picture shows.

  Attributes:
    title: of the picture.
    nodes: their names; every edge goes from an earlier node to a later one.
    edges: the arrows.
    operations: what the space can write on its edges, so that an operation has
      one colour in the pictures of all arcs.
  """

  title: str
  nodes: tuple[str, ...]
  edges: tuple[Edge, ...]
  operations: tuple[str, ...] = ()


class Arc(Protocol):
  """A frozen, hashable architecture; `str(arc)` is the original's string."""

  def to_json(self) -> dict[str, Any]:
    """Returns a value for `json.dumps`; `Space.from_json` reads it."""

  def graphs(self) -> tuple[Graph, ...]:
    """Returns what a picture shows, from top to bottom."""


# An encoded arc: num_decisions integers.
Row = Sequence[int] | np.ndarray
_AnyArc = TypeVar("_AnyArc")

_LARGEST_FILE = 10_000_000  # Characters of an arc's JSON that are read.
_MOST_DIGITS = 9  # Of an integer of an arc.


class Space(abc.ABC):
  """All architectures that can be proposed, and how to write one down.

  Attributes:
    name: what `search_for` and an arc's JSON call the space.
  """

  name: str

  @property
  @abc.abstractmethod
  def decisions(self) -> tuple[Decision, ...]:
    """What each integer of an encoded arc decides, in order."""

  @abc.abstractmethod
  def encode(self, arc: Arc) -> np.ndarray:
    """Returns the arc as int32 [num_decisions].

    Args:
      arc: of this space, or of one like it: what counts are the names of its
        operations, not their order.

    Raises:
      ArcError: if this space has no such arc.
    """

  @abc.abstractmethod
  def decode(self, row: Row) -> Arc:
    """Returns the arc of integers; the inverse of `encode`.

    Args:
      row: `num_decisions` integers.

    Raises:
      ArcError: if they are no arc of this space.
    """

  @abc.abstractmethod
  def from_json(self, value: Any) -> Arc:
    """Returns the arc that `arc.to_json()` was made from.

    Args:
      value: what `json.loads` returned.

    Raises:
      ArcError: if it is no arc of this space.
    """

  @functools.cached_property
  def published(self) -> dict[str, Arc]:
    """Arcs of this space that papers published, by name."""
    found = {}
    for name, arc in self._candidates().items():
      try:
        found[name] = self.decode(self.encode(arc))
      except errors.ArcError:
        continue  # It is of a space of another size, or with other operations.
    return found

  def _candidates(self) -> Mapping[str, Arc]:
    """Returns published arcs by name, those of spaces like this among them."""
    return {}

  @property
  def num_decisions(self) -> int:
    """How many integers an encoded arc has."""
    return len(self.decisions)

  @functools.cached_property
  def _positions(self) -> dict[str, int]:
    """The position of each decision, by name."""
    return {each.name: i for i, each in enumerate(self.decisions)}

  def num_options(self, prefix: Row) -> int:
    """Returns how many options the decision after these integers has.

    Args:
      prefix: the first integers of an encoded arc.
    """
    decision = self.decisions[len(prefix)]
    if decision.shrinks_by is None:
      return decision.num_options
    return decision.num_options - int(
      prefix[self._positions[decision.shrinks_by]]
    )

  def check(self, row: Row) -> None:
    """Raises ArcError unless integers are an architecture of this space.

    Args:
      row: the integers.
    """
    if len(row) != self.num_decisions:
      raise errors.ArcError(
        f"An arc of this {self.name} space has {self.num_decisions} "
        f"integers, this one has {len(row)}: add or remove some, or change "
        f"the size of the space. Received: arc={_shorten(row)}"
      )
    for position, (value, decision) in enumerate(
      zip(row, self.decisions, strict=True)
    ):
      num_options = self.num_options(row[:position])
      if not 0 <= value < num_options:
        raise errors.ArcError(
          f"Integer {position} of the arc ({decision.name}) must be in "
          f"[0, {num_options}): change it. Received: {value}"
        )

  def canonical(self, row: Row) -> tuple[int, ...]:
    """Returns the row that stands for all that compute the same.

    Arcs of one such row are one network under one set of weights, whatever
    these are called. Arcs of different ones may be, too.

    Args:
      row: `num_decisions` integers.
    """
    return tuple(int(value) for value in row)

  def random(self, rng: np.random.Generator) -> Arc:
    """Returns an arc; each decision is uniform over the options it has.

    Args:
      rng: where its random numbers come from.
    """
    row: list[int] = []
    for _ in self.decisions:
      row.append(int(rng.integers(self.num_options(row))))
    return self.decode(row)

  def parse(self, text: str) -> Arc:
    """Returns the arc that `text` names.

    Args:
      text: the original's string of integers, JSON text, the path of a JSON
        file (for example a run's best_arc.json), or the name of a published
        arc.

    Raises:
      ArcError: if it is none of these, or names an arc outside this space.
    """
    text = text.strip()
    if text in self.published:
      return self.published[text]
    if text.startswith(("{", "[")):
      return self._from_json_text(text, "the JSON text")
    if text.endswith(".json"):
      try:  # The home of a user who does not exist is a RuntimeError.
        content = read_text(text)
      except (OSError, ValueError, RuntimeError) as error:
        raise errors.ArcError(
          "The arc's JSON file cannot be read: give the path of a file such "
          f"as a run's best_arc.json. Received: path={text} ({error})"
        ) from error
      return self._from_json_text(content, text)
    return self.decode(self._integers(text))

  def _to_row(self, integers: Sequence[int]) -> np.ndarray:
    """Returns integers as an encoded arc; raises ArcError if they are none."""
    self.check(integers)
    return np.array(integers, np.int32)

  def _integers(self, text: str) -> list[int]:
    words = text.replace(",", " ").split()
    row = []
    for position, word in enumerate(words):
      if not word.isascii() or not word.isdecimal():
        known = ", ".join(sorted(self.published)) or "none"
        raise errors.ArcError(
          "An arc is a string of integers, a .json file or the name of a "
          f"published arc ({known}); word {position} is not an integer. "
          f"Received: {_shorten(word)!r}"
        )
      # More digits are too large in any case.
      row.append(int(word.lstrip("0")[:_MOST_DIGITS] or "0"))
    return row

  def _from_json_text(self, text: str, where: str) -> Arc:
    try:
      value = json.loads(text)
    except (ValueError, RecursionError) as error:
      raise errors.ArcError(
        f"The arc in {where} is not JSON: {error}. Write it as a run's "
        f"best_arc.json does. Received: {_shorten(text)!r}"
      ) from error
    # best_arc.json and a leaderboard's row hold the arc beside its scores.
    if isinstance(value, dict) and "arc" in value:
      value = value["arc"]
    if isinstance(value, str):
      return self.decode(self._integers(value))
    try:
      return self.from_json(value)
    except errors.UserError:
      raise
    except (
      ArithmeticError,
      LookupError,
      TypeError,
      ValueError,
      AttributeError,
      RecursionError,
    ) as error:
      raise errors.ArcError(
        f"The arc in {where} is not of this {self.name} space: write it as a "
        f"run's best_arc.json does. Received: {_shorten(text)}"
      ) from error


def read_text(path: str) -> str:
  """Returns what stands in a file; of a very large one, the beginning.

  Args:
    path: of the file; may begin with ~.
  """
  with open(pathlib.Path(path).expanduser(), encoding="utf-8") as file:
    return file.read(_LARGEST_FILE)


def check_distinct(
  options: Sequence[str], things: str, *, field: str, setting: str
) -> None:
  """Raises ConfigError unless there are options, and all of them differ.

  Args:
    options: names of operations, or of functions.
    things: what they are, in the plural.
    field: the attribute of the space that holds them.
    setting: the public name of the setting that they come from.
  """
  if not options or len(set(options)) != len(options):
    raise errors.ConfigError(
      f"The {things} must be one or more, all different: change `{setting}`. "
      f"Received: {field}={','.join(options)}"
    )


def index_of(
  option: Any, options: Sequence[str], thing: str, *, name: str, setting: str
) -> int:
  """Returns the index of an option that comes from outside.

  Args:
    option: what was given.
    options: what the space has.
    thing: what an option is, in the singular.
    name: of the decision, or what else tells where the option was found.
    setting: the public name of the setting that the options come from.

  Raises:
    ArcError: if the space lacks it.
  """
  if option not in options:
    raise errors.ArcError(
      f"The {thing} {option!r} is not in this space ({', '.join(options)}): "
      f"add it to `{setting}`. Received: {name}={option}"
    )
  return options.index(option)


def expect(arc: object, arc_type: type[_AnyArc]) -> _AnyArc:
  """Returns an arc that is of the type that a space has.

  Args:
    arc: what was given.
    arc_type: the class of the space's arcs.

  Raises:
    ArcError: if it is of another.
  """
  if not isinstance(arc, arc_type):
    raise errors.ArcError(
      f"This space has arcs of another kind: give a {arc_type.__name__}. "
      f"Received: arc={_shorten(str(arc))} ({type(arc).__name__})"
    )
  return arc


def _shorten(value: Any, length: int = 80) -> str:
  text = value if isinstance(value, str) else " ".join(map(str, value))
  return text if len(text) <= length else f"{text[:length]}..."
