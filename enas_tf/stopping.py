"""How a run is stopped from outside: at the next whole step, or at once."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def same_command() -> str:
  """Returns the words for the command that goes on after an end."""
  once = ("--reset_output_dir", "--resume_from")
  given = [flag for flag in once if any(a.startswith(flag) for a in sys.argv)]
  without = f" without {' and '.join(given)}" if given else ""
  return f"The same command{without}"


class Stop:
  """Whether the user, the terminal or the cluster asks the run to end.

  The first Ctrl-C, SIGTERM or SIGHUP ends a loop of steps at the next whole
  step, where `end` is called; a second one, or one outside of such a loop, ends
  the process at once. That is safe at any time, for files are written whole or
  not at all; an exception would not be: inside of TensorFlow's C++ code it
  aborts.
  """

  def __init__(self) -> None:
    self._signal: int | None = None
    self._in_steps = False
    self._screen = 2

  def install(self) -> None:
    """Takes over the signals, but for those that are ignored.

    A shell ignores Ctrl-C for what runs in its background, and `nohup` the
    SIGHUP of a terminal that closes.
    """
    with contextlib.suppress(OSError):
      self._screen = os.dup(2)  # While TensorFlow is imported, 2 is nowhere.
    for number in _SIGNALS:
      if signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, self._receive)

  @contextlib.contextmanager
  def steps(self) -> Iterator[None]:
    """Within it, the first signal waits for the next whole step."""
    self._in_steps = True
    try:
      yield
    finally:
      self._in_steps = False

  def requested(self) -> bool:
    """Returns whether a signal has come."""
    return self._signal is not None

  def again(self) -> str:
    """Returns the words for what goes on after an end."""
    return same_command()

  def end(self) -> NoReturn:
    """Ends the process, as shells report the signal that came."""
    sys.exit(128 + (self._signal or signal.SIGTERM))

  def _receive(self, number: int, frame: FrameType | None) -> None:
    del frame
    if self._in_steps and self._signal is None:
      self._signal = number
      self._say(
        "Stopping at the next whole step; once more ends the run at once."
      )
      return
    again = same_command()
    self._say(f"Interrupted. {again} goes on from the last checkpoint.")
    os._exit(128 + number)

  def _say(self, message: str) -> None:
    with contextlib.suppress(OSError):  # The terminal may be gone.
      os.write(self._screen, f"\n{message}\n".encode())


class Interrupt(Stop):
  """The same for a program: an interrupt ends a call, not the process.

  The first Ctrl-C ends a loop of steps at the next whole step, saved, by a
  KeyboardInterrupt; a second one, or one outside of such a loop, is what it
  always is in Python.
  """

  @contextlib.contextmanager
  def installed(self) -> Iterator[None]:
    """Within it, the interrupts of the process are taken over."""
    if threading.current_thread() is not threading.main_thread():
      yield  # Signals go elsewhere.
      return
    before = signal.signal(signal.SIGINT, self._receive)
    try:
      yield
    finally:
      signal.signal(signal.SIGINT, before)

  def again(self) -> str:
    return "The same call"

  def end(self) -> NoReturn:
    """Ends the call."""
    raise KeyboardInterrupt

  def _receive(self, number: int, frame: FrameType | None) -> None:
    if self._in_steps and self._signal is None:
      self._signal = number
      return
    signal.default_int_handler(number, frame)
