"""Pictures of arcs in Graphviz's language."""

import re
from collections.abc import Sequence

from enas_tf.spaces import base


def to_dot(name: str, graphs: Sequence[base.Graph]) -> str:
  """Returns graphs as one in Graphviz's language.

  Args:
    name: of the whole, an identifier.
    graphs: of an arc.
  """
  lines = [f"digraph {_identifier(name)} {{", "  rankdir=LR;"]
  lines.append("  node [shape=box];")
  prefixes: list[str] = []
  for graph in graphs:
    prefix = _identifier((graph.title.split() or ["graph"])[0])
    if prefix in prefixes:
      prefix = f"{prefix}_{len(prefixes)}"
    prefixes.append(prefix)
    names = [f"{prefix}_{i}" for i in range(len(graph.nodes) - 1)]
    names.append(f"{prefix}_out")
    lines += [f"  subgraph cluster_{prefix} {{"]
    lines += [f"    label={_quoted(graph.title)};"]
    lines += [
      f"    {name} [label={_quoted(node)}];"
      for name, node in zip(names, graph.nodes, strict=True)
    ]
    for edge in graph.edges:
      text = f"{edge.label} {edge.detail}".strip()
      label = f" [label={_quoted(text)}]" if text else ""
      lines.append(f"    {names[edge.start]} -> {names[edge.end]}{label};")
    lines.append("  }")
  return "\n".join([*lines, "}"])


def _identifier(text: str) -> str:
  return re.sub(r"\W|^(?=\d)", "_", text)


def _quoted(text: str) -> str:
  text = text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
  return f'"{text}"'
