"""What earlier runs found, in the words of a new one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from enas_tf import errors, run_folder, trials
from enas_tf.controllers import warm_start
from enas_tf.runs import run as runs
from enas_tf.spaces import base

if TYPE_CHECKING:
  from enas_tf.runs import assembly


def begin(built: assembly.Assembly, run: runs.Run) -> None:
  """Lets a search that has not begun yet start warm, if its settings say so.

  Args:
    built: the parts of the run.
    run: whom it tells.

  Raises:
    ConfigError: if there is nothing to learn in an earlier run.
  """
  controller = built.search.controller
  if not isinstance(controller, warm_start.WarmStart):
    return
  folders = built.experiment.controller.warm_start
  taken = controller.begin(best_arcs(built, folders))
  if not taken:
    raise errors.ConfigError(
      "No arc of the earlier runs is within the limits of this one: raise "
      f"them, or take `warm_start` away. Received: {','.join(folders)}"
    )
  run.terminal.say(
    f"The search begins with the {taken} best arcs of {', '.join(folders)}."
  )


def best_arcs(built: assembly.Assembly, folders: tuple[str, ...]) -> np.ndarray:
  """Returns the arcs of earlier runs, best first, one of each run in turn.

  Scores of different runs, of different data perhaps, are not compared. Arcs
  that this space lacks are left out.

  Args:
    built: the parts of the new run.
    folders: of the earlier ones.

  Returns:
    int32 [n, num_decisions]; n is not 0.

  Raises:
    ConfigError: if a folder holds no run, or none of its arcs is of this space.
  """
  found = [_of_run(built, folder) for folder in folders]
  most = max(map(len, found))
  return np.array(
    [arcs[i] for i in range(most) for arcs in found if i < len(arcs)], np.int32
  )


def _of_run(built: assembly.Assembly, folder: str) -> list[np.ndarray]:
  """Returns the arcs of one run, best first."""
  from enas_tf.runs import assembly  # It imports this module's controllers.

  path = run_folder.absolute(folder)
  recorded = run_folder.recorded_config(path)
  if recorded is None:
    raise errors.ConfigError(
      "There is no earlier run in a folder of `warm_start`: give the folder of "
      f"a search. Received: warm_start={folder}"
    )
  done = [t for t in trials.read(path) if t.is_done and not t.is_predicted]
  ranked = sorted(done, key=lambda trial: -trial.reward)
  space = assembly.Assembly(recorded).space
  rows = list(_translated(built.space, space, ranked))
  if not rows:
    raise errors.ConfigError(
      "No arc of an earlier run is of the space that is searched now: give one "
      "of this space, or of one that it contains. Received: warm_start="
      f"{folder}, of search_for={recorded.run.search_for} with "
      f"{len(done)} scored arcs"
    )
  return rows


def _translated(
  space: base.Space, earlier: base.Space, scored: list[trials.Trial]
) -> Iterator[np.ndarray]:
  """Yields the arcs of another space that this one has, too."""
  for trial in scored:
    try:
      arc: Any = earlier.decode(trial.arc)
      yield space.encode(space.from_json(arc.to_json()))
    except errors.ArcError:
      continue
