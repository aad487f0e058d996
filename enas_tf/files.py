"""Files of a run: written whole or not at all, read with care."""

import contextlib
import errno
import json
import os
import pathlib
import secrets
import sys
from collections.abc import Iterator
from typing import Any

from enas_tf import errors

# What the name of an unfinished file begins with; a kill can leave one.
UNFINISHED = ".enas_tf-"
# How the system refuses a file; TensorFlow's errors hold its words alone.
_REFUSALS = tuple(
  map(
    os.strerror,
    (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EROFS),
  )
)


@contextlib.contextmanager
def writing(path: pathlib.Path, *others: type[Exception]) -> Iterator[None]:
  """Within it, a disk that refuses is one clear error.

  Args:
    path: what is written; it is named in the error.
    *others: errors that are of the disk here, whatever they say.

  Raises:
    OutputDirError: for any error of the system, or of TensorFlow's files.
  """
  try:
    yield
  except Exception as error:
    if not isinstance(error, others) and not is_of_the_disk(error):
      raise
    raise errors.OutputDirError(
      "A file of the run cannot be written. Make room on the disk, mend the "
      "permissions or take away what stands in its place, and give the same "
      "command again: it goes on from the last checkpoint, if there is one. "
      f"Received: path={path} ({error})"
    ) from error


def is_of_the_disk(error: BaseException) -> bool:
  """Returns whether an error comes from the system's files.

  Args:
    error: that was raised.
  """
  if isinstance(error, OSError):
    return True
  tensorflow = sys.modules.get("tensorflow")
  if tensorflow is not None and isinstance(error, tensorflow.errors.OpError):
    return any(refusal in str(error) for refusal in _REFUSALS)
  # The HDF5 library, which Keras writes weights with, has errors of its own.
  return isinstance(error, RuntimeError) and "errno = " in str(error)


def append_line(path: pathlib.Path, value: Any) -> None:
  """Adds a line of JSON to a file: when this returns, a kill does not lose it.

  Args:
    path: of the file, which need not be there.
    value: what JSON knows.

  Raises:
    OutputDirError: if it cannot be written.
    ValueError: if a number in it is not finite.
  """
  line = json.dumps(value, allow_nan=False) + "\n"
  with writing(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    # One call for a whole line, and open for no longer: nothing is pending.
    with open(path, "ab", buffering=0) as file:
      file.write(line.encode())


def cut_half_line(path: pathlib.Path) -> None:
  """Cuts off what a killed process left of a line, if the file is there.

  Args:
    path: of the file.

  Raises:
    OutputDirError: if it cannot be read or written.
  """
  with writing(path), contextlib.suppress(FileNotFoundError):
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
      os.truncate(path, whole)


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
  """Yields a new path; the file that is written there takes `path`'s place.

  Readers see the old file or the new one, never a half.

  Args:
    path: of the file.

  Raises:
    OutputDirError: if it cannot be written; the old file stays.
  """
  temporary = path.with_name(f"{UNFINISHED}{secrets.token_hex(4)}-{path.name}")
  with writing(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
      yield temporary
      _sync(temporary)
      os.replace(temporary, path)
    except BaseException:
      with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)
      raise


def write_text(path: pathlib.Path, text: str) -> None:
  """Writes a text, whole or not at all.

  Args:
    path: of the file.
    text: its content.
  """
  with replacing(path) as temporary:
    temporary.write_text(text, encoding="utf-8")


def write_json(path: pathlib.Path, value: Any) -> None:
  """Writes JSON, whole or not at all.

  Args:
    path: of the file.
    value: its content, for `json.dumps`.
  """
  write_text(path, json.dumps(value, indent=2) + "\n")


def read_json(path: pathlib.Path, kind: type = dict) -> Any:
  """Returns the value of a JSON file.

  Args:
    path: of the file.
    kind: what it must hold, dict or list.

  Raises:
    OutputDirError: if it is missing, damaged or holds something else.
  """
  try:
    value = json.loads(path.read_text(encoding="utf-8"))
  except (OSError, ValueError, RecursionError) as error:
    raise errors.OutputDirError(
      "A file of the run is missing or damaged: run the step that writes it "
      f"again. Received: {path} ({type(error).__name__}: {error})"
    ) from error
  if not isinstance(value, kind):
    raise errors.OutputDirError(
      "A file of the run holds something else than it should: run the step "
      f"that writes it again. Received: {path}, a {type(value).__name__} "
      f"instead of a {kind.__name__}"
    )
  return value


def _sync(path: pathlib.Path) -> None:
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


def new_folder(path: str | os.PathLike[str]) -> pathlib.Path:
  """Returns the path of a folder that is empty, or not there yet.

  Args:
    path: of the folder.

  Raises:
    OutputDirError: if there is anything in it, or it is no folder.
  """
  target = pathlib.Path(path).expanduser().absolute()
  if target.exists() and (not target.is_dir() or any(target.iterdir())):
    raise errors.OutputDirError(
      "There are files in the folder to export to, and they are left alone: "
      f"give a new one. Received: folder={target}"
    )
  return target
