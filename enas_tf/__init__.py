"""Efficient Neural Architecture Search in TensorFlow and Keras.

    import enas_tf
    search = enas_tf.Search(data=(x, y), output_dir="runs/mine", num_epochs=10)
    search.run()

The names are imported when they are first used: this module is small, and loads
TensorFlow not before it is needed.
"""

import importlib
from typing import TYPE_CHECKING, Any

from enas_tf import keras_hook

if TYPE_CHECKING:
  from enas_tf.api import Search
  from enas_tf.controllers.registry import register as register_controller
  from enas_tf.evaluators.registry import register as register_evaluator
  from enas_tf.layers.operations import register as register_operation
  from enas_tf.models import load_model
  from enas_tf.recipes.base import register as register_recipe
  from enas_tf.recipes.declared.settings import register as register_space
  from enas_tf.report.callbacks import Callback
  from enas_tf.spaces.declared import Choice
  from enas_tf.trials import Trial
  from enas_tf.trials import read as read_trials

__version__ = "0.2.0"
__all__ = [
  "Callback",
  "Choice",
  "Search",
  "Trial",
  "load_model",
  "read_trials",
  "register_controller",
  "register_evaluator",
  "register_operation",
  "register_recipe",
  "register_space",
]

_HOMES = {
  "Callback": "enas_tf.report.callbacks:Callback",
  "Choice": "enas_tf.spaces.declared:Choice",
  "Search": "enas_tf.api:Search",
  "Trial": "enas_tf.trials:Trial",
  "load_model": "enas_tf.models:load_model",
  "read_trials": "enas_tf.trials:read",
  "register_controller": "enas_tf.controllers.registry:register",
  "register_evaluator": "enas_tf.evaluators.registry:register",
  "register_operation": "enas_tf.layers.operations:register",
  "register_recipe": "enas_tf.recipes.base:register",
  "register_space": "enas_tf.recipes.declared.settings:register",
}

keras_hook.install()


def __getattr__(name: str) -> Any:
  if name not in _HOMES:
    raise AttributeError(f"module 'enas_tf' has no attribute {name!r}")
  module, attribute = _HOMES[name].split(":")
  return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
  return [*globals(), *__all__]
