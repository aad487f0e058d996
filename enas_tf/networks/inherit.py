"""A child that begins with the shared weights that its arc selects.

    copied = inherit.from_supernet(child, arc, variables)

With `--child_as_searched` the child is the supernet's computation and inherits
all of its weights. The paper's child has other glue between its cells, and
inherits what has the same name and shape there: the operations of all nodes,
the stem, and the heads and calibrations where they fit.
"""

import re
from collections.abc import Mapping

import keras
import numpy as np

from enas_tf import errors
from enas_tf.layers import operations, shared, shared_cell
from enas_tf.networks import micro_skeleton
from enas_tf.spaces import micro

_SCALE = "layer_{}_cell/output_bn/gamma"


def from_supernet(
  child: keras.Model,
  arc: micro.MicroArc,
  supernet_variables: Mapping[str, np.ndarray],
) -> int:
  """Copies shared weights into a child.

  Args:
    child: the child of `arc`, as `micro_child.build` makes it.
    arc: the arc, with the operations of the supernet's space.
    supernet_variables: the variables of a `MicroSupernet` by their paths,
      `{v.path: v.numpy() for v in supernet.variables}`.

  Returns:
    How many of the child's trainable variables were copied; the others, and
    the moving averages, are left as they are.

  Raises:
    CheckpointError: if the variables are not those of a micro supernet.
    ConfigError: if the supernet has other sizes, nodes or operations.
  """
  num_layers, out_filters = _check_sizes(child, supernet_variables)
  cells = _cells(num_layers, out_filters, arc, supernet_variables)
  sources = dict(supernet_variables)
  dictionary = shared.SharedDictionary(cells)
  for cell in micro_skeleton.cells(num_layers, out_filters):
    nodes = arc.reduction if cell.is_reduction else arc.normal
    sources |= _operation_weights(child, dictionary, cell, nodes)
    sources |= _join_weights(
      supernet_variables, cell, nodes, cells[cell.index].output_bank
    )
  copied = 0
  for variable in child.trainable_variables:
    value = sources.get(variable.path)
    if value is not None and value.shape == tuple(variable.shape):
      variable.assign(value)
      copied += 1
  return copied


def _check_sizes(child, variables) -> tuple[int, int]:
  """Returns (num_layers, out_filters) of both networks."""
  num_cells = 0
  while _SCALE.format(num_cells) in variables:
    num_cells += 1
  if not num_cells or "stem_conv/kernel" not in variables:
    raise errors.CheckpointError(
      "These are not the variables of a micro supernet: search first "
      "(`mode=search` `search_for=micro`) in the same `output_dir`. Received: "
      f"names={sorted(variables)[:3]}"
    )
  found = num_cells - 2, variables["stem_conv/kernel"].shape[-1] // 3
  layers = (re.match(r"layer_(\d+)_", layer.name) for layer in child.layers)
  last = max(int(match[1]) for match in layers if match)
  wanted = last - 1, child.get_layer("stem_conv").kernel.shape[-1] // 3
  if wanted != found:
    raise errors.ConfigError(
      "A child can begin with the shared weights only if it is as large as "
      f"the supernet: set `child_num_layers={found[0]}` and "
      f"`child_out_filters={found[1]}`, or `child_init=random`. Received: "
      f"child_num_layers={wanted[0]}, child_out_filters={wanted[1]}"
    )
  return found


def _cells(
  num_layers, out_filters, arc, variables
) -> list[shared_cell.SharedCell]:
  """Returns the cells of the supernet, with its weights."""
  cells = [
    shared_cell.SharedCell(
      len(arc.normal),
      arc.ops,
      cell.filters,
      first=0,
      seed=0,
      name=f"layer_{cell.index}_cell",
    )
    for cell in micro_skeleton.cells(num_layers, out_filters)
  ]
  for cell in cells:
    cell.build((None, None, None, cell.filters))
  for bank in (bank for cell in cells for bank in cell.banks):
    value = variables.get(bank.rows.path)
    if np.shape(value) != tuple(bank.rows.shape):
      raise errors.ConfigError(
        "The supernet was built for other nodes or operations: set "
        "`child_num_cells` and `child_ops` as in the search, or "
        f"`child_init=random`. Received: child_num_cells={len(arc.normal)}, "
        f"child_ops={','.join(arc.ops)}"
      )
    bank.rows.assign(value)
  return cells


def _operation_weights(child, dictionary, cell, nodes) -> dict:
  """Returns the weights of a cell's operations, by the child's paths."""
  named = {}
  for number, node in enumerate(nodes):
    for side, index, word in (
      (0, node.index_1, node.op_1),
      (1, node.index_2, node.op_2),
    ):
      values = dictionary[cell.index, number, side, index, word].read()
      prefix = f"layer_{cell.index}_cell_{number}_{'xy'[side]}_"
      layers = operations.get(word).layers(cell.filters, 1, prefix)
      variables = [
        variable
        for layer in layers
        for variable in child.get_layer(layer.name).trainable_variables
      ]
      named |= {
        variable.path: value
        for variable, value in zip(variables, values, strict=True)
      }
  return named


def _join_weights(variables, cell, nodes, bank) -> dict:
  """Returns the weights behind the loose ends, by the child's paths."""
  theirs = f"layer_{cell.index}_cell/output_bn"
  ours = f"layer_{cell.index}_final_conv"
  kernel = bank(np.array(micro.loose_ends(nodes))).numpy()
  return {
    f"{ours}_conv/kernel": kernel[None, None],
    f"{ours}_bn/gamma": variables[f"{theirs}/gamma"],
    f"{ours}_bn/beta": variables[f"{theirs}/beta"],
  }
