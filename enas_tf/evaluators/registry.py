"""The evaluators by the word that chooses one."""

from enas_tf import registry

EVALUATORS = registry.Registry("evaluator", "evaluator")
EVALUATORS.register(
  "shared_weights", "enas_tf.evaluators.shared_weights:SharedWeights"
)
EVALUATORS.register("function", "enas_tf.evaluators.function:FunctionEvaluator")
