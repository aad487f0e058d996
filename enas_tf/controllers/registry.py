"""The controllers by the word that chooses one."""

from enas_tf import registry

# Each has a class method `from_settings`.
CONTROLLERS = registry.Registry("controller", "controller_kind")
CONTROLLERS.register("reinforce", "enas_tf.controllers.reinforce:Reinforce")
CONTROLLERS.register("random", "enas_tf.controllers.random_search:RandomSearch")
CONTROLLERS.register("evolution", "enas_tf.controllers.evolution:Evolution")
CONTROLLERS.register("local", "enas_tf.controllers.local_search:LocalSearch")
CONTROLLERS.register("bayesian", "enas_tf.controllers.bayesian:Bayesian")
CONTROLLERS.register("fixed", "enas_tf.controllers.fixed:Fixed")
