"""What `--help` prints: the settings by purpose, those that matter first."""

import dataclasses
import textwrap
from collections.abc import Iterable
from typing import Any

from enas_tf.recipes import base, experiments
from enas_tf.settings import data, fields

_WIDTH = 80
_TYPES = {
  bool: "",
  int: "=N",
  float: "=X",
  str: "=TEXT",
  tuple: "=A,B,...",
}
_SHORT = 40  # Characters of choices that stand beside the name of a setting.


def text(intro: str, others: dict[str, str]) -> str:
  """Returns the help of the command line, at most 80 columns wide.

  Args:
    intro: what stands first.
    others: the help of the flags that are no settings, by name.
  """
  everywhere = experiments.everywhere()
  first = [
    name
    for name, places in everywhere.items()
    if _setting(places).matters and places[0][1].section != "final"
  ]
  groups: dict[str, list[str]] = {"What matters first": first}
  own = []
  for name, places in everywhere.items():
    recipe, place = places[0]
    is_of_both = name.startswith("final_") and _as_both(recipe, place)
    if is_of_both:
      own.append(name)
    elif name not in first:
      groups.setdefault(_group(recipe, place), []).append(name)
  parts = [intro.strip()]
  for title, names in groups.items():
    lines = "\n".join(_line(name, everywhere[name]) for name in names)
    parts.append(f"{title}:\n{lines}")
  lines = "\n".join(_entry(f"--{name}", help) for name, help in others.items())
  parts.append(f"Others:\n{lines}")
  listed = " ".join(f"--{name}" for name in own)
  parts.append(
    "For the final child alone, where --mode=all searches and trains:\n"
    + _wrapped(listed, "  ")
  )
  return "\n\n".join(parts)


def _setting(places: list[tuple[base.Recipe, Any]]) -> fields.Setting:
  return fields.of(places[0][1].field)


def _as_both(recipe: base.Recipe, place: experiments.Place) -> bool:
  """Returns whether a setting of the final child has a twin for both."""
  name = recipe.search.public(place.field.name)
  return name in experiments.settable(recipe.experiment)


def _group(recipe: base.Recipe, place: experiments.Place) -> str:
  """Returns what the class that declares a setting is about."""
  settings = recipe.experiment.section(place.section)
  for cls in type(settings).__mro__:
    if place.field.name in vars(cls).get("__annotations__", {}):
      return (cls.__doc__ or "").splitlines()[0].rstrip(".")
  raise AssertionError(place)


def _line(name: str, places: list[tuple[base.Recipe, Any]]) -> str:
  field = places[0][1].field
  kind, optional = fields.kind(field)
  words = dict.fromkeys(
    word
    for _, place in places
    for word in fields.choices(place.field) or ()
    if word != data.IN_PYTHON
  )
  listed = "|".join(words)
  head = f"--[no]{name}" if kind is bool else f"--{name}{_TYPES[kind]}"
  help = _by_recipe(
    (recipe, _explained(fields.of(place.field))) for recipe, place in places
  )
  if words and len(listed) <= _SHORT:
    head = f"--{name}={listed}"
  elif words:
    help += f"; one of {', '.join(words)}"
  if optional:
    help += '; "none" unsets it'
  return _entry(head, f"{help} ({_defaults(name, places)})")


def _explained(setting: fields.Setting) -> str:
  """Returns the help of a setting, and with what it has a use."""
  conditions = [
    f"--{other}" + ("" if words == fields.GIVEN else f"={' or '.join(words)}")
    for other, words in (setting.only_with or {}).items()
  ]
  text = setting.help.replace("`", "")
  return f"with {', '.join(conditions)}: {text}" if conditions else text


def _defaults(name: str, places: list[tuple[base.Recipe, Any]]) -> str:
  """Returns the defaults of a setting in words, those of each recipe."""
  if name == "search_for":
    return places[0][0].name
  return _by_recipe((recipe, _default(name, recipe)) for recipe, _ in places)


def _by_recipe(texts: Iterable[tuple[base.Recipe, str]]) -> str:
  """Returns the texts of recipes; the recipes are named where they differ."""
  found: dict[str, list[str]] = {}
  for recipe, text in texts:
    found.setdefault(text, []).append(recipe.name)
  if len(found) == 1:
    return next(iter(found))
  return "; ".join(
    f"{', '.join(recipes)}: {text}" for text, recipes in found.items()
  )


def _default(name: str, recipe: base.Recipe) -> str:
  """Returns a default; that of the final child, too, if it is another one."""
  place = experiments.settable(recipe.experiment)[name]
  field = place.field.name
  values = [getattr(recipe.experiment.section(place.section), field)]
  if place.section == "search":
    names = {each.name for each in dataclasses.fields(recipe.final)}
    if field in names and getattr(recipe.final, field) != values[0]:
      values.append(getattr(recipe.final, field))
  words = [
    ", ".join(value) if isinstance(value, tuple) else str(value).lower()
    for value in values
  ]
  return ", final ".join(words)


def _entry(head: str, help: str) -> str:
  return f"  {head}\n{_wrapped(help, ' ' * 6)}"


def _wrapped(text: str, indent: str) -> str:
  return textwrap.fill(
    text,
    _WIDTH,
    initial_indent=indent,
    subsequent_indent=indent,
    break_on_hyphens=False,
    break_long_words=False,
  )
