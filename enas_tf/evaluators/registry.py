"""The evaluators by the word that chooses one."""

from typing import Any

from enas_tf import registry

EVALUATORS = registry.Registry("evaluator", "evaluator")
EVALUATORS.register(
  "shared_weights", "enas_tf.evaluators.shared_weights:SharedWeights"
)
EVALUATORS.register(
  "from_scratch", "enas_tf.evaluators.from_scratch:FromScratch"
)
EVALUATORS.register("table", "enas_tf.evaluators.table:TableEvaluator")
EVALUATORS.register("function", "enas_tf.evaluators.function:FunctionEvaluator")


def register(word: str, evaluator: Any) -> None:
  """Makes an evaluator known by a word.

  >>> from enas_tf.evaluators import base, registry
  >>> class Mine(base.Evaluator):
  ...   pass
  >>> register_evaluator("mine", Mine)
  >>> enas_tf.Search(output_dir=folder, evaluator="mine")
  Search(space='micro', epochs=0 of 150)
  >>> registry.EVALUATORS.remove("mine")

  Args:
    word: that `evaluator` takes.
    evaluator: a class derived from `evaluators.base.Evaluator`.

  Raises:
    ConfigError: if the word is taken.
  """
  EVALUATORS.register(word, evaluator)
