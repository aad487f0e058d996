"""The data of a program: a name, a path, or what it has in memory."""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from enas_tf import errors
from enas_tf.report import callbacks as listeners
from enas_tf.settings import data as data_settings


def check_arguments(space: Any, evaluator: Any, callbacks: Any) -> None:
  """Raises ConfigError if arguments of a search are of wrong types.

  Args:
    space: a word, or None.
    evaluator: a function, or None.
    callbacks: a sequence of callbacks.
  """
  if space is not None and not isinstance(space, str):
    raise errors.ConfigError(
      "space is the word of a search space; give the data as data=... "
      f"Received: space of type {type(space).__name__}"
    )
  if evaluator is not None and not callable(evaluator):
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
    for name, value in (
      ("validation_data", validation_data),
      ("test_data", test_data),
      ("class_names", class_names),
    ):
      if value is not None:
        raise errors.DataError(
          f"{name} comes with data of the same kind: give data, too. Received: "
          "data=None"
        )
    return given, None
  if isinstance(data, str | os.PathLike) and "\n" not in str(data):
    return given | _named(os.fspath(data), given), None
  source = {
    "train": data,
    "valid": validation_data,
    "test": test_data,
    "class_names": class_names,
  }
  return given | {"data": data_settings.IN_PYTHON}, source


def _named(data: str, given: Mapping[str, Any]) -> dict[str, Any]:
  """Returns the settings of data that are given by a name or a path."""
  known = {*data_settings.IMAGES, *data_settings.TEXTS}
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
