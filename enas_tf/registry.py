"""Names for things that a setting can choose, those of a user among them."""

import importlib
from collections.abc import Iterator
from typing import Any

from enas_tf import errors


class Registry:
  """Things by name.

  What is registered as the text "module:attribute" is imported when it is asked
  for, so that names can be listed without importing TensorFlow.

  >>> colours = Registry("colour", "paint")
  >>> colours.register("red", (255, 0, 0))
  >>> colours["red"], tuple(colours)
  ((255, 0, 0), ('red',))

  Args:
    kind: what the things are, for the errors.
    setting: the public name of the setting that chooses one.
  """

  def __init__(self, kind: str, setting: str) -> None:
    self._kind = kind
    self._setting = setting
    self._things: dict[str, Any] = {}
    self._ours: set[str] = set()

  def register(self, name: str, thing: Any) -> None:
    """Registers a thing, or where it can be imported from.

    Args:
      name: of the thing; an identifier that no other has.
      thing: the thing itself, or the text "module:attribute".

    Raises:
      ConfigError: if something of that name is registered already.
    """
    if name in self._things:
      raise errors.ConfigError(
        f"The {self._kind} {name} is registered already: choose another name. "
        f"Received: name={name}"
      )
    self._things[name] = thing
    if isinstance(thing, str):
      self._ours.add(name)

  def is_ours(self, name: str) -> bool:
    """Returns whether a name was registered by the library, not by a user.

    Args:
      name: of a thing.
    """
    return name in self._ours

  def remove(self, name: str) -> None:
    """Forgets a thing.

    Args:
      name: of the thing; it may be registered again.
    """
    del self._things[name]
    self._ours.discard(name)

  def __getitem__(self, name: str) -> Any:
    if name not in self._things:
      raise errors.ConfigError(
        f"No {self._kind} is called {name!r}: correct `{self._setting}`. Known "
        f"are {', '.join(self._things)}. Received: {self._setting}={name}"
      )
    self._things[name] = imported(self._things[name])
    return self._things[name]

  def __iter__(self) -> Iterator[str]:
    return iter(self._things)

  def __contains__(self, name: object) -> bool:
    return name in self._things


def imported(thing: Any) -> Any:
  """Returns a thing, or what the text "module:attribute" names.

  Args:
    thing: of any kind, or such a text.
  """
  if not isinstance(thing, str):
    return thing
  module, _, attribute = thing.partition(":")
  return getattr(importlib.import_module(module), attribute)
