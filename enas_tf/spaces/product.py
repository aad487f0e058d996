"""A structure and settings, searched together.

0 1 2 0 1 1 final_lr_max=0.05 final_optimizer=adam
"""

import dataclasses
import functools
import json
import re
import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np

from enas_tf import errors
from enas_tf.spaces import base

Value = bool | int | float | str | None

_TITLE = 64  # Characters of a line of a picture's title.
_WORD = re.compile(r"\w+=\S*")


@dataclasses.dataclass(frozen=True)
class Choice:
  """A setting, and the values that it can have.

  Attributes:
    name: its public name.
    values: of it, all different.
    texts: how these are written.
    is_ordered: whether neighbours among the values are alike.
  """

  name: str
  values: tuple[Value, ...]
  texts: tuple[str, ...]
  is_ordered: bool = False

  def index(self, value: Any) -> int:
    """Returns the index of a value, or of its text.

    Args:
      value: that comes from outside.

    Raises:
      ArcError: if the setting cannot have it.
    """
    for i, (known, text) in enumerate(
      zip(self.values, self.texts, strict=True)
    ):
      if value == text or (value == known and type(value) is type(known)):
        return i
    for i, known in enumerate(self.values):
      if _number(known) is not None and _number(value) == known:
        return i
    raise errors.ArcError(
      f"`{self.name}` is not searched at that value: take one of "
      f"{_listed(self.texts)}, or train the arc by its own settings, with "
      f"`search_settings=`. Received: {self.name}={errors.shorten(value, 80)}"
    )


@dataclasses.dataclass(frozen=True)
class ProductArc:
  """The arc of another space, and settings of its child.

  Attributes:
    structure: the arc.
    chosen: the settings by their public names, as pairs.
    texts: how their values are written.
  """

  structure: Any
  chosen: tuple[tuple[str, Value], ...]
  texts: tuple[str, ...] = dataclasses.field(repr=False, compare=False)

  @property
  def settings(self) -> dict[str, Value]:
    """The values of the settings, by their public names."""
    return dict(self.chosen)

  def __str__(self) -> str:
    return " ".join([str(self.structure), *self._words()])

  def to_json(self) -> dict[str, Any]:
    """Returns a value for `json.dumps`; `ProductSpace.from_json` reads it."""
    structure = self.structure.to_json()
    return {
      "space": structure["space"],
      "structure": structure,
      "settings": self.settings,
    }

  def graphs(self) -> tuple[base.Graph, ...]:
    """Returns the pictures of the structure; a title tells the settings."""
    first, *others = self.structure.graphs()
    lines = textwrap.wrap(" ".join(self._words()), _TITLE)
    title = "\n".join([first.title, *lines])
    return (first._replace(title=title), *others)

  def _words(self) -> list[str]:
    names = (name for name, _ in self.chosen)
    return [
      f"{name}={text}" for name, text in zip(names, self.texts, strict=True)
    ]


@dataclasses.dataclass(frozen=True)
class ProductSpace(base.Space):
  """The arcs of another space, each with some settings of its child.

  The integers of an encoded arc are those of the structure, then one for each
  setting.

  Args:
    inner: the space of the structures.
    choices: the settings.
  """

  inner: base.Space
  choices: tuple[Choice, ...]

  @property
  def name(self) -> str:  # type: ignore[override]
    """That of the inner space."""
    return self.inner.name

  @functools.cached_property
  def decisions(self) -> tuple[base.Decision, ...]:
    """What each integer of an encoded arc decides, in order."""
    return (
      *self.inner.decisions,
      *(
        base.Decision(
          each.name, each.texts, "number" if each.is_ordered else "other"
        )
        for each in self.choices
      ),
    )

  def encode(self, arc: base.Arc) -> np.ndarray:
    found = base.expect(arc, ProductArc)
    return self._encoded(found.structure, found.settings)

  def decode(self, row: base.Row) -> ProductArc:
    self.check(row)
    cut = self.inner.num_decisions
    chosen = list(zip(self.choices, map(int, row[cut:]), strict=True))
    return ProductArc(
      self.inner.decode(row[:cut]),
      tuple((each.name, each.values[i]) for each, i in chosen),
      tuple(each.texts[i] for each, i in chosen),
    )

  def from_json(self, value: Any) -> ProductArc:
    if not isinstance(value, dict) or not isinstance(
      value.get("settings"), dict
    ):
      raise self._lacks_settings(value)
    structure = self.inner.from_json(value["structure"])
    return self.decode(self._encoded(structure, value["settings"]))

  def num_options(self, prefix: base.Row) -> int:
    if len(prefix) < self.inner.num_decisions:
      return self.inner.num_options(prefix)
    return self.decisions[len(prefix)].num_options

  def canonical(self, row: base.Row) -> tuple[int, ...]:
    cut = self.inner.num_decisions
    return (*self.inner.canonical(row[:cut]), *map(int, row[cut:]))

  def _integers(self, text: str) -> list[int]:
    structure, settings = _split(text)
    if not settings:
      raise self._lacks_settings(text)
    return self._encoded(self.inner.parse(structure), settings).tolist()

  def _encoded(
    self, structure: base.Arc, settings: Mapping[str, Any]
  ) -> np.ndarray:
    names = [each.name for each in self.choices]
    if sorted(settings) != sorted(names):
      raise errors.ArcError(
        f"An arc of this search has the settings {', '.join(names)}: name each "
        f"of them once. Received: {', '.join(map(str, settings))}"
      )
    indices = [each.index(settings[each.name]) for each in self.choices]
    return np.array([*self.inner.encode(structure), *indices], np.int32)

  def _lacks_settings(self, value: Any) -> errors.ArcError:
    words = " ".join(f"{each.name}={each.texts[0]}" for each in self.choices)
    return errors.ArcError(
      "An arc of this search is a structure and its settings: write these "
      f"behind it, as in ... {words}, or give `search_settings=` to train a "
      f"structure alone. Received: arc={errors.shorten(value, 80)}"
    )


def settings_of(text: str) -> dict[str, Any]:
  """Returns the settings that the text of an arc has beside its structure.

  What is no arc has none: whoever parses it says so.

  Args:
    text: as `Space.parse` takes it.
  """
  text = text.strip()
  content = text
  try:
    if text.endswith(".json"):
      content = base.read_text(text)
    if not content.lstrip().startswith("{"):
      return _split(text)[1]
    value = json.loads(content)
    value = value.get("arc", value)
    if isinstance(value, str):
      return _split(value)[1]
    found = value.get("settings")
  except (OSError, ValueError, RuntimeError, AttributeError):
    return {}
  return found if isinstance(found, dict) else {}


def _split(text: str) -> tuple[str, dict[str, str]]:
  """Returns the structure and the settings of an arc's text.

  >>> _split("0 1 2 final_lr_max=0.1 augment=none")
  ('0 1 2', {'final_lr_max': '0.1', 'augment': 'none'})
  """
  words = text.split()
  cut = len(words)
  while cut and _WORD.fullmatch(words[cut - 1]):
    cut -= 1
  pairs = [word.partition("=")[::2] for word in words[cut:]]
  names = [name for name, _ in pairs]
  for name in names:
    if names.count(name) > 1:
      raise errors.ArcError(
        f"The arc has `{name}` twice: take one away. Received: "
        f"arc={errors.shorten(text, 80)}"
      )
  return " ".join(words[:cut]), dict(pairs)


def _number(value: Any) -> float | None:
  """Returns what a value is as a number; None if it is none, True included."""
  if isinstance(value, bool):
    return None
  try:
    return float(value)
  except (TypeError, ValueError):
    return None


def _listed(texts: tuple[str, ...]) -> str:
  shown = ", ".join(texts[:12])
  return f"{shown}, ..." if len(texts) > 12 else shown
