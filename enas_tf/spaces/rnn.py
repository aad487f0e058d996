"""The RNN space: a recurrent cell (ENAS, section 2.1).

Node 0 reads the input and the state of the cell. Every later node reads one
earlier node and applies a function to it, through a highway gate. The nodes
that no other node reads, the loose ends, are averaged into the output (or all
nodes are: that is the network's choice, and no part of an arc).
"""

import dataclasses
import functools
import operator
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from enas_tf import errors
from enas_tf.spaces import base, rnn_dag

# Two codes by the same authors number the same functions differently: this is
# the order of the original's integers (enas, ptb_enas_child.py) ...
PAPER_FUNCTIONS = ("tanh", "relu", "identity", "sigmoid")
# ... and this that of google-research's enas_lm (child.py), which replaced it.
ENAS_LM_FUNCTIONS = ("tanh", "relu", "sigmoid", "identity")
# All that a cell can compute, those of the paper first.
KNOWN_FUNCTIONS = (*ENAS_LM_FUNCTIONS, "elu", "swish", "softplus", "sine")
# Of node 0, where it is not decided.
FIRST_FUNCTION = "tanh"


class Node(NamedTuple):
  """One node: `function` of node `previous`; nodes are counted from 0.

  Attributes:
    previous: the node that it reads.
    function: the name of the function.
  """

  previous: int
  function: str


@dataclasses.dataclass(frozen=True)
class RnnArc:
  """A recurrent cell.

  `str(arc)` is the string of integers of enas_lm: previous and function of
  nodes 1, 2, ...; node 0 is tanh. Where the function of node 0 is decided too,
  it stands first, as in the original's string. Either way an integer is the
  index of the function in `functions`; the original's own integers are
  `to_paper`.

  >>> arc = RnnSpace(num_nodes=3).parse("0 2 1 0 1 1")
  >>> arc.nodes[0]
  Node(previous=0, function='sigmoid')
  >>> str(arc)
  '0 2 1 0 1 1'
  >>> arc.to_paper()
  '0 0 3 1 0 1 1'

  Attributes:
    nodes: nodes 1, 2, ...
    functions: those of the space; a function's integer is its index here.
    first_function: of node 0; None where it is no decision, but always tanh.
  """

  nodes: tuple[Node, ...]
  functions: tuple[str, ...] = ENAS_LM_FUNCTIONS
  first_function: str | None = None

  def __str__(self) -> str:
    row = [] if self.first_function is None else [self._index(0)]
    for i, node in enumerate(self.nodes, start=1):
      row += [node.previous, self._index(i)]
    return " ".join(map(str, row))

  def function(self, node: int) -> str:
    """Returns the function of any node, node 0 among them.

    Args:
      node: its index.
    """
    if node > 0:
      return self.nodes[node - 1].function
    return self.first_function or FIRST_FUNCTION

  def to_paper(self) -> str:
    """Returns the original's string of integers.

    It is the function of node 0, then previous and function of each later
    node, numbered by `PAPER_FUNCTIONS`. `RnnSpace.from_paper` reads it.

    Raises:
      ArcError: if a function is not among the original's four.
    """
    space = RnnSpace(len(self.nodes), PAPER_FUNCTIONS, first_function=True)
    return str(space.decode(space.encode(self)))

  def to_json(self) -> dict[str, Any]:
    """Returns a value for `json.dumps`; `RnnSpace.from_json` reads it."""
    value: dict[str, Any] = {"space": "rnn", "functions": list(self.functions)}
    if self.first_function is not None:
      value["first_function"] = self.first_function
    return value | {"nodes": [list(node) for node in self.nodes]}

  def to_dag(self) -> dict[str, list[list[Any]]]:
    """Returns the cell as ENAS-pytorch writes it: see `rnn_dag`.

    `RnnSpace.from_json` reads it. A file of ENAS-pytorch comes out unchanged;
    functions are spelt as there (ReLU), however they were spelt when read.

    >>> RnnSpace(num_nodes=1).parse("0 1").to_dag()["0"]
    [[1, 'ReLU']]
    """
    return rnn_dag.write(self.function(0), self.nodes)

  def graphs(self) -> tuple[base.Graph, ...]:
    """Returns the cell as a graph, for pictures: loose ends to the output."""
    out = len(self.nodes) + 3
    first = self.function(0)
    edges = [base.Edge(0, 2, first), base.Edge(1, 2, first)]
    edges += [
      base.Edge(node.previous + 2, i, node.function)
      for i, node in enumerate(self.nodes, start=3)
    ]
    edges += [base.Edge(i + 2, out) for i in loose_ends(self.nodes)]
    names = ["input", "state"]
    names += [f"node {i}" for i in range(len(self.nodes) + 1)]
    graph = base.Graph(
      "recurrent cell", (*names, "output"), tuple(edges), self.functions
    )
    return (graph,)

  def _index(self, node: int) -> int:
    return self.functions.index(self.function(node))


def loose_ends(nodes: Sequence[Node]) -> tuple[int, ...]:
  """Returns the nodes that no node reads, in order; never node 0.

  Args:
    nodes: nodes 1, 2, ...
  """
  return rnn_dag.loose_ends(nodes)


@dataclasses.dataclass(frozen=True)
class RnnSpace(base.Space):
  """All cells of node 0 and `num_nodes` more over `functions`.

  An arc of another form (of the original, of enas_lm, a DAG) is of this space
  if it has as many nodes and no function that this space lacks. Node 0 may be
  anything but tanh only with `first_function`.

  Attributes:
    num_nodes: nodes after node 0, at least 1. The original's `rhn_depth` and
      ENAS-pytorch's `num_blocks` count node 0, and are one more.
    functions: the names of the functions, in the order of their integers.
    first_function: whether the function of node 0 is a decision, the first.
  """

  num_nodes: int = 9
  functions: tuple[str, ...] = ENAS_LM_FUNCTIONS
  first_function: bool = False
  name = "rnn"

  def __post_init__(self) -> None:
    if self.num_nodes < 1:
      raise errors.ConfigError(
        "A cell needs at least one node after node 0: raise "
        f"`child_num_nodes`. Received: num_nodes={self.num_nodes}"
      )
    base.check_distinct(
      [function.lower() for function in self.functions],
      "functions",
      field="functions",
      setting="child_functions",
    )

  @functools.cached_property
  def decisions(self) -> tuple[base.Decision, ...]:
    decisions = []
    if self.first_function:
      decisions.append(self._function_decision(0))
    for i in range(1, self.num_nodes + 1):
      decisions += [
        base.Decision(f"node_{i}/previous", tuple(range(i)), "input"),
        self._function_decision(i),
      ]
    return tuple(decisions)

  def encode(self, arc: base.Arc) -> np.ndarray:
    arc = base.expect(arc, RnnArc)
    return self._to_row(self._integers_of(arc.first_function, arc.nodes))

  def decode(self, row: base.Row) -> RnnArc:
    row = [int(value) for value in row]
    self.check(row)
    values = iter(row)
    first = self.functions[next(values)] if self.first_function else None
    nodes = tuple(
      Node(previous, self.functions[function])
      for previous, function in zip(values, values, strict=True)
    )
    return RnnArc(nodes, self.functions, first)

  def canonical(self, row: base.Row) -> tuple[int, ...]:
    """Returns the row whose nodes are numbered by what they compute.

    Every node reaches the output, a mean, by itself or by those that read it;
    in which order nodes of their own weights are counted makes no difference.

    Args:
      row: `num_decisions` integers.
    """
    first = [int(value) for value in row[: int(self.first_function)]]
    nodes = np.reshape(row[len(first) :], [-1, 2]).tolist()
    order = rnn_dag.order(nodes)
    number = {node: i for i, node in enumerate(order)}
    return (
      *first,
      *(
        value
        for previous, function in (nodes[i - 1] for i in order[1:])
        for value in (number[previous], function)
      ),
    )

  def from_paper(self, text: str) -> RnnArc:
    """Returns the arc of the original's string of integers.

    Args:
      text: the function of node 0, then previous and function of each later
        node, numbered by `PAPER_FUNCTIONS` whatever this space's order is.

    Raises:
      ArcError: if it is no such string, or names an arc outside this space.
    """
    row = self._integers(text)
    if len(row) < 3 or len(row) % 2 == 0:
      raise errors.ArcError(
        "The original's string for a cell is the function of node 0, then two "
        "integers for each later node: an odd number of them. Received: "
        f"{len(row)} integers"
      )
    space = RnnSpace(len(row) // 2, PAPER_FUNCTIONS, first_function=True)
    return self.decode(self.encode(space.decode(row)))

  def from_json(self, value: Any) -> RnnArc:
    """Returns the arc of what `to_json` or `to_dag` returned.

    Args:
      value: what `json.loads` returned; names of functions may be in upper or
        lower case.

    Raises:
      ArcError: if it is no arc of this space.
    """
    if isinstance(value, dict) and "-1" in value:
      first, reads = rnn_dag.read(value)
      return self.decode(self._integers_of(first, reads))
    try:
      first = value.get("first_function")
      nodes = [
        Node(operator.index(previous), function)
        for previous, function in value["nodes"]
      ]
    except (AttributeError, TypeError, KeyError, ValueError) as error:
      raise errors.ArcError(
        'An RNN arc in JSON has the key "nodes", a list of nodes [previous, '
        '"function"], as in a run\'s best_arc.json; or it is a DAG {"-1": '
        '[[0, "tanh"]], ...}, as in ENAS-pytorch\'s dag.json. Received: '
        f"{value}"
      ) from error
    return self.decode(self._integers_of(first, nodes))

  def _candidates(self) -> Mapping[str, RnnArc]:
    return PUBLISHED

  def _function_decision(self, node: int) -> base.Decision:
    return base.Decision(f"node_{node}/function", self.functions, "operation")

  def _integers_of(
    self, first: Any, nodes: Sequence[tuple[int, Any]]
  ) -> list[int]:
    """Returns the integers of functions and nodes that come from outside."""
    if len(nodes) != self.num_nodes:
      raise errors.ArcError(
        f"An arc of this RNN space has {self.num_nodes} nodes after node 0: "
        f"change the arc, or set `child_num_nodes={len(nodes)}`. "
        f"Received: {len(nodes)} nodes"
      )
    first = FIRST_FUNCTION if first is None else first
    row = []
    if self.first_function:
      row.append(self._index(first, "node_0/function"))
    elif str(first).lower() != FIRST_FUNCTION:
      raise errors.ArcError(
        f"Node 0 is always {FIRST_FUNCTION} in this space: change it. "
        f"Received: node_0/function={first}"
      )
    for i, (previous, function) in enumerate(nodes, start=1):
      row += [previous, self._index(function, f"node_{i}/function")]
    return row

  def _index(self, function: Any, name: str) -> int:
    """Returns the index of a function, in upper or lower case."""
    spelt = {each.lower(): each for each in self.functions}
    return base.index_of(
      spelt.get(str(function).lower(), function),
      self.functions,
      "function",
      name=name,
      setting="child_functions",
    )


# https://github.com/google-research/google-research/tree/master/enas_lm, in the
# README: 56.1 perplexity on the test part of Penn Treebank.
_ENAS_LM = "0 2 1 0 2 1 2 2 4 0 5 0 3 2 6 2"
# The original's scripts/ptb_final.sh, of a code that its authors withdrew.
_ENAS_PTB = "0 0 0 1 1 2 1 2 0 2 0 5 1 1 0 6 1 8 1 8 1 8 1"

PUBLISHED = {
  "enas_lm": RnnSpace(num_nodes=8).decode(
    [int(each) for each in _ENAS_LM.split()]
  ),
  "enas_ptb": RnnSpace(
    num_nodes=11, functions=PAPER_FUNCTIONS, first_function=True
  ).decode([int(each) for each in _ENAS_PTB.split()]),
}
