"""The controllers by the word that chooses one."""

from typing import Any

from enas_tf import registry

# Each has a class method `from_settings`.
CONTROLLERS = registry.Registry("controller", "controller")
CONTROLLERS.register("reinforce", "enas_tf.controllers.reinforce:Reinforce")
CONTROLLERS.register("random", "enas_tf.controllers.random_search:RandomSearch")


def register(word: str, controller: Any) -> None:
  """Makes a controller known by a word.

  >>> from enas_tf.controllers import random_search, registry
  >>> class Mine(random_search.RandomSearch):
  ...   pass
  >>> register_controller("mine", Mine)
  >>> enas_tf.Search(output_dir=folder, controller="mine")
  Search(space='micro', epochs=0 of 150)
  >>> registry.CONTROLLERS.remove("mine")

  Args:
    word: that `controller` takes.
    controller: a class derived from `controllers.base.Controller`.

  Raises:
    ConfigError: if the word is taken.
  """
  CONTROLLERS.register(word, controller)
