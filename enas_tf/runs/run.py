"""What every verb is handed: where it works, what it was asked, who watches."""

import dataclasses
import pathlib

from enas_tf import config, run_folder, stopping
from enas_tf.report import terminal as terminals


@dataclasses.dataclass
class Run:
  """One command at work in the folder of a run.

  Attributes:
    folder: of the run.
    experiment: the settings, as they were asked for.
    terminal: says what happens.
    stop: whether the user asks the run to end.
  """

  folder: pathlib.Path
  experiment: config.ExperimentConfig
  terminal: terminals.Terminal
  stop: stopping.Stop
  _is_recorded: bool = False

  def record(self) -> None:
    """Records the settings, once the parts are built and restored.

    A command that is refused before leaves the recorded settings as they were.
    """
    if self._is_recorded:
      return
    self._is_recorded = True
    changes = run_folder.record_start(self.folder, self.experiment)
    if changes:
      self.terminal.say("Changed since the start before:")
    for change in changes:
      self.terminal.say(f"  {change}")
