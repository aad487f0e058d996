"""What a notebook shows; elsewhere, nothing."""

import pathlib
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from enas_tf.spaces import base


def _shell() -> Any:
  """Returns the notebook, or None outside of one."""
  ipython = sys.modules.get("IPython")
  return ipython.get_ipython() if ipython else None


def show_arcs(kind: type) -> None:
  """Makes arcs of a type draw themselves in a notebook.

  Args:
    kind: the type.
  """
  shell = _shell()
  if shell is not None:
    formatter = shell.display_formatter.formatters["image/png"]
    formatter.for_type(kind, png)


def display(arcs: Sequence[base.Arc]) -> None:
  """Draws arcs below the cell of a notebook.

  Args:
    arcs: to be drawn, one below the other.
  """
  if _shell() is None:
    return
  from IPython import display as shown

  for arc in arcs:
    picture = png(arc)
    if picture is not None:
      shown.display(shown.Image(picture))


def png(arc: base.Arc) -> bytes | None:
  """Returns the picture of an arc; None without matplotlib.

  Args:
    arc: to be drawn.
  """
  from enas_tf.report import draw

  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "arc.png"
    draw.save_png(arc, path)
    return path.read_bytes() if path.exists() else None
