"""A command at work, without a process and a lock of its own."""

import io

from enas_tf import stopping
from enas_tf.recipes import base, experiments
from enas_tf.report import terminal as terminals
from enas_tf.runs import run as runs


class Run(runs.Run):
  """Counts how often its start was recorded."""

  records = 0

  def record(self):
    self.records += 1


def experiment(space="micro", fixed_arc=None, **given):
  """Returns the experiment of a space with some settings, by public names."""
  return experiments.build(base.get(space).experiment, given, fixed_arc)


def make(folder, settings=None, terminal=None):
  """Returns a run in a folder, and what its terminal writes to."""
  screen = io.StringIO()
  return Run(
    folder,
    settings or experiment(),
    terminal or terminals.Terminal(screen),
    stopping.Stop(),
  ), screen
