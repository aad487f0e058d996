"""A macro child that begins with the shared weights that its arc selects.

With `--child_as_searched` the child is the supernet's computation and inherits
all of its weights. The final child of the original has another form, and
inherits what has the same name and shape there, the stem above all.
"""

from collections.abc import Mapping

import keras
import numpy as np

from enas_tf import errors
from enas_tf.layers import operations
from enas_tf.spaces import macro


def from_supernet(
  child: keras.Model,
  arc: macro.MacroArc,
  supernet_variables: Mapping[str, np.ndarray],
) -> int:
  """Copies shared weights into a child.

  Args:
    child: the child of `arc`, as `macro_child.build` makes it.
    arc: the arc, with the operations of the supernet's space.
    supernet_variables: the variables of a `MacroSupernet` by their paths.

  Returns:
    How many of the child's trainable variables were copied.

  Raises:
    CheckpointError: if the variables are not those of such a supernet.
    ConfigError: if the supernet has other sizes.
  """
  sources = {
    name.removeprefix("body/")
    .replace("/reduce/", "_reduce/")
    .replace("/bn/", "_bn/"): value
    for name, value in supernet_variables.items()
  }
  if not {"bank/rows", "stem_conv/kernel"} <= sources.keys():
    raise errors.CheckpointError(
      "These are not the variables of a macro supernet: search first "
      "(`mode=search` `search_for=macro`) in the same `output_dir`. Received: "
      f"names={sorted(supernet_variables)[:3]}"
    )
  _check_sizes(child, arc, sources)
  sources |= _operation_weights(child, arc, sources["bank/rows"])
  copied = 0
  for variable in child.trainable_variables:
    value = sources.get(variable.path)
    if value is not None and value.shape == tuple(variable.shape):
      variable.assign(value)
      copied += 1
  return copied


def _check_sizes(child, arc, sources) -> None:
  filters = sources["stem_conv/kernel"].shape[-1]
  wanted = child.get_layer("stem_conv").kernel.shape[-1]
  num_rows = len(sources["bank/rows"])
  rows_of_arc = sum(_sizes(arc.ops, filters)) * len(arc.layers)
  if filters != wanted or num_rows != rows_of_arc:
    raise errors.ConfigError(
      "A child can begin with the shared weights only if it is as large as "
      "the supernet: give its `child_num_layers` and "
      f"`child_out_filters={filters}`, or `child_init=random`. Received: "
      f"child_num_layers={len(arc.layers)}, child_out_filters={wanted}"
    )


def _sizes(ops, filters: int) -> list[int]:
  """Returns the rows of each operation in the bank of the supernet."""
  return [operations.get(f"macro/{op}").num_rows(filters) for op in ops]


def _operation_weights(child, arc, bank) -> dict[str, np.ndarray]:
  """Returns the weights of the chosen operations, by the child's paths."""
  filters = bank.shape[-1]
  sizes = _sizes(arc.ops, filters)
  found = {}
  for number, layer in enumerate(arc.layers):
    op = arc.ops.index(layer.op)
    start = number * sum(sizes) + sum(sizes[:op])
    weights = operations.get(f"macro/{layer.op}").weights(filters)
    prefix = f"layer_{number}_{layer.op}_stage_"
    variables = [
      v for v in child.trainable_variables if v.path.startswith(prefix)
    ]
    for variable, weight in zip(variables, weights, strict=False):
      stop = start + weight.num_rows(filters)
      found[variable.path] = bank[start:stop].reshape(weight.shape)
      start = stop
  return found
