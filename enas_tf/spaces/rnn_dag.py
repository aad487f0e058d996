"""Cells in the JSON form of ENAS-pytorch (its dag.json).

`dag["i"]` lists the nodes that read node i, as [node, "function"]. Keys "-1"
and "-2" are the input and the state of the cell, and both lead to node 0. The
nodes that no other reads lead to one node "avg", and that to the state "h[t]".
"""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

from enas_tf import errors

# As ENAS-pytorch spells it.
_SPELLINGS = {"relu": "ReLU"}
_ENDS = ("avg", "h[t]")

# The node that is read, and the name of the function.
Read = tuple[int, str]


def loose_ends(reads: Sequence[Read]) -> tuple[int, ...]:
  """Returns the nodes that no node reads, in order.

  Args:
    reads: what nodes 1, 2, ... read.
  """
  seen = {previous for previous, _ in reads}
  return tuple(i for i in range(len(reads) + 1) if i not in seen)


def order(reads: Sequence[tuple[int, Any]]) -> list[int]:
  """Returns the nodes in an order that their numbers do not change.

  A cell is a tree: node 0 comes first, and behind each node those that read
  it, with all that is behind them, sorted by what that is.

  Args:
    reads: what nodes 1, 2, ... read, and by which function.
  """
  readers: list[list[int]] = [[] for _ in range(len(reads) + 1)]
  for node, (previous, _) in enumerate(reads, start=1):
    readers[previous].append(node)
  texts: dict[int, str] = {}
  for node in reversed(range(len(readers))):  # Readers have higher numbers.
    readers[node].sort(key=texts.__getitem__)
    behind = "".join(texts[each] for each in readers[node])
    function = reads[node - 1][1] if node else ""
    texts[node] = f"{function}({behind})"
  found, waiting = [], [0]
  while waiting:
    found.append(waiting.pop())
    waiting += reversed(readers[found[-1]])
  return found


def write(first: str, reads: Sequence[Read]) -> dict[str, list[list[Any]]]:
  """Returns the DAG, its keys in the order of ENAS-pytorch.

  Args:
    first: the function of node 0.
    reads: what nodes 1, 2, ... read.
  """
  dag = {key: [[0, _spelling(first)]] for key in ("-1", "-2")}
  for i, (previous, function) in enumerate(reads, start=1):
    dag.setdefault(str(previous), []).append([i, _spelling(function)])
  end = len(reads) + 1
  for i in loose_ends(reads):
    dag[str(i)] = [[end, "avg"]]
  dag[str(end)] = [[end + 1, "h[t]"]]
  return dag


def read(dag: dict[str, Any]) -> tuple[str, list[Read]]:
  """Returns what the DAG was written from, its functions in lower case.

  The order of the keys is free, and the last one, of "h[t]", may be missing.

  Args:
    dag: what `json.loads` returned of ENAS-pytorch's file.

  Returns:
    The function of node 0, and what nodes 1, 2, ... read.

  Raises:
    ArcError: if it is no such DAG; it names the first wrong node.
  """
  inputs = _inputs(dag)
  end = sum(each[0][1] not in _ENDS for each in inputs.values())
  first = inputs.get(0, [(-1, "")])[0][1]
  both = [(-2, first), (-1, first)]
  _check(inputs.get(0) == both, inputs, 0, "-1 and -2, by one function")
  reads = []
  for i in range(1, end):
    each = inputs.get(i, [])
    is_one = len(each) == 1 and each[0][0] in range(i)
    _check(is_one, inputs, i, "one earlier node")
    reads += each
  ends = [(i, "avg") for i in loose_ends(reads)]
  words = ", ".join(f"{i} by avg" for i, _ in ends)
  _check(inputs.get(end) == ends, inputs, end, words)
  inputs.setdefault(end + 1, [(end, "h[t]")])
  is_last = inputs[end + 1] == [(end, "h[t]")]
  _check(is_last, inputs, end + 1, f"{end} by h[t]")
  for i in set(inputs) - set(range(end + 2)):
    _check(False, inputs, i, f"nothing: the last is node {end + 1}")
  return first, reads


def _inputs(dag: dict[str, Any]) -> dict[int, list[Read]]:
  """Returns what each node reads, in order."""
  inputs: dict[int, list[Read]] = {}
  try:
    for key, entries in dag.items():
      for node, word in entries:
        one = (int(key), word.lower())
        inputs.setdefault(operator.index(node), []).append(one)
  except (AttributeError, TypeError, ValueError) as error:
    raise errors.ArcError(
      'A DAG in JSON has for "-1" (the input), "-2" (the state) and each node '
      'a key with a list of the nodes that read it, [node, "function"]: write '
      f"it as ENAS-pytorch's dag.json does. Received: {dag}"
    ) from error
  return {node: sorted(each) for node, each in inputs.items()}


def _check(
  condition: bool, inputs: Mapping[int, list[Read]], node: int, words: str
) -> None:
  """Raises ArcError, with what the node must read, unless all is well."""
  if not condition:
    received = ", ".join(f"{i} by {word}" for i, word in inputs.get(node, []))
    raise errors.ArcError(
      f"Node {node} of this DAG must read {words}: mend it. Received: it "
      f"reads {received or 'nothing'}"
    )


def _spelling(function: str) -> str:
  return _SPELLINGS.get(function, function)
