"""Reads what the original ENAS code wrote: variables and TF1 checkpoints.

variables = original.read_checkpoint("outputs/model.ckpt-310")
original.assign(child, variables)
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from enas_tf import errors
from enas_tf.layers import operations, shared_cell, shared_stack
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
  (r"layer_(\d+)_conv_(\d)x\2_(conv|bn)", r"layer_\1/conv_\2x\2"),
  (r"layer_(\d+)_(reduce|bn)", r"layer_\1"),
)
_STAGE = re.compile(r"layer_(\d+)_cell_(\d+)_([xy])_stage_(\d+)_(\w+)")
_STAGES_PER_STACK = 4  # relu, depthwise, pointwise, normalization
_MACRO_STAGE = re.compile(r"layer_(\d+)_(\w+)_stage_(\d+)_(conv|depthwise|bn)")


class Reference(NamedTuple):
  """Where an array of the original lies in our variables.

  Attributes:
    variable: the variable.
    places: for each number of the original's array, in its shape, the place in
      the flattened variable.
  """

  variable: object
  places: np.ndarray

  def read(self, value=None) -> np.ndarray:
    """Returns the array, out of the variable or of a `value` like it."""
    value = self.variable if value is None else value
    return np.asarray(value).reshape(-1)[self.places]


def references(target) -> dict[str, Reference]:
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


def assign(target, variables: Mapping[str, np.ndarray]) -> None:
  """Copies the original's variables into a model or a policy of ours.

  Args:
    target: a supernet, a child or a policy.
    variables: arrays by the original's names, with or without the prefix
      "child/" or "controller/" and the suffix ":0". Those that are not weights
      (slots, counters) are left aside.

  Raises:
    CheckpointError: if a weight is missing, or has another shape.
  """
  given = {
    re.sub(r"^(child|controller)/|:0$", "", name): value
    for name, value in variables.items()
  }
  wanted = references(target)
  check(given, {k: v.places.shape for k, v in wanted.items()}, "the original")
  values = {}
  for name, reference in wanted.items():
    key = id(reference.variable)
    if key not in values:
      values[key] = reference.variable, np.array(reference.variable)
    values[key][1].reshape(-1)[reference.places] = given[name]
  for variable, value in values.values():
    variable.assign(value)


def check(
  given: Mapping[str, np.ndarray], wanted: Mapping[str, tuple], source: str
) -> None:
  """Raises CheckpointError unless all wanted arrays are given.

  Args:
    given: arrays by name.
    wanted: shapes by name.
    source: whose variables these are.
  """
  missing = sorted(set(wanted) - set(given))
  wrong = [
    f"{name} {given[name].shape} instead of {shape}"
    for name, shape in wanted.items()
    if name in given and given[name].shape != shape
  ]
  if missing or wrong:
    raise errors.CheckpointError(
      "The variables are of another network: build ours with the sizes and "
      f"the arc that {source} had. Received: missing="
      f"{missing[:5]} ({len(missing)}), other shapes={wrong[:5]}"
    )


def read_checkpoint(prefix: str) -> dict[str, np.ndarray]:
  """Returns the variables of a TF1 checkpoint, by name.

  Args:
    prefix: path without ".index", for example "outputs/model.ckpt-310".

  Raises:
    CheckpointError: if it is missing or damaged.
  """
  try:
    reader = tf.train.load_checkpoint(prefix)
    return {
      name: reader.get_tensor(name)
      for name in reader.get_variable_to_shape_map()
    }
  except (tf.errors.OpError, ValueError, RuntimeError) as error:
    raise errors.CheckpointError(
      "The checkpoint cannot be read: give its path up to and with the step "
      '("model.ckpt-310"), beside .index and .data files. Received: '
      f"prefix={prefix} ({error})"
    ) from error


def _whole(variable, name: str = "") -> Reference:
  shape = tuple(variable.shape)
  places = np.arange(np.prod(shape, dtype=int)).reshape(shape)
  if name.endswith("/out_conv_3/w_point") or name.endswith("_5/w_point"):
    places = places[0, 0].T  # The macro space's: a table [output, input].
  return Reference(variable, places)


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
    layer, word, number, what = stage.groups()
    return _macro_name(int(layer), word, int(number), what, _KINDS[kind])
  for pattern, replacement in _SCOPES:
    match = re.fullmatch(pattern, scope)
    if match and kind in _KINDS:
      return f"{match.expand(replacement)}/{_KINDS[kind]}"
  return None


def _cell_references(scope: str, cell: shared_cell.SharedCell):
  """The tables of a shared cell: a row for each node that can be read."""
  found = {}
  filters = cell.filters
  table = np.arange((cell.num_nodes + 2) * filters**2)
  found[f"{scope}/final_conv/w"] = Reference(
    cell.output_bank.rows, table.reshape(-1, filters**2)
  )
  kinds = ("w_depth", "w_point", "bn/scale", "bn/offset")
  for op, word in enumerate(cell.words):
    if not re.fullmatch(r"sep_conv_(3x3|5x5)", word):
      continue
    sizes = [np.prod(w.shape) for w in operations.get(word).weights(filters)]
    starts = np.cumsum([0, *sizes])
    for node in range(cell.num_nodes):
      for side, letter in enumerate("xy"):
        blocks = [
          cell.block(node, side, previous, op) for previous in range(node + 2)
        ]
        first = cell.bank.starts[blocks][:, None] * filters
        for i, size in enumerate(sizes):
          name = (
            f"{scope}/cell_{node}/{letter}/{word.removeprefix('sep_')}"
            f"/stack_{i // 4}/{kinds[i % 4]}"
          )
          found[name] = Reference(
            cell.bank.rows, first + starts[i] + np.arange(size)
          )
  return found


def _macro_name(layer: int, word: str, stage: int, what: str, kind: str):
  """Returns the name of a weight of a macro operation."""
  scope = f"layer_{layer}/branch_{macro.PAPER_OPS.index(word)}"
  if "pool" in word:
    return f"{scope}/conv_1/{kind}"
  if stage < 3:  # 1x1 convolution, normalization, relu
    return f"{scope}/inp_conv_1/{kind}"
  if kind == "w" and word.startswith("sep"):
    kind = "w_depth" if what == "depthwise" else "w_point"
  return f"{scope}/out_conv_{word[-1]}/{kind}"


def _stack_references(stack: shared_stack.SharedStack):
  """The weights of the branches of all layers, out of the bank."""
  found = {}
  for layer in range(stack.num_layers):
    for op, word in enumerate(stack.words):
      word = word.removeprefix("macro/")
      if word not in macro.PAPER_OPS:
        continue
      place = stack.bank.starts[stack.block(layer, op)] * stack.filters
      for name, shape in _macro_weights(layer, word, stack.filters):
        size = np.prod(shape, dtype=int)
        places = place + np.arange(size).reshape(shape)
        if name.endswith("w_point"):
          places = places[0, 0].T
        found[name] = Reference(stack.bank.rows, places)
        place += size
  return found


def _macro_weights(layer: int, word: str, filters: int):
  """Yields (name, shape) of the weights of an operation, in order."""
  for i, stage in enumerate(operations.get(f"macro/{word}").stages):
    weights = stage.weights(filters)
    is_depthwise = isinstance(stage, operations.Depthwise)
    kinds = ("w",) if len(weights) == 1 else ("bn/scale", "bn/offset")
    for kind, weight in zip(kinds, weights, strict=False):
      what = "depthwise" if is_depthwise else "conv"
      yield _macro_name(layer, word, i, what, kind), weight.shape
