"""What every verb is handed: where it works, what it was asked, who watches."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import NoReturn

from enas_tf import checkpoints, run_folder, stopping
from enas_tf.recipes import base
from enas_tf.report import callbacks as listeners
from enas_tf.report import terminal as terminals


@dataclasses.dataclass
class Run:
  """One command at work in the folder of a run.

  Attributes:
    folder: of the run.
    experiment: the settings, as they were asked for.
    terminal: says what happens.
    stop: whether the user asks the run to end.
    callbacks: are told what a search does.
  """

  folder: pathlib.Path
  experiment: base.Experiment
  terminal: terminals.Terminal
  stop: stopping.Stop
  callbacks: Sequence[listeners.Callback] = ()
  _is_recorded: bool = False

  def end(self, where: str) -> NoReturn:
    """Says where the run was stopped, and ends the process.

    Args:
      where: what was done last, as words.
    """
    self.terminal.say(
      f"Stopped at {where}, and saved. {self.stop.again()} goes on from there."
    )
    self.stop.end()

  def say_damaged(self, found: checkpoints.Checkpoint | None) -> None:
    """Says which newer checkpoints than the restored one were damaged.

    Args:
      found: the checkpoint that was restored, if any.
    """
    for reason in found.damaged if found else ():
      self.terminal.warn(f"A damaged checkpoint was passed over: {reason}")

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
