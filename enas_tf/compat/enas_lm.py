"""Reads the language models of google-research's enas_lm.

variables = files.read_checkpoint("output/model.ckpt-310")
enas_lm.assign(supernet, variables)
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from enas_tf import errors
from enas_tf.compat import hints, matching
from enas_tf.layers import language
from enas_tf.spaces import rnn


class Reference(NamedTuple):
  """Where an array of enas_lm lies in our variables.

  Attributes:
    variable: the variable.
    blocks: the blocks of the variable that hold the array, int32 of its
      leading shape; or all, None.
  """

  variable: Any
  blocks: np.ndarray | None = None

  @property
  def shape(self) -> tuple[int, ...]:
    """The shape of the array."""
    if self.blocks is None:
      return tuple(self.variable.shape)
    return (*self.blocks.shape, *self.variable.shape[1:])

  def read(self, value: np.ndarray | None = None) -> np.ndarray:
    """Returns the array, out of the variable or of an array like it.

    Args:
      value: of the variable's shape; default: the variable's value.
    """
    value = np.asarray(self.variable if value is None else value)
    return value if self.blocks is None else value[self.blocks]


def references(target: keras.Model) -> dict[str, Reference]:
  """Returns enas_lm's names of the weights of a model.

  Args:
    target: an RNN supernet or child.

  Returns:
    References by name, without the prefix "child/" or "language_model/".

  Raises:
    CheckpointError: if this is no language model, or enas_lm has not all
      functions of a supernet.
  """
  layer = _language(target)
  found = {
    "embedding/w": Reference(layer.embedding),
    "rnn_cell/w_prev": Reference(layer.w_prev),
  }
  if isinstance(layer, language.SharedLanguage):
    indices = _indices(layer.words)
    for node in range(1, layer.num_nodes + 1):
      blocks = layer.block(node, indices[:, None], np.arange(node))
      found[f"rnn_cell/layer_{node}/w"] = Reference(
        layer.bank, np.asarray(blocks)
      )
  else:
    for i, kernel in enumerate(layer.node_kernels):
      found[f"rnn_cell/layer_{i}/w"] = Reference(kernel)
  return found


def assign(
  target: keras.Model,
  variables: Mapping[str, np.ndarray],
  *,
  allow_unused: bool = False,
) -> None:
  """Copies variables of enas_lm into a model of ours.

  Nothing is assigned unless every weight of the target is given, with its shape
  and with numbers, and every weight that is given has a use. Shapes tell
  nothing of an arc but its number of nodes: that it is the right one is up to
  the caller. (Policies are assigned by `original.assign`.)

  Args:
    target: an RNN supernet or child.
    variables: arrays by enas_lm's names, with or without the prefix "child/"
      (search) or "language_model/" (fixed cell) and the suffix ":0". What is no
      weight (averages, states, counters) and the weights of the controller are
      left aside.
    allow_unused: leave any other weight aside too.

  Raises:
    CheckpointError: if the target is no such network, or a weight is missing,
      left over, of another shape or not a number.
  """
  wanted = references(target)
  given = matching.weights(variables)
  shapes = {name: each.shape for name, each in wanted.items()}
  difference = matching.compare(shapes, given)
  if allow_unused:
    difference = difference._replace(unused=[])
  hint = hints.hint(shapes, given, difference)
  matching.check(shapes, given, difference, source="enas_lm", hint=hint)
  _copy(wanted, given)


def averaged(variables: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Returns the variables with the weights that enas_lm evaluates.

  These are the averages, from when its training of a fixed cell has begun to
  average; they are numbered in the order in which the weights were made.

  Args:
    variables: arrays by enas_lm's names.
  """
  variables = dict(variables)
  if not variables.get("moving_avg_flag/flag"):
    return variables
  scope = "language_model"
  names = [f"{scope}/embedding/w", f"{scope}/rnn_cell/w_prev"]
  while (name := f"{scope}/rnn_cell/layer_{len(names) - 2}/w") in variables:
    names.append(name)
  try:
    means = {name: variables[f"average/{i}"] for i, name in enumerate(names)}
  except KeyError as error:
    raise errors.CheckpointError(
      "The checkpoint says that its weights are averaged, and has not all "
      f"averages: take another. Received: missing={error}"
    ) from error
  return variables | means


def in_order(
  variables: Mapping[str, np.ndarray], words: Sequence[str]
) -> dict[str, np.ndarray]:
  """Returns the variables with the embedding in the order of our words.

  enas_lm numbers the words of the training text by the alphabet (process.py),
  this library by their frequency.

  Args:
    variables: arrays by enas_lm's names.
    words: all words of the text, in the order of their ids here.

  Raises:
    DataError: if the embedding is of another number of words.
  """
  indices = {word: i for i, word in enumerate(sorted(words))}
  rows = [indices[word] for word in words]
  ordered = dict(variables)
  for name, value in variables.items():
    if name.removesuffix(":0").endswith("embedding/w") and (
      name.split("/")[0] not in matching.CONTROLLER
    ):
      if len(value) != len(words):
        raise errors.DataError(
          "The checkpoint is of a text with another number of words: give "
          "the text that it was trained on as `data` and `data_path`, and a "
          f"`vocab_size` of at least {len(value)}. Received: words="
          f"{len(words)}, rows of the embedding={len(value)}"
        )
      ordered[name] = np.asarray(value)[rows]
  return ordered


def _language(target: Any) -> language.Language:
  for layer in getattr(target, "layers", ()):
    if isinstance(layer, language.Language):
      return layer
  raise errors.CheckpointError(
    "enas_lm has language models alone: give an RNN supernet or child "
    "(image networks and policies are the original's: `original.assign`). "
    f"Received: network={target.name}"
  )


def _copy(
  wanted: Mapping[str, Reference], given: Mapping[str, np.ndarray]
) -> None:
  banks: dict[int, tuple[Any, np.ndarray]] = {}
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


def _indices(functions: tuple[str, ...]) -> np.ndarray:
  """Returns the index among ours of each function of enas_lm."""
  if set(functions) != set(rnn.ENAS_LM_FUNCTIONS):
    raise errors.CheckpointError(
      f"The functions of enas_lm are {', '.join(rnn.ENAS_LM_FUNCTIONS)}: "
      "build the supernet with these, in any order. Received: functions="
      f"{','.join(functions)}"
    )
  return np.array([functions.index(each) for each in rnn.ENAS_LM_FUNCTIONS])
