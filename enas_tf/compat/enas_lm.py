"""Reads the language models of google-research's enas_lm.

variables = original.read_checkpoint("output/model.ckpt-310")
enas_lm.assign(supernet, variables)
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from enas_tf import errors
from enas_tf.compat import original
from enas_tf.layers import language
from enas_tf.spaces import rnn


class Reference(NamedTuple):
  """Where an array of enas_lm lies in our variables.

  Attributes:
    variable: the variable.
    blocks: the blocks of the variable that hold the array, int32 of its
      leading shape; or all, None.
  """

  variable: object
  blocks: np.ndarray | None = None

  @property
  def shape(self) -> tuple[int, ...]:
    if self.blocks is None:
      return tuple(self.variable.shape)
    return (*self.blocks.shape, *self.variable.shape[1:])

  def read(self, value=None) -> np.ndarray:
    """Returns the array, out of the variable or of a `value` like it."""
    value = np.asarray(self.variable if value is None else value)
    return value if self.blocks is None else value[self.blocks]


def references(target) -> dict[str, Reference]:
  """Returns enas_lm's names of the weights of a model.

  Args:
    target: an RNN supernet or child.

  Returns:
    References by name, without the prefix "child/" or "language_model/".

  Raises:
    CheckpointError: if enas_lm has not all functions of a supernet.
  """
  layer = target.get_layer("language")
  found = {
    "embedding/w": Reference(layer.embedding),
    "rnn_cell/w_prev": Reference(layer.w_prev),
  }
  if isinstance(layer, language.SharedLanguage):
    places = _places(layer.words)
    for node in range(1, layer.num_nodes + 1):
      blocks = layer.block(node, places[:, None], np.arange(node))
      found[f"rnn_cell/layer_{node}/w"] = Reference(layer.bank, blocks)
  else:
    for i, kernel in enumerate(layer.node_kernels):
      found[f"rnn_cell/layer_{i}/w"] = Reference(kernel)
  return found


def assign(target, variables: Mapping[str, np.ndarray]) -> None:
  """Copies variables of enas_lm into a model of ours.

  Args:
    target: an RNN supernet or child.
    variables: arrays by enas_lm's names, with or without the prefix "child/"
      (search) or "language_model/" (fixed cell) and the suffix ":0". Those
      that are not weights (averages, states, counters) are left aside.

  Raises:
    CheckpointError: if a weight is missing, or has another shape.
  """
  given = {
    re.sub(r"^(child|language_model)/|:0$", "", name): value
    for name, value in variables.items()
  }
  wanted = references(target)
  original.check(given, {k: v.shape for k, v in wanted.items()}, "enas_lm")
  _copy(wanted, given)


def _copy(wanted: dict[str, Reference], given) -> None:
  banks = {}
  for name, reference in wanted.items():
    if reference.blocks is None:
      reference.variable.assign(given[name])
    else:
      key = id(reference.variable)
      if key not in banks:
        banks[key] = reference.variable, np.array(reference.variable)
      banks[key][1][reference.blocks] = given[name]
  for variable, value in banks.values():
    variable.assign(value)


def _places(words: tuple[str, ...]) -> np.ndarray:
  """Returns the place in our words of each function of enas_lm."""
  if set(words) != set(rnn.ENAS_LM_FUNCTIONS):
    raise errors.CheckpointError(
      f"The functions of enas_lm are {', '.join(rnn.ENAS_LM_FUNCTIONS)}: "
      "build the supernet with these, in any order. Received: functions="
      f"{','.join(words)}"
    )
  return np.array([words.index(word) for word in rnn.ENAS_LM_FUNCTIONS])
