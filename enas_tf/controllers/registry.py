"""The controllers by the word that chooses one."""

from enas_tf import registry

# Each has a class method `from_settings`.
CONTROLLERS = registry.Registry("controller", "controller_kind")
CONTROLLERS.register("reinforce", "enas_tf.controllers.reinforce:Reinforce")
CONTROLLERS.register("random", "enas_tf.controllers.random_search:RandomSearch")
