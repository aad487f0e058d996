"""The data of a program: a name, a path, or what it has in memory."""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from enas_tf import errors
from enas_tf.report import callbacks as listeners
from enas_tf.settings import data as data_settings
from enas_tf.spaces import base


def check_arguments(
  space: Any, evaluator: Any, callbacks: Any, settings: Mapping[str, Any]
) -> None:
  """Raises ConfigError if arguments of a search are of wrong types.

  Args:
    space: a word, or None.
    evaluator: a function, or None.
    callbacks: a sequence of callbacks.
    settings: by their public names.
  """
  for name in ("mode", "import_checkpoint"):
    if name in settings:
      raise errors.ConfigError(
        f"{name} is of the command line; a program calls run(), train() and "
        f"others: take it away. Received: {name}={settings[name]}"
      )
  if space is not None and not isinstance(space, str):
    raise errors.ConfigError(
      "space is the word of a search space; give the data as data=... "
      f"Received: space of type {type(space).__name__}"
    )
  is_word = isinstance(evaluator, str)  # One that was registered.
  if evaluator is not None and not callable(evaluator) and not is_word:
    raise errors.ConfigError(
      "evaluator is a function from an arc to its score: give one. Received: "
      f"evaluator={errors.shorten(evaluator)}"
    )
  if not isinstance(callbacks, list | tuple) or not all(
    isinstance(each, listeners.Callback) for each in callbacks
  ):
    raise errors.ConfigError(
      "callbacks is a list of objects whose class is derived from "
      "enas_tf.Callback: give one. Received: "
      f"callbacks={errors.shorten(callbacks)}"
    )


def scorer(given: dict[str, Any], evaluator: Any) -> Any:
  """Returns the function that scores arcs, if it is one.

  Args:
    given: settings; the word of the evaluator is added.
    evaluator: a function, the word of an evaluator, or None.
  """
  if isinstance(evaluator, str):
    given["evaluator"] = evaluator
    return None
  if evaluator is not None:
    given["evaluator"] = "function"
  return evaluator


def parsed(space: base.Space, arc: Any) -> base.Arc:
  """Returns an arc that a program names.

  Args:
    space: of the arc.
    arc: itself, its text or its integers.
  """
  if isinstance(arc, list | tuple | np.ndarray):
    return space.decode(arc)
  return space.parse(str(arc))


def described(
  given: dict[str, Any],
  data: Any,
  validation_data: Any,
  test_data: Any,
  class_names: Sequence[str] | None,
) -> tuple[dict[str, Any], Any]:
  """Returns settings that say what the data are, and arrays if they are any.

  Args:
    given: settings by their public names.
    data: a name, a path, arrays or a tf.data.Dataset; or None.
    validation_data: of the same kind, or None.
    test_data: of the same kind, or None.
    class_names: the names of the classes, or None.

  Returns:
    The settings, with those of the data; and the arguments of `Task.source`, or
    None if the data have a name or a path.

  Raises:
    DataError: if the data are neither of these.
  """
  if data is None:
    _refuse(
      "comes with arrays as data: give data, too",
      validation_data,
      test_data,
      class_names,
    )
    return given, None
  if isinstance(data, str | os.PathLike) and "\n" not in str(data):
    _refuse(
      "comes with arrays; a folder or file holds all of it: take it away",
      validation_data,
      test_data,
      class_names,
    )
    return given | _named(os.fspath(data), given), None
  source = {
    "train": data,
    "valid": validation_data,
    "test": test_data,
    "class_names": class_names,
  }
  return given | {"data": data_settings.IN_PYTHON}, source


def _refuse(why: str, *values: Any) -> None:
  """Raises DataError if one of the values is given that go with arrays."""
  names = ("validation_data", "test_data", "class_names")
  for name, value in zip(names, values, strict=True):
    if value is not None:
      raise errors.DataError(
        f"{name} {why}. Received: {name} of type {type(value).__name__}"
      )


def _named(data: str, given: Mapping[str, Any]) -> dict[str, Any]:
  """Returns the settings of data that are given by a name or a path."""
  known = {*data_settings.IMAGES, *data_settings.TEXTS}
  if not data:
    raise errors.DataError(
      "data is the name of a data set, or a path: give one. Received: data=''"
    )
  if data in known or "data_path" in given:
    return {"data": data}
  path = pathlib.Path(data).expanduser()
  if not os.path.exists(path):
    raise errors.DataError(
      "data is the name of a data set, or a path (a text of one's own has more "
      "than one line, or is a list of words): correct it. Known are "
      f"{', '.join(sorted(known))}. Received: data={errors.shorten(data)}"
    )
  is_text = path.is_file() or not any(each.is_dir() for each in path.iterdir())
  return {"data": "text" if is_text else "folder", "data_path": data}
