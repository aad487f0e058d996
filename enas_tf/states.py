"""What a part of a run remembers: arrays by name.

A checkpoint asks each part for its arrays and gives them back. A part may hold
as much as it likes, of any shape, and of another shape each time.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np


class Stateful(Protocol):
  """Whatever a checkpoint saves and restores."""

  def state(self) -> Mapping[str, np.ndarray]:
    """Returns everything that it needs to go on, by name."""

  def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    """Takes the arrays of an earlier `state` back.

    Args:
      arrays: what `state` returned.
    """


class Mismatch(ValueError):  # noqa: N818 It is told as a CheckpointError.
  """Arrays that are not those of a state.

  Args:
    differences: see the attribute.

  Attributes:
    differences: (name, what the arrays have, what the state has) of each.
  """

  def __init__(
    self, differences: list[tuple[str, str | None, str | None]]
  ) -> None:
    super().__init__(str(differences))
    self.differences = differences


def check(now: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
  """Raises Mismatch unless names, shapes and types agree.

  Args:
    now: what has a shape and a dtype, by name: arrays or variables.
    arrays: that are to take their place.
  """
  ours, theirs = _kinds(now), _kinds(arrays)
  differences = [
    (name, theirs.get(name), ours.get(name))
    for name in sorted({*ours, *theirs})
    if ours.get(name) != theirs.get(name)
  ]
  if differences:
    raise Mismatch(differences)


class Variables:
  """TensorFlow's variables as a state of fixed names and shapes.

  Args:
    variables: by name.
  """

  def __init__(self, variables: Mapping[str, Any]) -> None:
    self._variables = dict(variables)

  def state(self) -> dict[str, np.ndarray]:
    """Returns the values, by name."""
    return {k: np.asarray(v.numpy()) for k, v in self._variables.items()}

  def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
    """Assigns values; raises Mismatch, and assigns none, if one does not fit.

    Args:
      arrays: by name, of the shapes and types of the variables.
    """
    check(self._variables, arrays)
    for name, variable in self._variables.items():
      variable.assign(arrays[name])


def _kinds(things: Mapping[str, Any]) -> dict[str, str]:
  return {
    name: f"{each.dtype.name}{list(each.shape)}"
    for name, each in things.items()
  }
