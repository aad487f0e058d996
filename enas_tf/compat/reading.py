"""Reads out of the names and shapes of weights what network they are of."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from enas_tf.networks import micro_skeleton
from enas_tf.spaces import macro, micro


class Kind(NamedTuple):
  """A kind of network that the original, or enas_lm, trains.

  Attributes:
    space: the name of the search space.
    is_search: whether it is a supernet; else it is the child of one arc.
    words: for a message.
  """

  space: str
  is_search: bool
  words: str

  def __str__(self) -> str:
    return self.words


MICRO_SEARCH = Kind("micro", True, "micro search")
MICRO_FINAL = Kind("micro", False, "final micro child")
MACRO_SEARCH = Kind("macro", True, "macro search")
MACRO_FINAL = Kind("macro", False, "final macro child")
RNN_SEARCH = Kind("rnn", True, "search of enas_lm")
RNN_FINAL = Kind("rnn", False, "fixed cell of enas_lm")
_SIDES = ("x", "y")
NO_WEIGHTS = "a pool or an identity"
_DOWNSAMPLING = "an identity of an input"


def kind(shapes: Mapping[str, tuple]) -> Kind | None:
  """Returns which network weights are of, or None.

  Args:
    shapes: of the weights, by their names in their scope.
  """
  for each, pattern in (
    (MICRO_SEARCH, r"layer_\d+/cell_\d+/[xy]/conv_\dx\d/.*"),
    (MICRO_FINAL, r"layer_\d+/layer_base/.*"),
    (MACRO_SEARCH, r"layer_\d+/branch_\d+/.*"),
    (MACRO_FINAL, r"layer_\d+/conv_1x1/.*"),
    # Of enas_lm's, the tables of a search have all functions and nodes.
    (RNN_SEARCH, r"rnn_cell/layer_1/w"),
  ):
    found = [name for name in shapes if re.fullmatch(pattern, name)]
    if found:
      is_fixed = each == RNN_SEARCH and len(shapes[found[0]]) == 2
      return RNN_FINAL if is_fixed else each
  return RNN_FINAL if "rnn_cell/layer_0/w" in shapes else None


def count(names: Iterable[str], pattern: str) -> int:
  """Returns 1 + the highest number that a pattern finds in names, or 0.

  Args:
    names: of weights.
    pattern: a regular expression whose first group is the number.
  """
  matches = (re.match(pattern, name) for name in names)
  return max((int(match[1]) + 1 for match in matches if match), default=0)


def sizes(shapes: Mapping[str, tuple]) -> dict[str, int | tuple[str, ...]]:
  """Returns the sizes that weights tell, by the names of the settings.

  Args:
    shapes: of the weights, by their names in their scope, of a `kind`.

  Returns:
    Settings of a network; "num_classes" and "channels" of images;
    "vocab_size" of a text.

  Raises:
    KeyError, ValueError, IndexError: if what tells them is missing, or has a
      shape that no network has.
  """
  network = kind(shapes)
  assert network is not None  # The caller has looked.
  layers = count(shapes, r"layer_(\d+)/")
  if network.space == "rnn":
    nodes = count(shapes, r"rnn_cell/layer_(\d+)/w")
    vocab_size, hidden_size = shapes["embedding/w"]
    return {
      "num_nodes": nodes - network.is_search,  # Counted from 1 there.
      "hidden_size": hidden_size,
      "vocab_size": vocab_size,
    }
  *_, channels, filters = shapes["stem_conv/w"]
  found = {"num_classes": shapes["fc/w"][1], "channels": channels}
  if network.space == "micro":
    if layers < 3:
      raise ValueError(f"{layers} cells, two of them reductions")
    found |= {
      "num_layers": layers - 2,
      "out_filters": filters // 3,
      "use_aux_heads": any(name.startswith("aux_head/") for name in shapes),
    }
  else:
    found |= {"num_layers": layers, "out_filters": filters}
  if network == MICRO_SEARCH:
    found["num_cells"] = count(shapes, r"layer_\d+/cell_(\d+)/")
  if network == MACRO_SEARCH:
    found["ops"] = macro.PAPER_OPS[: count(shapes, r"layer_\d+/branch_(\d+)/")]
  return found


def decisions(shapes: Mapping[str, tuple]) -> dict[str, str]:
  """Returns what the weights of a final child tell of its arc.

  A micro arc: for each operation of a node the separable convolution that it
  is, whether it is an identity that downsamples an input of the reduction cell,
  or that it has no weights. Which pool or identity that is, and what a node
  reads, they do not tell. A macro arc: for each layer its kernel size and how
  many skips it has, but not which, nor which of two operations of one kernel
  size.

  Args:
    shapes: of the weights, by their names in their scope.
  """
  network, layers = kind(shapes), count(shapes, r"layer_(\d+)/")
  if network == MICRO_FINAL:
    return _micro_decisions(shapes, layers)
  return _macro_decisions(shapes, layers) if network == MACRO_FINAL else {}


def decisions_of(
  arc: micro.MicroArc | macro.MacroArc, found: Mapping[str, str]
) -> dict[str, str]:
  """Returns of an arc what `decisions` found, in the same words.

  Args:
    arc: the arc.
    found: what the weights tell.
  """
  if isinstance(arc, micro.MicroArc):
    return _micro_decisions_of(arc)
  told = {}
  for i, layer in enumerate(arc.layers):
    told[f"layer_{i}/op"] = _macro_op(layer.op)
    if i:
      told[f"layer_{i}/skips"] = str(sum(layer.skips))
  return told


def _micro_decisions(
  shapes: Mapping[str, tuple], layers: int
) -> dict[str, str]:
  cells = micro_skeleton.cells(layers - 2, 1)
  found = {}
  for cell, is_reduction in zip(micro.CELLS, (False, True), strict=True):
    index = next(c.index for c in cells if c.is_reduction == is_reduction)
    scope = f"layer_{index}/cell_"
    # Nodes behind the last with weights cannot be seen.
    for node in range(count(shapes, rf"{scope}(\d+)/")):
      for i, side in enumerate(_SIDES, start=1):
        inner = f"{scope}{node}/{side}_conv"
        depthwise = shapes.get(f"{inner}/sep_conv_0/w_depth")
        op = NO_WEIGHTS
        if depthwise:
          op = f"sep_conv_{depthwise[0]}x{depthwise[0]}"
        elif f"{inner}/path1_conv/w" in shapes:
          op = _DOWNSAMPLING
        found[f"{cell}/node_{node}/op_{i}"] = op
  return found


def _micro_decisions_of(arc: micro.MicroArc) -> dict[str, str]:
  told = {}
  for cell in micro.CELLS:
    for i, node in enumerate(getattr(arc, cell)):
      for side in (1, 2):
        op = getattr(node, f"op_{side}")
        index = getattr(node, f"index_{side}")
        if not op.startswith("sep_conv_"):
          downsamples = cell == "reduction" and index < 2 and op == "identity"
          op = _DOWNSAMPLING if downsamples else NO_WEIGHTS
        told[f"{cell}/node_{i}/op_{side}"] = op
  return told


def _macro_decisions(
  shapes: Mapping[str, tuple], layers: int
) -> dict[str, str]:
  found = {}
  for layer in range(layers):
    sizes = [k for k in (3, 5) if f"layer_{layer}/conv_{k}x{k}/w" in shapes]
    found[f"layer_{layer}/op"] = f"convolution {sizes[0]}" if sizes else "pool"
    skip = shapes.get(f"layer_{layer}/skip/w")
    if skip:
      found[f"layer_{layer}/skips"] = str(skip[2] // skip[3] - 1)
  return found


def _macro_op(op: str) -> str:
  return "pool" if "pool" in op else f"convolution {op[-1]}"
