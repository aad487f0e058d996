"""Scores against costs: the Pareto front, and its picture."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from enas_tf import files

if TYPE_CHECKING:
  from matplotlib.backends.backend_agg import FigureCanvasAgg

_SIZE, _DPI = (9.0, 4.0), 100  # In inches; dots of an inch.
_FRONT, _OTHERS = "#c23b3d", "#6f6f6f"


def front(scores: np.ndarray, costs: np.ndarray) -> np.ndarray:
  """Returns which points no other one beats, bool [n].

  One beats another if it is at least as good in everything, and better in
  something (Pareto).

  >>> front(np.array([0.9, 0.8, 0.7]), np.array([[5], [3], [4]])).tolist()
  [True, True, False]

  Args:
    scores: [n]; more is better.
    costs: [n, k]; less is better.
  """
  points = np.concatenate([-np.reshape(scores, (-1, 1)), costs], axis=1)
  # [i, j]: whether point j is as good as i in everything, better in something.
  as_good = np.all(points[None] <= points[:, None], axis=-1)
  better = np.any(points[None] < points[:, None], axis=-1)
  return np.asarray(~np.any(as_good & better, axis=1))


def draw(rows: Sequence[Mapping[str, Any]], score: str) -> np.ndarray | None:
  """Returns a picture, uint8 [height, width, 4]; None without matplotlib.

  Args:
    rows: of a leaderboard, with parameters, multiply_adds and on_front.
    score: which of their scores is drawn.
  """
  canvas = _canvas(rows, score)
  if canvas is None:
    return None
  canvas.draw()
  return np.array(canvas.buffer_rgba())


def save_png(
  rows: Sequence[Mapping[str, Any]], score: str, path: pathlib.Path
) -> bool:
  """Writes the picture; returns whether matplotlib was there to draw it.

  Args:
    rows: see `draw`.
    score: see `draw`.
    path: of the PNG file.

  Raises:
    OutputDirError: if it cannot be written.
  """
  canvas = _canvas(rows, score)
  if canvas is not None:
    with files.replacing(path) as temporary:
      canvas.print_png(str(temporary))
  return canvas is not None


def _canvas(
  rows: Sequence[Mapping[str, Any]], score: str
) -> "FigureCanvasAgg | None":
  """Returns a canvas with a panel for each cost, or None."""
  try:
    from matplotlib import figure, ticker
    from matplotlib.backends import backend_agg
  except ImportError:
    return None
  picture = figure.Figure(figsize=_SIZE, dpi=_DPI, layout="constrained")
  canvas = backend_agg.FigureCanvasAgg(picture)
  panels = picture.subplots(1, 2, sharey=True)
  for axes, cost in zip(panels, ("parameters", "multiply_adds"), strict=True):
    for on_front, color, label in (
      (False, _OTHERS, "others"),
      (True, _FRONT, "Pareto front"),
    ):
      points = [row for row in rows if row["on_front"] is on_front]
      axes.scatter(
        [row[cost] for row in points],
        [row[score] for row in points],
        color=color,
        label=label,
      )
    for row in rows:
      axes.annotate(
        str(row["rank"]),
        (row[cost], row[score]),
        xytext=(4, 4),
        textcoords="offset points",
      )
    axes.set_xlabel(cost.replace("multiply_adds", "multiply-adds"))
    axes.xaxis.set_major_locator(ticker.MaxNLocator(5))
    axes.xaxis.set_major_formatter(ticker.EngFormatter())
    axes.margins(0.12)  # The numbers need room, too.
    axes.grid(alpha=0.3)
  panels[0].set_ylabel(score.replace("_", " "))
  picture.suptitle("The best arcs, by their ranks")
  handles, labels = panels[0].get_legend_handles_labels()
  picture.legend(handles, labels, loc="outside lower center", ncols=2)
  return canvas
