"""The space of a table; there are no networks."""

from typing import Any

from enas_tf.evaluators import table
from enas_tf.recipes import base, experiments
from enas_tf.spaces import table as table_space
from enas_tf.tasks import scores


class Table(base.Parts[table_space.TableArc]):
  """The space that a table makes of its columns.

  Args:
    experiment: see `base.Parts`.
    task: likewise.
  """

  def __init__(self, experiment: base.Experiment, task: Any) -> None:
    super().__init__(experiment, task)
    self._table = table.from_settings(experiments.values(experiment))
    self.space = self.final_space = self._table.space

  def fingerprint(self) -> dict[str, Any]:
    return {"table": self._table.digest}

  make_supernet = make_child = make_optimizer = child_size = scores.refused
