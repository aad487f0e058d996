"""The terminal: the only place of the package that prints.

What is printed is the least of what a run leaves: a reader that has gone away
(`| head`) or a full disk (`> log.txt`) silences it, and the run goes on.
"""

import contextlib
import io
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TextIO

_BAR = 20  # Characters.
_LINE_SECONDS = 30
_CLEAR = "\r\x1b[K"  # Back to the start of the line, and erase it.


class LastingStream:
  """A stream that falls silent when it can no longer be written.

  It takes the place of `sys.stdout` and `sys.stderr` for a whole process, since
  Keras prints too, and the interpreter writes out the rest at its end.

  Args:
    stream: to write to; None, as for a closed `sys.stdout`, is nowhere.
  """

  def __init__(self, stream: TextIO | None) -> None:
    self._stream = stream or open(os.devnull, "w")  # noqa: SIM115

  def write(self, text: str) -> int:
    """Writes a text; returns how many characters it has.

    Args:
      text: of any characters; those that the stream lacks are escaped.
    """
    with self._lasting():
      try:
        self._stream.write(text)
      except UnicodeEncodeError:  # A terminal of few letters.
        self._stream.write(text.encode("ascii", "backslashreplace").decode())
    return len(text)

  def flush(self) -> None:
    """Writes out what is pending."""
    with self._lasting():
      self._stream.flush()

  def isatty(self) -> bool:
    """Returns whether a person watches."""
    with self._lasting():
      return self._stream.isatty()
    return False

  def __getattr__(self, name: str) -> Any:
    return getattr(self._stream, name)

  @contextlib.contextmanager
  def _lasting(self) -> Iterator[None]:
    try:
      yield
    except (OSError, ValueError) as error:  # The latter if it is closed.
      self._fall_silent()
      if not isinstance(error, BrokenPipeError):  # Nobody reads: nobody asks.
        print(
          "What is printed cannot be written, and is left out from now on; "
          f"the run goes on, and its files are whole. Received: {error}",
          file=sys.stderr,
        )

  def _fall_silent(self) -> None:
    nowhere = open(os.devnull, "w")  # noqa: SIM115
    # What the stream still holds goes there too, when it is closed.
    with contextlib.suppress(OSError, ValueError):
      os.dup2(nowhere.fileno(), self._stream.fileno())
    self._stream = nowhere


class Terminal:
  """Says what happens: sentences, tables and a progress bar.

  The bar overwrites itself on a terminal; elsewhere (a file, a pipe) it is a
  line of its own for each unit, and every half a minute.

  Args:
    stream: where to print; None is the standard output.
    spell: writes the settings in a message as the user gives them.
  """

  def __init__(
    self, stream: TextIO | None = None, spell: Callable[[str], str] = str
  ) -> None:
    self._spell = spell
    self._stream = LastingStream(sys.stdout if stream is None else stream)
    self._is_tty = self._stream.isatty()
    self._has_bar = False
    # (its unit, when it was printed).
    self._last_line: tuple[str, float] | None = None

  @property
  def verbosity(self) -> int:
    """Keras's `verbose`: 1 draws bars, 2 prints a line for each epoch."""
    return 1 if self._is_tty else 2

  def say(self, message: str) -> None:
    """Prints a message on lines of its own.

    Args:
      message: one or more lines.
    """
    self._write((_CLEAR if self._has_bar else "") + self._spell(message) + "\n")
    self._has_bar = False

  def warn(self, message: str) -> None:
    """Says what one should know of, even where the rest is left unsaid.

    Args:
      message: one or more lines.
    """
    self.say(message)

  def table(
    self, headers: Sequence[str], rows: Sequence[Sequence[str]]
  ) -> None:
    """Prints rows of text in columns; numbers are aligned at the right.

    Args:
      headers: of the columns.
      rows: a cell for each column.
    """
    columns = list(zip(headers, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    justify = [
      str.rjust if all(map(_is_number, column[1:])) else str.ljust
      for column in columns
    ]
    for row in (headers, ["-" * width for width in widths], *rows):
      cells = zip(justify, row, widths, strict=True)
      self.say("  ".join(f(cell, width) for f, cell, width in cells).rstrip())

  def progress(
    self,
    done: int,
    total: int,
    unit: str,
    values: Mapping[str, float],
    seconds_left: float | None,
  ) -> None:
    """Shows how far a run has come.

    Args:
      done: steps that are done.
      total: steps in all.
      unit: where the run is, such as "epoch 3/150".
      values: the latest metrics, by short names.
      seconds_left: of the whole run; None when it is not known yet.
    """
    parts = [f"{name} {value:.4g}" for name, value in values.items()]
    if seconds_left is not None:
      parts.append(f"{_duration(seconds_left)} left")
    rest = "  ".join([f"{done}/{total}", *parts])
    if not self._is_tty:
      self._progress_line(unit, rest)
      return
    filled = _BAR * done // max(total, 1)
    bar = "=" * filled + "." * (_BAR - filled)
    # A line that wraps could not be overwritten.
    width = shutil.get_terminal_size().columns - 1
    self._write(_CLEAR + f"{unit}  [{bar}]  {rest}"[:width])
    self._has_bar = True

  def _progress_line(self, unit: str, rest: str) -> None:
    now = time.monotonic()
    if self._last_line is not None:
      last_unit, printed = self._last_line
      if unit == last_unit and now - printed < _LINE_SECONDS:
        return
    self._last_line = unit, now
    self._write(f"{unit}  {rest}\n")

  def end_progress(self) -> None:
    """Leaves the bar where it is, and goes on below it."""
    if self._has_bar:
      self._write("\n")
    self._has_bar = False

  def _write(self, text: str) -> None:
    self._stream.write(text)
    self._stream.flush()


class Quiet(Terminal):
  """Says nothing, and nor does Keras."""

  def __init__(self) -> None:
    super().__init__(io.StringIO())

  @property
  def verbosity(self) -> int:
    return 0

  def _write(self, text: str) -> None:
    del text


def _is_number(text: str) -> bool:
  if text == "-":  # There is none.
    return True
  try:
    float(text.replace(",", ""))
  except ValueError:
    return False
  return True


def _duration(seconds: float) -> str:
  """Returns a time in its two largest units: "2 h 05 min"."""
  seconds = round(seconds)
  minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
  if days:
    return f"{days} d {hours % 24:02d} h"
  if hours:
    return f"{hours} h {minutes % 60:02d} min"
  if minutes:
    return f"{minutes} min {seconds % 60:02d} s"
  return f"{seconds} s"
