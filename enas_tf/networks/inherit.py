"""A child that begins with the shared weights that its arc selects.

    copied = inherit.from_supernet(child, arc, variables)

A child as it was searched is the supernet's computation and inherits all of its
weights, as a language model does. The paper's image networks have other glue,
and inherit what has the same name and shape there: the stem, in the micro space
the operations of all nodes, and heads and calibrations where they fit.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from enas_tf import errors
from enas_tf.layers import (
  language,
  operations,
  shared,
  shared_cell,
  shared_stack,
)
from enas_tf.networks import micro_skeleton
from enas_tf.spaces import macro, micro, rnn

_Arrays = Mapping[str, np.ndarray]
# Pairs of a variable of the child and its value.
_Pairs = Iterator[tuple[keras.Variable, np.ndarray]]
_SCALE = "layer_{}_cell/output_bn/gamma"
_RNN_BANK = "language/bank"


def from_supernet(
  child: keras.Model,
  arc: micro.MicroArc | macro.MacroArc | rnn.RnnArc,
  supernet_variables: _Arrays,
) -> int:
  """Copies shared weights into a child.

  Args:
    child: the child of `arc`, as the builder of its space makes it.
    arc: the arc, with the operations of the supernet's space.
    supernet_variables: the variables of the supernet by their paths,
      `{v.path: v.numpy() for v in supernet.variables}`.

  Returns:
    How many of the child's trainable variables were copied; the others, and
    the moving averages, are left as they are.

  Raises:
    CheckpointError: if the variables are not those of such a supernet.
    ConfigError: if the supernet has other sizes, nodes or operations.
  """
  select = _SELECT[type(arc)]
  copied = 0
  for variable, value in select(child, arc, supernet_variables):
    if value.shape == tuple(variable.shape):
      variable.assign(value)
      copied += 1
  return copied


def _by_path(child: keras.Model, sources: _Arrays) -> _Pairs:
  """Yields what has the same path in a child."""
  for variable in child.trainable_variables:
    if variable.path in sources:
      yield variable, sources[variable.path]


def _of_operation(
  child: keras.Model, prefix: str, weights: shared.SharedWeights
) -> _Pairs:
  """Yields the weights of the operation whose layers have a prefix."""
  variables = [
    variable
    for layer in child.layers
    if layer.name.startswith(f"{prefix}stage_")
    for variable in layer.trainable_variables
  ]
  # The final form of a macro network has other layers.
  return zip(variables, weights.read() if variables else (), strict=True)


def _refuse(space: str, variables: _Arrays) -> None:
  raise errors.CheckpointError(
    f"These are not the variables of a supernet of the {space} space: search "
    f"first (`mode=search` `search_for={space}`) in the same `output_dir`. "
    f"Received: names={sorted(variables)[:3]}"
  )


def _micro(
  child: keras.Model, arc: micro.MicroArc, variables: _Arrays
) -> _Pairs:
  num_layers, out_filters = _check_micro_sizes(child, variables)
  cells = micro_skeleton.cells(num_layers, out_filters)
  _check_banks(cells, arc, variables)
  sources = dict(variables)
  for cell in cells:
    sources |= _join_weights(cell, arc, variables)
  yield from _by_path(child, sources)
  for cell in cells:
    bank = variables[f"layer_{cell.index}_cell/bank/rows"]
    nodes = arc.reduction if cell.is_reduction else arc.normal
    weights = shared.entries(bank, shared_cell.keys(len(nodes), arc.ops))
    for number, node in enumerate(nodes):
      prefix = f"layer_{cell.index}_cell_{number}"
      for side, letter, index, op in (
        (0, "x", node.index_1, node.op_1),
        (1, "y", node.index_2, node.op_2),
      ):
        yield from _of_operation(
          child, f"{prefix}_{letter}_", weights[number, side, index, op]
        )


def _check_micro_sizes(
  child: keras.Model, variables: _Arrays
) -> tuple[int, int]:
  """Returns (num_layers, out_filters) of both networks."""
  num_cells = 0
  while _SCALE.format(num_cells) in variables:
    num_cells += 1
  if not num_cells or "stem_conv/kernel" not in variables:
    _refuse("micro", variables)
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


def _check_banks(
  cells: list[micro_skeleton.Cell], arc: micro.MicroArc, variables: _Arrays
) -> None:
  """Raises ConfigError unless the banks are of the arc's space."""
  num_nodes = len(arc.normal)
  for cell in cells:
    name, filters = f"layer_{cell.index}_cell", cell.filters
    num_rows = num_nodes * (num_nodes + 3) * _num_rows(arc.ops, filters)
    for path, rows in (
      (f"{name}/bank/rows", num_rows),
      (f"{name}/output_bank/rows", (num_nodes + 2) * filters),
    ):
      if path not in variables or variables[path].shape != (rows, filters):
        raise errors.ConfigError(
          "The supernet was built for other nodes or operations: set "
          "`child_num_cells` and `child_ops` as in the search, or "
          f"`child_init=random`. Received: child_num_cells={num_nodes}, "
          f"child_ops={','.join(arc.ops)}"
        )


def _num_rows(ops: tuple[str, ...], filters: int) -> int:
  """Returns the rows of one block of each operation."""
  return sum(operations.get(op).num_rows(filters) for op in ops)


def _join_weights(
  cell: micro_skeleton.Cell, arc: micro.MicroArc, variables: _Arrays
) -> dict[str, np.ndarray]:
  """Returns the weights behind the loose ends, by the child's paths."""
  theirs = f"layer_{cell.index}_cell"
  ours = f"layer_{cell.index}_final_conv"
  nodes = arc.reduction if cell.is_reduction else arc.normal
  rows = variables[f"{theirs}/output_bank/rows"]
  kernels = rows.reshape(len(nodes) + 2, cell.filters, cell.filters)
  kernel = np.concatenate(kernels[list(micro.loose_ends(nodes))])
  return {
    f"{ours}_conv/kernel": kernel[None, None],
    f"{ours}_bn/gamma": variables[f"{theirs}/output_bn/gamma"],
    f"{ours}_bn/beta": variables[f"{theirs}/output_bn/beta"],
  }


def _macro(
  child: keras.Model, arc: macro.MacroArc, variables: _Arrays
) -> _Pairs:
  sources = {
    name.removeprefix("body/")
    .replace("/reduce/", "_reduce/")
    .replace("/bn/", "_bn/"): value
    for name, value in variables.items()
  }
  if not {"bank/rows", "stem_conv/kernel"} <= sources.keys():
    _refuse("macro", variables)
  bank = sources["bank/rows"]
  ops = tuple(f"macro/{op}" for op in arc.ops)
  num_layers, filters = len(arc.layers), sources["stem_conv/kernel"].shape[-1]
  wanted = child.get_layer("stem_conv").kernel.shape[-1]
  if filters != wanted or len(bank) != num_layers * _num_rows(ops, filters):
    raise errors.ConfigError(
      "A child can begin with the shared weights only if it is as large as "
      "the supernet: give its `child_num_layers` and "
      f"`child_out_filters={filters}`, or `child_init=random`. Received: "
      f"child_num_layers={num_layers}, child_out_filters={wanted}"
    )
  yield from _by_path(child, sources)
  weights = shared.entries(bank, shared_stack.keys(num_layers, ops))
  for number, layer in enumerate(arc.layers):
    yield from _of_operation(
      child,
      f"layer_{number}_{layer.op}_",
      weights[number, f"macro/{layer.op}"],
    )


def _rnn(child: keras.Model, arc: rnn.RnnArc, variables: _Arrays) -> _Pairs:
  if _RNN_BANK not in variables:
    _refuse("rnn", variables)
  bank = variables[_RNN_BANK]
  words = tuple(word.lower() for word in arc.functions)
  num_nodes = len(arc.nodes)
  num_blocks = len(words) * num_nodes * (num_nodes + 1) // 2
  units = child.get_layer("language").units
  if bank.shape != (num_blocks, units, 2 * units):
    raise errors.ConfigError(
      "A child can begin with the shared weights only if it is as large as "
      "the supernet: give its `child_hidden_size`, `child_num_nodes` and "
      f"`child_functions`. Received: child_hidden_size={units}, "
      f"child_num_nodes={num_nodes}, child_functions={','.join(words)}"
    )
  weights = language.entries(bank, num_nodes, words)
  sources = dict(variables)
  for number, (previous, function) in enumerate(arc.nodes, start=1):
    key = number, function.lower(), int(previous)
    (sources[f"language/node_{number}"],) = weights[key].read()
  yield from _by_path(child, sources)


_SELECT: dict[type, Callable[[keras.Model, Any, _Arrays], _Pairs]] = {
  micro.MicroArc: _micro,
  macro.MacroArc: _macro,
  rnn.RnnArc: _rnn,
}
