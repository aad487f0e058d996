"""The controllers by the word that chooses one."""

from typing import Any

from enas_tf import registry

# Each has a class method `from_settings`.
CONTROLLERS = registry.Registry("controller", "controller")
CONTROLLERS.register("reinforce", "enas_tf.controllers.reinforce:Reinforce")
CONTROLLERS.register("random", "enas_tf.controllers.random_search:RandomSearch")
CONTROLLERS.register("evolution", "enas_tf.controllers.evolution:Evolution")
CONTROLLERS.register("local", "enas_tf.controllers.local_search:LocalSearch")
CONTROLLERS.register("bayesian", "enas_tf.controllers.bayesian:Bayesian")
CONTROLLERS.register("gradient", "enas_tf.controllers.gradient:Gradient")
CONTROLLERS.register("fixed", "enas_tf.controllers.fixed:Fixed")


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
