"""The macro search space: a whole network, layer by layer (ENAS, section 2.3).

The stem and the layers stand in a row, each reading the one before it. A layer
is one operation on that input; its skip connections bring in outputs of the
stem and of earlier layers beside it.
"""

import dataclasses
import functools
import itertools
import operator
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from enas_tf import errors
from enas_tf.spaces import base

# In the order of the original's integers (enas, general_child.py).
PAPER_OPS = (
  "conv_3x3",
  "sep_conv_3x3",
  "conv_5x5",
  "sep_conv_5x5",
  "avg_pool_3x3",
  "max_pool_3x3",
)
# All that come with the library, those of the paper first.
KNOWN_OPS = (
  *PAPER_OPS,
  "sep_conv_7x7",
  "dil_conv_3x3",
  "dil_conv_5x5",
  "conv_1x1",
)


class Layer(NamedTuple):
  """One layer; layers are counted from 0.

  Bit i of layer l says whether it joins tensor i: the output of the stem for
  i = 0, else of layer i - 1. There are l bits, for tensors 0 to l - 1. Tensor
  l, from just before the layer, is what its operation reads, and no candidate.

  Attributes:
    op: the name of the operation.
    skips: the bits.
  """

  op: str
  skips: tuple[bool, ...]


@dataclasses.dataclass(frozen=True)
class MacroArc:
  """A network of layers.

  `str(arc)` is the original's string of integers: op and skip bits of each
  layer, with two spaces between layers.

  >>> arc = MacroSpace(num_layers=3).parse("0  3 1  5 0 1")
  >>> arc.layers[2]
  Layer(op='max_pool_3x3', skips=(False, True))
  >>> str(arc)
  '0  3 1  5 0 1'

  Attributes:
    layers: from the stem to the classifier.
    ops: the operations of the space; an operation's integer is its index.
  """

  layers: tuple[Layer, ...]
  ops: tuple[str, ...] = PAPER_OPS

  def __str__(self) -> str:
    return "  ".join(self._rows())

  def triangle(self) -> str:
    """Returns the integers with one line for each layer.

    The original's scripts write arcs so, and `MacroSpace.parse` reads it.

    >>> print(MacroSpace(num_layers=3).parse("0  3 1  5 0 1").triangle())
    0
    3 1
    5 0 1
    """
    return "\n".join(self._rows())

  def to_json(self) -> dict[str, Any]:
    """Returns a value for `json.dumps`; `MacroSpace.from_json` reads it."""
    return {
      "space": "macro",
      "ops": list(self.ops),
      "layers": [
        [layer.op, [int(bit) for bit in layer.skips]] for layer in self.layers
      ],
    }

  def graphs(self) -> tuple[base.Graph, ...]:
    """Returns the network as a graph, for pictures.

    Node i is tensor i of the skip bits, so that layers are counted from 1.
    """
    operations = [[(layer.op, "")] for layer in self.layers]
    return (graph(self.layers, operations, self.ops),)

  def _rows(self) -> list[str]:
    return [
      " ".join(map(str, (self.ops.index(layer.op), *map(int, layer.skips))))
      for layer in self.layers
    ]


@dataclasses.dataclass(frozen=True)
class MacroSpace(base.Space):
  """All networks of `num_layers` layers over `ops`.

  Attributes:
    num_layers: layers after the stem, at least 1.
    ops: the names of the operations, in the order of their integers.
  """

  num_layers: int = 12
  ops: tuple[str, ...] = PAPER_OPS
  name = "macro"

  def __post_init__(self) -> None:
    check_size(self.num_layers, self.ops)

  @functools.cached_property
  def decisions(self) -> tuple[base.Decision, ...]:
    decisions = []
    for i in range(self.num_layers):
      decisions.append(base.Decision(f"layer_{i}/op", self.ops, "operation"))
      decisions += skip_decisions(i)
    return tuple(decisions)

  def encode(self, arc: base.Arc) -> np.ndarray:
    arc = base.expect(arc, MacroArc)
    return self._to_row(self._integers_of(arc.layers))

  def decode(self, row: base.Row) -> MacroArc:
    row = [int(value) for value in row]
    self.check(row)
    values = iter(row)
    layers = [
      Layer(
        self.ops[next(values)], tuple(map(bool, itertools.islice(values, i)))
      )
      for i in range(self.num_layers)
    ]
    return MacroArc(tuple(layers), self.ops)

  def from_json(self, value: Any) -> MacroArc:
    try:
      layers = [
        (op, [operator.index(bit) for bit in skips])
        for op, skips in value["layers"]
      ]
    except (TypeError, KeyError, ValueError) as error:
      raise errors.ArcError(
        'A macro arc in JSON has the key "layers", a list of layers '
        '["op", [skip_0, skip_1, ...]] with skips of 0 or 1: write it as a '
        f"run's best_arc.json does. Received: {value}"
      ) from error
    return self.decode(self._integers_of(layers))

  def _candidates(self) -> Mapping[str, MacroArc]:
    return PUBLISHED

  def _integers_of(self, layers: Sequence[tuple[Any, Sequence[int]]]) -> list:
    """Returns the integers of layers, which may come from outside."""
    check_skips([skips for _, skips in layers], self.num_layers)
    row = []
    for i, (op, skips) in enumerate(layers):
      index = base.index_of(
        op, self.ops, "operation", name=f"layer_{i}/op", setting="child_ops"
      )
      row += [index, *map(int, skips)]
    return row


def check_size(num_layers: int, ops: Sequence[str]) -> None:
  """Raises ConfigError unless there are networks of these layers.

  Args:
    num_layers: layers of the space.
    ops: the names of its operations.
  """
  if num_layers < 1:
    raise errors.ConfigError(
      "A network needs at least one layer: raise `child_num_layers`. "
      f"Received: num_layers={num_layers}"
    )
  base.check_distinct(ops, "operations", field="ops", setting="child_ops")


def skip_decisions(layer: int) -> list[base.Decision]:
  """Returns the decisions which earlier tensors a layer joins.

  Args:
    layer: its index.
  """
  return [
    base.Decision(f"layer_{layer}/skip_{i}", (0, 1), "skip")
    for i in range(layer)
  ]


def check_skips(skips: Sequence[Sequence[int]], num_layers: int) -> None:
  """Raises ArcError unless there are `num_layers` layers, the l-th with l bits.

  Args:
    skips: the skip bits of each layer.
    num_layers: layers of the space.
  """
  if len(skips) != num_layers:
    raise errors.ArcError(
      f"An arc of this macro space has {num_layers} layers: change the "
      f"arc, or set `child_num_layers={len(skips)}`. "
      f"Received: {len(skips)} layers"
    )
  for i, bits in enumerate(skips):
    if len(bits) != i:
      raise errors.ArcError(
        f"Layer {i} of a macro arc has {i} skip bits, one for the stem and "
        "each layer but the one it reads: add or remove some. "
        f"Received: layer_{i}/skips={bits}"
      )


def graph(
  layers: Sequence[Any],
  operations: Sequence[Sequence[tuple[str, str]]],
  ops: tuple[str, ...],
) -> base.Graph:
  """Returns the graph of a network; node i is tensor i of the skip bits.

  Args:
    layers: each has `skips`.
    operations: of each layer, with what else is to be said of each.
    ops: the operations of the space.
  """
  out = len(layers) + 1
  edges = []
  for i, layer in enumerate(layers):
    edges += [base.Edge(i, i + 1, *operation) for operation in operations[i]]
    edges += [base.Edge(j, i + 1) for j, bit in enumerate(layer.skips) if bit]
  edges.append(base.Edge(out - 1, out))
  names = ("stem", *(f"layer {i}" for i in range(1, out)), "output")
  return base.Graph("macro network", names, tuple(edges), ops)


# The 24 layers that the original's scripts/cifar10_macro_final.sh trains; their
# parameters are not as many as the paper (section 3.2) reports.
_ENAS_MACRO = """
0
3 0
0 1 0
2 0 0 1
2 0 0 0 0
3 1 1 0 1 0
2 0 0 0 0 0 1
2 0 1 1 0 1 1 1
1 0 1 1 1 0 1 0 1
0 0 0 0 0 0 0 0 0 0
2 0 0 0 0 0 1 0 0 0 0
0 1 0 0 1 1 0 0 0 0 1 1
2 0 1 0 0 0 0 0 1 0 1 1 0
1 0 0 1 0 0 0 1 1 1 0 1 0 1
0 1 1 0 1 0 1 0 0 0 0 0 1 0 0
2 0 0 1 0 0 0 0 0 0 0 1 0 1 0 1
2 0 1 0 0 0 1 0 0 1 1 1 1 0 0 1 0
2 0 0 0 0 1 0 1 0 1 0 0 1 0 1 0 0 1
3 0 1 1 0 1 0 0 0 0 0 1 0 1 0 1 0 0 0
3 0 1 1 0 0 0 0 0 0 0 0 0 1 1 0 0 0 0 1
0 1 0 0 1 0 1 1 0 0 0 1 0 0 0 0 0 1 1 0 0
3 0 1 0 1 1 0 0 1 0 1 1 0 1 1 0 1 0 0 1 0 0
0 1 0 1 0 1 0 0 0 0 0 0 0 0 1 0 1 0 0 1 0 0 0
0 1 1 0 0 0 1 1 1 0 1 0 0 0 1 0 1 0 0 1 1 0 0 0
"""

PUBLISHED = {
  "enas_macro": MacroSpace(num_layers=24).decode(
    [int(each) for each in _ENAS_MACRO.split()]
  ),
}
