"""A command at work, without a process and a lock of its own."""

import io

from enas_tf import config, stopping
from enas_tf.report import terminal as terminals
from enas_tf.runs import run as runs


class Run(runs.Run):
  """Counts how often its start was recorded."""

  records = 0

  def record(self):
    self.records += 1


def make(folder, experiment=None, terminal=None):
  """Returns a run in a folder, and what its terminal writes to."""
  screen = io.StringIO()
  return Run(
    folder,
    experiment or config.ExperimentConfig(),
    terminal or terminals.Terminal(screen),
    stopping.Stop(),
  ), screen
