"""Reads the image networks and policies of the original ENAS code.

variables = files.read_checkpoint("outputs/model.ckpt-310")
original.assign(child, variables)
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from enas_tf import errors
from enas_tf.compat import hints, matching
from enas_tf.layers import basic_stages, operations, shared_cell, shared_stack
from enas_tf.spaces import macro

_KINDS = {
  "kernel": "w",
  "path1": "path1_conv/w",
  "path2": "path2_conv/w",
  "gamma": "bn/scale",
  "beta": "bn/offset",
  "moving_mean": "bn/moving_mean",
  "moving_variance": "bn/moving_variance",
}
# Our layers' names, and the original's scopes. The first that matches counts.
_SCOPES = (
  (r"stem_conv(_bn)?", r"stem_conv"),
  (r"head_dense", r"fc"),
  (r"aux_dense", r"aux_head/fc"),
  (r"aux_proj_(conv|bn)", r"aux_head/proj"),
  (r"aux_full_(conv|bn)", r"aux_head/avg_pool"),
  (r"layer_(\d+)_pool_([xy])(_\d+)?_\w+", r"layer_\1/calibrate/pool_\2"),
  (r"layer_(\d+)_layer_base_\w+", r"layer_\1/layer_base"),
  (r"layer_(\d+)_calibrate_(\d+)_\w+", r"layer_\1/final_combine/calibrate_\2"),
  (r"layer_(\d+)_cell_(\d+)_([xy])_reduce(_bn)?", r"layer_\1/cell_\2/\3_conv"),
  (r"layer_(\d+)_cell_output_bn", r"layer_\1/final_conv"),
  (r"layer_(\d+)_pool_(\d+)_(reduce|bn)", r"layer_\1/pool_at_\1/from_\2"),
  (r"layer_(\d+)_skip_(conv|bn)", r"layer_\1/skip"),
  (r"layer_(\d+)_conv_(\d)x\2_(conv|depthwise|bn)", r"layer_\1/conv_\2x\2"),
  (r"layer_(\d+)_(reduce|bn)", r"layer_\1"),
)
_STAGE = re.compile(r"layer_(\d+)_cell_(\d+)_([xy])_stage_(\d+)_(\w+)")
_STAGES_PER_STACK = 4  # relu, depthwise, pointwise, normalization
_MACRO_STAGE = re.compile(r"layer_(\d+)_(\w+)_stage_(\d+)_(conv|depthwise|bn)")


class Reference(NamedTuple):
  """Where an array of the original lies in our variables.

  Attributes:
    variable: the variable.
    indices: for each number of the original's array, in its shape, the index in
      the flattened variable.
  """

  variable: Any
  indices: np.ndarray

  def read(self, value: np.ndarray | None = None) -> np.ndarray:
    """Returns the array, out of the variable or of an array like it.

    Args:
      value: of the variable's shape; default: the variable's value.
    """
    value = self.variable if value is None else value
    return np.asarray(value).reshape(-1)[self.indices]


def references(target: keras.Model | tf.Module) -> dict[str, Reference]:
  """Returns the original's names of the weights of a model or a policy.

  Args:
    target: a supernet, a child or a policy.

  Returns:
    References by name, without the prefix "child/" or "controller/".
  """
  if hasattr(target, "named_variables"):
    return {
      name: _whole(variable)
      for name, variable in target.named_variables.items()
    }
  found = {}
  for variable in target.variables:
    name = _name(variable.path)
    if name is not None:
      found[name] = _whole(variable, name)
  cells = [x for x in target.layers if isinstance(x, shared_cell.SharedCell)]
  for layer, cell in enumerate(cells):
    found |= _cell_references(f"layer_{layer}", cell)
  for layer in target.layers:
    if isinstance(layer, shared_stack.SharedStack):
      found |= _stack_references(layer)
  return found


def assign(
  target: keras.Model | tf.Module,
  variables: Mapping[str, np.ndarray],
  *,
  allow_unused: bool = False,
) -> None:
  """Copies the original's variables into a model or a policy of ours.

  Nothing is assigned unless every weight of the target is given, with its shape
  and with numbers, and every weight that is given has a use. Shapes do not
  tell apart pools and identities of a micro arc, which have no weights; nor
  what its nodes read, as long as as many ends are loose; nor, of a final macro
  child, which tensors a layer is joined with, but how many, and which of two
  operations of one kernel size it is. There the caller must know the arc.

  Args:
    target: a supernet, a child or a policy.
    variables: arrays by the original's names, with or without the prefix
      "child/" or "controller/" and the suffix ":0". What is no weight (slots of
      optimizers, counters, bookkeeping of moving averages), the weights of the
      other half (of the controller, for a network) and reductions of tensors
      that no layer of a macro child reads are left aside.
    allow_unused: leave any other weight aside too, as those of the operations
      that a child as searched does not choose.

  Raises:
    CheckpointError: if the target is no such network, or a weight is missing,
      left over, of another shape or not a number.
  """
  wanted = references(target)
  _check_named(target, wanted)
  is_policy = hasattr(target, "named_variables")
  given = matching.weights(
    variables, matching.CONTROLLER if is_policy else matching.CHILD
  )
  shapes = {name: each.indices.shape for name, each in wanted.items()}
  given = _without_unread(given, shapes)
  difference = matching.compare(shapes, given)
  if allow_unused:
    difference = difference._replace(unused=[])
  hint = hints.hint(shapes, given, difference)
  matching.check(shapes, given, difference, source="the original", hint=hint)
  values = {}
  for name, reference in wanted.items():
    key = id(reference.variable)
    if key not in values:
      values[key] = reference.variable, np.array(reference.variable)
    values[key][1].reshape(-1)[reference.indices] = given[name]
  for variable, value in values.values():
    variable.assign(value)


def _check_named(target: Any, wanted: Mapping[str, Reference]) -> None:
  """Raises CheckpointError unless all weights have a name of the original."""
  named = {id(reference.variable) for reference in wanted.values()}
  strange = [
    v.path
    for v in getattr(target, "weights", ())
    if id(v) not in named and v.dtype.startswith("float")
  ]
  if strange or not wanted:
    raise errors.CheckpointError(
      "The original has no network with the weights of this one: its are "
      "micro and macro supernets and final children, macro children as "
      "searched and the policies of these (language models are enas_lm's: "
      f"`enas_lm.assign`). Received: network={target.name}, weights="
      f"{strange[:5]} ({len(strange)})"
    )


def _without_unread(
  given: Mapping[str, np.ndarray], wanted: Mapping[str, tuple[int, ...]]
) -> dict[str, np.ndarray]:
  """Leaves out the reductions of tensors that no later layer reads.

  The original makes them all; a child of ours has those that are read. The
  last one, which is the next layer's input, always is.
  """
  pattern = r"layer_(\d+)/pool_at_\1/from_(\d+)/.*"
  last: dict[str, int] = {}
  for name in wanted:
    if match := re.fullmatch(pattern, name):
      last[match[1]] = max(last.get(match[1], 0), int(match[2]))

  def is_unread(name: str) -> bool:
    match = re.fullmatch(pattern, name)
    return match is not None and int(match[2]) < last.get(match[1], 0)

  return {
    name: value
    for name, value in given.items()
    if name in wanted or not is_unread(name)
  }


def _whole(variable: Any, name: str = "") -> Reference:
  shape = tuple(variable.shape)
  indices = np.arange(np.prod(shape, dtype=int)).reshape(shape)
  if name.endswith("/out_conv_3/w_point") or name.endswith("_5/w_point"):
    indices = indices[0, 0].T  # The macro space's: a table [output, input].
  return Reference(variable, indices)


def _name(path: str) -> str | None:
  scope, _, kind = path.rpartition("/")
  scope = scope.removeprefix("body/").replace("/", "_")
  stage = _STAGE.fullmatch(scope)
  if stage:
    layer, cell, side, number, what = stage.groups()
    kind = "w_depth" if what == "depthwise" else _KINDS[kind]
    kind = "w_point" if kind == "w" else kind
    stack = int(number) // _STAGES_PER_STACK
    return f"layer_{layer}/cell_{cell}/{side}_conv/sep_conv_{stack}/{kind}"
  stage = _MACRO_STAGE.fullmatch(scope)
  if stage:
    layer, op, number, what = stage.groups()
    return _macro_name(int(layer), op, int(number), what, _KINDS[kind])
  for pattern, replacement in _SCOPES:
    match = re.fullmatch(pattern, scope)
    if match and kind in _KINDS:
      # The original's final macro child has none.
      is_depthwise = scope.endswith("_depthwise")
      weight = "w_depth" if is_depthwise else _KINDS[kind]
      return f"{match.expand(replacement)}/{weight}"
  return None


def _cell_references(
  scope: str, cell: shared_cell.SharedCell
) -> dict[str, Reference]:
  """The tables of a shared cell: a row for each node that can be read."""
  found = {}
  filters = cell.filters
  table = np.arange((cell.num_nodes + 2) * filters**2)
  found[f"{scope}/final_conv/w"] = Reference(
    cell.output_bank.rows, table.reshape(-1, filters**2)
  )
  kinds = ("w_depth", "w_point", "bn/scale", "bn/offset")
  for index, op in enumerate(cell.ops):
    if not re.fullmatch(r"sep_conv_(3x3|5x5)", op):
      continue
    sizes = [np.prod(w.shape) for w in operations.get(op).weights(filters)]
    starts = np.cumsum([0, *sizes])
    for node in range(cell.num_nodes):
      for side, letter in enumerate("xy"):
        previous = np.arange(node + 2)
        blocks = np.asarray(cell.block(node, side, previous, index))
        first = cell.bank.starts[blocks][:, None] * filters
        for i, size in enumerate(sizes):
          name = (
            f"{scope}/cell_{node}/{letter}/{op.removeprefix('sep_')}"
            f"/stack_{i // 4}/{kinds[i % 4]}"
          )
          found[name] = Reference(
            cell.bank.rows, first + starts[i] + np.arange(size)
          )
  return found


def _macro_name(layer: int, op: str, stage: int, what: str, kind: str) -> str:
  """Returns the name of a weight of a macro operation."""
  scope = f"layer_{layer}/branch_{macro.PAPER_OPS.index(op)}"
  if "pool" in op:
    return f"{scope}/conv_1/{kind}"
  if stage < 3:  # 1x1 convolution, normalization, relu
    return f"{scope}/inp_conv_1/{kind}"
  if kind == "w" and op.startswith("sep"):
    kind = "w_depth" if what == "depthwise" else "w_point"
  return f"{scope}/out_conv_{op[-1]}/{kind}"


def _stack_references(
  stack: shared_stack.SharedStack,
) -> dict[str, Reference]:
  """The weights of the branches of all layers, out of the bank."""
  found = {}
  for layer in range(stack.num_layers):
    for index, op in enumerate(stack.ops):
      op = op.removeprefix("macro/")
      if op not in macro.PAPER_OPS:
        continue
      start = stack.bank.starts[stack.block(layer, index)] * stack.filters
      for name, shape in _macro_weights(layer, op, stack.filters):
        size = np.prod(shape, dtype=int)
        indices = start + np.arange(size).reshape(shape)
        if name.endswith("w_point"):
          indices = indices[0, 0].T
        found[name] = Reference(stack.bank.rows, indices)
        start += size
  return found


def _macro_weights(
  layer: int, op: str, filters: int
) -> Iterator[tuple[str, tuple[int, ...]]]:
  """Yields (name, shape) of the weights of an operation, in order."""
  for i, stage in enumerate(operations.get(f"macro/{op}").stages):
    weights = stage.weights(filters)
    is_depthwise = isinstance(stage, basic_stages.Depthwise)
    kinds = ("w",) if len(weights) == 1 else ("bn/scale", "bn/offset")
    for kind, weight in zip(kinds, weights, strict=False):
      what = "depthwise" if is_depthwise else "conv"
      yield _macro_name(layer, op, i, what, kind), weight.shape
