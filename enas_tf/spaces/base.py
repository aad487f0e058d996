"""The interface of a search space.

A space knows an architecture in two forms: a frozen `Arc` value at the edges
(flags, files, logs, child networks) and a row of integers inside the graph.
`encode` and `decode` are the only bridge between the two.
"""

import abc
import json
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from enas_tf import errors


class Decision(NamedTuple):
  """One integer of an arc.

  Attributes:
    name: what is decided, as a path: "normal/node_0/op_1".
    num_options: the integer is in [0, num_options); the integers before it may
      leave it fewer options, see `Space.num_options`.
  """

  name: str
  num_options: int


class Edge(NamedTuple):
  """An arrow between two nodes of a graph, by their places in it."""

  start: int
  end: int
  label: str = ""


class Graph(NamedTuple):
  """What a picture shows.

  Attributes:
    title: of the picture.
    nodes: their names; every edge goes from an earlier node to a later one.
    edges: the arrows.
  """

  title: str
  nodes: tuple[str, ...]
  edges: tuple[Edge, ...]


class Arc(Protocol):
  """A frozen, hashable architecture; `str(arc)` is the original's string."""

  def to_json(self) -> dict[str, Any]: ...

  def graphs(self) -> tuple[Graph, ...]: ...


_LARGEST_FILE = 10_000_000  # Characters of an arc's JSON that are read.
_MOST_DIGITS = 9  # Of an integer of an arc.


class Space(abc.ABC):
  """All architectures that can be proposed, and how to write one down."""

  name: str

  @property
  @abc.abstractmethod
  def decisions(self) -> tuple[Decision, ...]:
    """What each integer of an encoded arc decides, in order."""

  @abc.abstractmethod
  def encode(self, arc: Arc) -> np.ndarray:
    """Returns the arc as int32 [num_decisions]."""

  @abc.abstractmethod
  def decode(self, row: Sequence[int]) -> Arc:
    """Returns the arc of `num_decisions` integers; the inverse of `encode`."""

  @abc.abstractmethod
  def from_json(self, value: Any) -> Arc:
    """Returns the arc that `arc.to_json()` was made from."""

  @property
  @abc.abstractmethod
  def published(self) -> dict[str, Arc]:
    """Arcs of this space that papers published, by name."""

  @property
  def num_decisions(self) -> int:
    return len(self.decisions)

  def num_options(self, prefix: Sequence[int]) -> int:
    """Returns how many options the decision after these integers has.

    Args:
      prefix: the first integers of an encoded arc.
    """
    return self.decisions[len(prefix)].num_options

  def check(self, row: Sequence[int]) -> None:
    """Raises ArcError unless `row` is an architecture of this space."""
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

  def random(self, rng: np.random.Generator) -> Arc:
    """Returns an arc; each decision is uniform over the options it has."""
    row = []
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
        path = pathlib.Path(text).expanduser()
        with open(path, encoding="utf-8") as file:
          content = file.read(_LARGEST_FILE)
      except (OSError, ValueError, RuntimeError) as error:
        raise errors.ArcError(
          "The arc's JSON file cannot be read: give the path of a file such "
          f"as a run's best_arc.json. Received: path={text} ({error})"
        ) from error
      return self._from_json_text(content, text)
    return self.decode(self._integers(text))

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


def to_dot(name: str, graphs: Sequence[Graph]) -> str:
  """Returns the graphs as one in Graphviz's language."""
  lines = [f"digraph {name} {{", "  rankdir=LR;", "  node [shape=box];"]
  for graph in graphs:
    prefix = graph.title.split()[0]
    names = [f"{prefix}_{i}" for i in range(len(graph.nodes) - 1)]
    names.append(f"{prefix}_out")
    lines += [f"  subgraph cluster_{prefix} {{", f'    label="{graph.title}";']
    lines += [
      f'    {name} [label="{node}"];'
      for name, node in zip(names, graph.nodes, strict=True)
    ]
    for edge in graph.edges:
      label = f' [label="{edge.label}"]' if edge.label else ""
      lines.append(f"    {names[edge.start]} -> {names[edge.end]}{label};")
    lines.append("  }")
  return "\n".join([*lines, "}"])


def _shorten(value: Any, length: int = 80) -> str:
  text = value if isinstance(value, str) else " ".join(map(str, value))
  return text if len(text) <= length else f"{text[:length]}..."
