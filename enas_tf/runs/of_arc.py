"""What trains the child of an arc that has settings of its own."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from enas_tf import errors
from enas_tf import registry as registries
from enas_tf.recipes import base, searched
from enas_tf.spaces import base as spaces
from enas_tf.spaces import product

if TYPE_CHECKING:
  from enas_tf.runs import assembly


def structure(arc: spaces.Arc) -> Any:
  """Returns an arc without the settings that it may have.

  Args:
    arc: of the final space.
  """
  return arc.structure if isinstance(arc, product.ProductArc) else arc


def parts(built: assembly.Assembly, arc: spaces.Arc) -> assembly.Assembly:
  """Returns the parts of a run by the settings of an arc, if it has any.

  They share the data; the child is made of the arc's `structure`.

  Args:
    built: the parts of the run.
    arc: of the final space.

  Raises:
    ConfigError: if its settings contradict those of the run.
  """
  if not isinstance(arc, product.ProductArc):
    return built
  return _by(built, arc.settings)


def _by(
  built: assembly.Assembly, settings: Mapping[str, Any]
) -> assembly.Assembly:
  experiment = searched.applied(built.experiment, settings)
  found = copy.copy(built)
  found.__dict__.pop("search", None)  # Each has its own.
  found.experiment = experiment
  if experiment.data != built.experiment.data:
    if experiment.data not in built.tasks:
      built.tasks[experiment.data] = built.task.fed_by(experiment.data)
    found.task = built.tasks[experiment.data]
  recipe = base.get(experiment.run.search_for)
  found.parts = registries.imported(recipe.parts)(experiment, found.task)
  return found


@contextlib.contextmanager
def explained(arc: spaces.Arc) -> Iterator[None]:
  """Within it, a divergence says how settings of an arc can be changed.

  Args:
    arc: that is trained.

  Raises:
    DivergenceError: with that.
  """
  try:
    yield
  except errors.DivergenceError as error:
    if not isinstance(arc, product.ProductArc):
      raise
    raise errors.DivergenceError(
      f"{error} A setting of the arc is changed in the arc alone: give it as "
      f"`child_fixed_arc`, with `search_settings=`. The arc is {arc}"
    ) from error


def check(built: assembly.Assembly) -> None:
  """Raises ConfigError if the largest values that are searched do not fit.

  Args:
    built: the parts of a run.
  """
  largest = {
    each.name: each.values[-1] if each.is_ordered else each.values[0]
    for each in searched.choices(built.experiment)
  }
  if not largest:
    return
  found = _by(built, largest)
  found.check_final()
  try:
    found.task.train_stream(found.experiment.final, seed=0)
  except (errors.ConfigError, errors.DataError) as error:
    raise errors.ConfigError(
      "The largest values of `search_settings` do not suit the data: lower "
      f"them. {error}"
    ) from error
