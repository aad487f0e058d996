"""What searches of a table found: rows of numbers, a table and a plot."""

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.stats
from rich import box, console, table

from enas_tf import files
from enas_tf.benchmarks import quality_runs

_COLUMNS = 80  # Of the printed table, at most.
_INCHES, _DPI = (8, 5), 120


def rows(
  found: Sequence[quality_runs.Curves], queries: Sequence[int]
) -> list[dict[str, Any]]:
  """Returns a row for each controller and number of queries.

  Args:
    found: the searches of each controller; random among them.
    queries: after how many.

  Returns:
    Rows of controller, queries, seeds, the mean and the standard deviation
    (sd) of the regrets, and p: one-sided Mann-Whitney, that they are not below
    those of random search; None for random itself.
  """
  reference = next(
    each for each in found if each.controller == quality_runs.REFERENCE
  )
  made = []
  for each in found:
    for n in queries:
      regrets = each.regrets[:, n - 1]
      made.append(
        {
          "controller": each.controller,
          "queries": n,
          "seeds": len(regrets),
          "mean": float(regrets.mean()),
          "sd": float(regrets.std(ddof=min(1, len(regrets) - 1))),
          "p": None
          if each is reference
          else p_value(regrets, reference.regrets[:, n - 1]),
        }
      )
  return made


def p_value(ours: np.ndarray, theirs: np.ndarray) -> float:
  """Returns p of the one-sided Mann-Whitney test that ours are the smaller.

  Args:
    ours: numbers [n].
    theirs: numbers [m].
  """
  test = scipy.stats.mannwhitneyu(ours, theirs, alternative="less")
  return float(test.pvalue)


def show(made: Sequence[dict[str, Any]], digits: int) -> None:
  """Prints the rows as a table.

  Args:
    made: of `rows`.
    digits: behind the point of a regret.
  """
  printed = table.Table(box=box.SIMPLE_HEAD, pad_edge=False)
  printed.add_column("controller", overflow="fold")
  for header in ("queries", "seeds", "mean regret", "sd", "p against random"):
    printed.add_column(header, justify="right")
  previous = None
  for row in made:
    if previous not in (None, row["controller"]):
      printed.add_section()
    previous = row["controller"]
    printed.add_row(
      row["controller"],
      f"{row['queries']:,}",
      f"{row['seeds']:,}",
      f"{row['mean']:.{digits}f}",
      f"{row['sd']:.{digits}f}",
      "" if row["p"] is None else f"{row['p']:.2g}",
    )
  screen = console.Console()
  screen.print(printed, width=min(_COLUMNS, screen.width))


def plot(
  found: Sequence[quality_runs.Curves], score: str, path: pathlib.Path
) -> None:
  """Draws mean regrets, and half their standard deviation, against queries.

  Args:
    found: the searches of each controller.
    score: what is regretted.
    path: of the PNG file.

  Raises:
    OutputDirError: if it cannot be written.
  """
  from matplotlib import figure

  picture = figure.Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
  axes = picture.add_subplot()
  for each in found:
    regrets = each.regrets
    queries = np.arange(1, regrets.shape[1] + 1)
    (line,) = axes.plot(
      queries,
      regrets.mean(0),
      label=f"{each.controller} ({len(regrets)} seeds)",
    )
    low, high = np.percentile(regrets, (25, 75), axis=0)
    axes.fill_between(queries, low, high, color=line.get_color(), alpha=0.15)
  means = np.concatenate([each.regrets.mean(0) for each in found])
  smallest = means[means > 0].min(initial=1.0)  # Below it, down to 0: linear.
  axes.set_yscale("symlog", linthresh=10 ** np.floor(np.log10(smallest)))
  axes.yaxis.set_major_formatter("{x:g}")
  axes.set_ylim(bottom=0)
  axes.set_xlim(1, regrets.shape[1])
  axes.set_xlabel("queries")
  axes.set_ylabel(f"regret: {score} below the best of the table")
  axes.set_title("Mean over seeds, and the middle half of them")
  axes.grid(alpha=0.3)
  axes.legend()
  with files.replacing(path) as temporary:
    picture.savefig(temporary, format="png")
