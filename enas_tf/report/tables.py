"""Arcs in numbers: the leaderboard, and what a policy samples."""

import collections
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from enas_tf.spaces import base

NOTHING = "-"  # In a table, where there is no number.
OP_FREQUENCY = "arcs/op_frequency/"  # Its metric path begins so.
# Of a leaderboard: the key of a row, the header, and how to write the value.
_COLUMNS = (
  ("rank", "rank", "d"),
  ("trained_accuracy", "accuracy from scratch", ".4f"),
  ("trained_accuracy_sd", "sd", ".4f"),
  ("trained_perplexity", "perplexity from scratch", ".2f"),
  ("trained_perplexity_sd", "sd", ".2f"),
  ("valid_accuracy", "validation accuracy", ".4f"),
  ("batch_accuracy", "accuracy on a batch", ".4f"),
  ("valid_perplexity", "validation perplexity", ".2f"),
  ("window_perplexity", "perplexity of a window", ".2f"),
  ("reward", "reward", ".4g"),
  ("parameters", "parameters", ",d"),
  ("multiply_adds", "multiply-adds", ",d"),
  ("on_front", "Pareto", ""),
  ("stage", "stage", ""),
  ("arc", "arc", ""),
)


def leaderboard(
  rows: Iterable[Mapping[str, Any]],
) -> tuple[list[str], list[list[str]]]:
  """Returns the headers and the rows of a leaderboard, as text.

  Args:
    rows: each with rank, parameters, multiply_adds (of one example) and arc
      (text), and with scores: valid_accuracy and batch_accuracy in [0, 1], or
      valid_perplexity and window_perplexity, and those from scratch:
      trained_accuracy or trained_perplexity, with trained_..._sd,
      trained_seeds and stage. What a row lacks is a dash.
  """
  rows = list(rows)
  keys = set().union(*rows)
  if "trained_seeds" not in keys:
    keys.discard("stage")  # It tells nothing that the scores do not.
  columns = [each for each in _COLUMNS if each[0] in keys]
  headers = [header for _, header, _ in columns]
  cells = [
    [_cell(row.get(key), form) for key, _, form in columns] for row in rows
  ]
  return headers, cells


def _cell(value: Any, form: str) -> str:
  return NOTHING if value is None else format(value, form)


def number(value: float | None, form: str) -> str:
  """Returns a number as text, or a dash if there is none.

  Args:
    value: the number, which may be NaN.
    form: in the words of `format`.
  """
  if value is None or value != value:
    return NOTHING
  return format(value, form)


def op_frequencies(arcs: np.ndarray, space: base.Space) -> dict[str, float]:
  """Returns the fraction of each operation among all that some arcs choose.

  Args:
    arcs: int32 [n, num_decisions].
    space: of the arcs.

  Returns:
    A fraction in [0, 1] for each metric path, "arcs/op_frequency/" and the
    operation; nothing in a space that decides no operations.
  """
  counts: collections.Counter[str | int | float] = collections.Counter()
  for indices, decision in zip(arcs.T, space.decisions, strict=True):
    if decision.kind == "operation":
      found = np.bincount(indices, minlength=decision.num_options)
      counts.update(dict(zip(decision.options, found.tolist(), strict=True)))
  return {
    f"{OP_FREQUENCY}{op}": count / counts.total()
    for op, count in counts.items()
  }


def distinct_fraction(arcs: np.ndarray) -> float:
  """Returns how many different arcs there are, as a fraction of all.

  A policy that has collapsed samples few different arcs.

  Args:
    arcs: int32 [n, num_decisions].

  Returns:
    A fraction in (0, 1].
  """
  return len(np.unique(arcs, axis=0)) / len(arcs)
