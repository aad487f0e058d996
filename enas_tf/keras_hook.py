"""Makes our layers known to Keras as soon as there is Keras.

A `.keras` file of a trained child names layers of ours, and Keras loads those
alone that were registered with it. `import enas_tf` must be enough for that, in
any order, and must not load Keras itself, which takes seconds: so whoever
imports Keras later imports the module of our layers, too.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Sequence

_LAYERS = "enas_tf.layers.serializable"
# TensorFlow imports Keras, and Keras TensorFlow: both must be whole.
_WATCHED = ("keras", "tensorflow")


def install() -> None:
  """Registers our layers with Keras, now or when it is imported."""
  sys.meta_path.insert(0, _Finder())
  _register_if_ready()


def _register_if_ready() -> None:
  if not all(_is_whole(name) for name in _WATCHED):
    return
  # A module of ours that imports TensorFlow is not whole before it has it: the
  # circle is left alone, for what loads children imports the layers itself.
  ours = [name for name in [*sys.modules] if name.startswith("enas_tf.")]
  if all(_is_whole(name) for name in ours):
    importlib.import_module(_LAYERS)


def _is_whole(name: str) -> bool:
  """Returns whether a module is imported to its end."""
  spec = getattr(sys.modules.get(name), "__spec__", None)
  return spec is not None and not getattr(spec, "_initializing", False)


class _Finder(importlib.abc.MetaPathFinder):
  """Finds both as usual, and looks after them whether they are whole."""

  def find_spec(
    self,
    name: str,
    path: Sequence[str] | None,
    target: types.ModuleType | None = None,
  ) -> importlib.machinery.ModuleSpec | None:
    del path, target
    if name not in _WATCHED:
      return None
    sys.meta_path.remove(self)
    try:
      spec = importlib.util.find_spec(name)
    finally:
      sys.meta_path.insert(0, self)
    if spec is not None and spec.loader is not None:
      spec.loader = _Loader(spec.loader)
    return spec


class _Loader(importlib.abc.Loader):
  """Runs a module, and then registers our layers.

  Args:
    loader: of the module.
  """

  def __init__(self, loader: importlib.abc.Loader) -> None:
    self._loader = loader

  def create_module(
    self, spec: importlib.machinery.ModuleSpec
  ) -> types.ModuleType | None:
    return self._loader.create_module(spec)

  def exec_module(self, module: types.ModuleType) -> None:
    self._loader.exec_module(module)
    if module.__spec__ is not None:  # It is whole, though still being imported.
      module.__spec__._initializing = False  # type: ignore[attr-defined]
    _register_if_ready()
