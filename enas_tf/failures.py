"""The last resort: whatever goes wrong ends in one line."""

import contextlib
import os
import pathlib
import sys
import time
import traceback
from collections.abc import Callable, Iterator

from enas_tf import errors, files

_folder: pathlib.Path | None = None
_debug = False


def prepare(folder: pathlib.Path, debug: bool) -> None:
  """Says where tracebacks are kept from now on, and whether they are shown.

  Args:
    folder: of the run.
    debug: whether they are shown.
  """
  global _folder, _debug
  _folder, _debug = folder, debug


@contextlib.contextmanager
def told(spell: Callable[[str], str] = str) -> Iterator[None]:
  """Within it, an error is one line on the error stream, and exit code 1.

  The traceback of an error that was not foreseen goes into the run's folder,
  for a report; `--debug` prints it.

  Args:
    spell: writes the settings in a message as the user gives them.
  """
  try:
    yield
  except errors.UserError as error:
    if _debug:
      traceback.print_exc()
    _end(spell(str(error)))
  except Exception as error:
    if _debug:
      traceback.print_exc()
    _end(f"{_explain(error)}{_keep_traceback()}")


def _explain(error: Exception) -> str:
  """Returns what happened, what to do about it, and the error's own words."""
  said = errors.shorten(f"{type(error).__name__}: {error}", 600)
  if isinstance(error, RecursionError):
    advice = "Something is nested too deeply: lower the sizes of the network."
  elif files.is_of_the_disk(error):  # A full one can exhaust "resources" too.
    advice = (
      "A file cannot be read or written: check its name, its permissions and "
      "the room on the disk. The same command goes on from the last "
      "checkpoint, if there is one."
    )
  elif _is_memory(error):
    advice = (
      "The memory does not suffice: lower --batch_size, --child_out_filters, "
      "--child_num_layers or another size."
    )
  else:
    advice = "Something went wrong that should not have: please report it."
  return f"{advice} Received: {said}"


def _is_memory(error: Exception) -> bool:
  if isinstance(error, MemoryError):
    return True
  tensorflow = sys.modules.get("tensorflow")
  return tensorflow is not None and isinstance(
    error, tensorflow.errors.ResourceExhaustedError
  )


def _keep_traceback() -> str:
  """Writes the traceback into the run's folder, and says where it is."""
  if _folder is None:
    return " (--debug prints the traceback.)"
  path = _folder / f"error-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
  try:
    path.write_text(traceback.format_exc(), encoding="utf-8")
  except OSError:
    return " (--debug prints the traceback.)"
  return f" (The traceback is in {path}; --debug prints it.)"


def _end(message: str) -> None:
  with contextlib.suppress(OSError):
    line = errors.shorten(" ".join(message.split()), 1_900)
    os.write(2, f"error: {line}\n".encode(errors="replace"))
  sys.exit(1)
