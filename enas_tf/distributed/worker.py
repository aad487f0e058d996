"""A process that does jobs, seen from both of its ends.

It is spawned, not forked, for TensorFlow has threads. So the file of a user's
program is imported again in it, and what it registers is known there.
"""

import contextlib
import multiprocessing
import os
import pathlib
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import connection as connections
from typing import Any, NamedTuple

from enas_tf import errors, registry
from enas_tf.distributed import base

# Is set while a worker imports the user's program.
_STARTING = "ENAS_TF_WORKER_STARTS"
_UNGUARDED = (
  "A search with workers begins, and each of them imports the program first: "
  'put what the program does under `if __name__ == "__main__":`, and leave '
  "what it registers above."
)
# A Ctrl-C is for whoever started the workers, as is the end of a terminal.
_SIGNALS = (signal.SIGINT, signal.SIGHUP)
_STATM = "/proc/{}/statm"  # Where Linux says how much memory a process has.


class Message(NamedTuple):
  """What a worker says.

  Attributes:
    kind: "up", it has started; "ready", or "broken", that it cannot do any
      job; "report"; "done"; or "failed".
    value: of the kind: the error's class and text; what is reported or
      returned; the reason, and whether the worker is to be replaced.
    seconds: that a job took.
  """

  kind: str
  value: Any = None
  seconds: float = 0.0


def refuse_if_starting() -> None:
  """Raises ConfigError if a worker imports a program that begins to work."""
  if _STARTING in os.environ:
    raise errors.ConfigError(f"{_UNGUARDED} Received: pid={os.getpid()}")


def serve(connection: connections.Connection, factory: str) -> None:
  """Does jobs until the connection, or the parent, is gone.

  Args:
    connection: to the parent.
    factory: "module:function"; see `pool.Pool`.
  """
  os.environ.pop(_STARTING, None)
  threading.Thread(target=_end_with_parent, daemon=True).start()
  with contextlib.suppress(EOFError, BrokenPipeError):
    connection.send(Message("up"))
    common = connection.recv()
    work = _made(factory, common, connection)
    while work is not None:
      connection.send(_done(work, connection.recv(), connection))


def _made(
  factory: str, common: Any, connection: connections.Connection
) -> Callable[..., Any] | None:
  """Returns what does jobs; None if it says that nothing can."""
  try:
    work = registry.imported(factory)(common)
  except errors.UserError as error:
    connection.send(Message("broken", (type(error).__name__, str(error))))
    return None
  except Exception as error:
    text = f"No worker can begin. Received: {type(error).__name__}: {error}"
    connection.send(Message("broken", (errors.WorkerError.__name__, text)))
    return None
  connection.send(Message("ready"))
  return work


def _end_with_parent() -> None:
  parent = multiprocessing.parent_process()
  assert parent is not None
  parent.join()
  os._exit(1)


def _done(
  work: Callable[..., Any], payload: Any, connection: connections.Connection
) -> Message:
  """Does a job, and returns what to say of it."""

  def report(value: Any) -> bool:
    try:
      connection.send(Message("report", value))
      return connection.recv()
    except (EOFError, BrokenPipeError):  # The parent is gone.
      os._exit(1)

  started = time.monotonic()
  try:
    kind, value = "done", work(payload, report)
  except errors.UserError as error:
    kind, value = "failed", (str(error), False)
  except Exception as error:  # Whatever a job raises.
    # Who knows what it leaves behind, of the memory above all.
    kind, value = "failed", (f"{type(error).__name__}: {error}", True)
  return Message(kind, value, time.monotonic() - started)


class Worker:
  """The parent's end of a process, which starts at once.

  Args:
    slot: its place among those at work, from 0.
    factory: see `serve`.
    environment: variables that its environment has besides ours.

  Attributes:
    slot: as above.
    is_ready: whether it can be given a job.
    job: what it is at, or None.
    num_jobs: how many it has done.
    least_bytes: of memory that it had after its first job; None before.
  """

  def __init__(
    self, slot: int, factory: str, environment: Mapping[str, str]
  ) -> None:
    self.slot = slot
    self.is_ready = False
    self.job: base.Job | None = None
    self.num_jobs = 0
    self.least_bytes: int | None = None
    self._started = 0.0
    # Nobody else reads what it prints; it tells why it has died.
    self._log = tempfile.TemporaryFile()
    context = multiprocessing.get_context("spawn")
    self.connection, theirs = context.Pipe()
    self._process = context.Process(
      target=serve, args=(theirs, factory), daemon=True
    )
    with _inherited({**environment, _STARTING: "1"}, self._log.fileno()):
      self._process.start()
    theirs.close()

  @property
  def pid(self) -> int:
    """The number of the process."""
    assert self._process.pid is not None
    return self._process.pid

  @property
  def seconds(self) -> float:
    """Since when it is at its job."""
    return time.monotonic() - self._started

  @property
  def num_bytes(self) -> int:
    """How much memory it has; 0 if the system does not tell."""
    try:
      pages = pathlib.Path(_STATM.format(self.pid)).read_text().split()[1]
    except (OSError, IndexError):
      return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")

  def begin(self, job: base.Job) -> None:
    """Gives it a job.

    Args:
      job: what is to be done.
    """
    self.job, self._started = job, time.monotonic()
    self.send(job.payload)

  def finish(self) -> None:
    """Takes its job away, which it has done."""
    self.job = None
    self.num_jobs += 1
    if self.least_bytes is None:
      self.least_bytes = self.num_bytes

  def send(self, value: Any) -> None:
    """Tells it something; what comes from it later says if it has died.

    Args:
      value: can be pickled.
    """
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
      self.connection.send(value)

  def receive(self) -> Message | None:
    """Returns what it says, or None if it has died."""
    try:
      return self.connection.recv()
    except (EOFError, OSError):
      return None

  def end(self) -> int:
    """Ends it at once; returns its exit code, negative if a signal killed it.

    If it has died before, that is how.
    """
    self._process.join(0.5 if self._is_closed() else 0)
    self._process.kill()
    self._process.join()
    self.connection.close()
    code = self._process.exitcode
    assert code is not None
    return code

  def _is_closed(self) -> bool:
    """Whether its end of the connection is gone: it is about to have died."""
    try:
      return self.connection.poll() and self.receive() is None
    except OSError:
      return True

  def last_words(self) -> str:
    """Returns the last line that it printed; "" if there is none."""
    size = os.fstat(self._log.fileno()).st_size
    # Its place in the file is the worker's, too, and is not to be moved.
    text = os.pread(self._log.fileno(), 4096, max(0, size - 4096))
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""


@contextlib.contextmanager
def _inherited(environment: Mapping[str, str], output: int) -> Iterator[None]:
  """Within it, a process that starts has these variables and this output.

  Args:
    environment: variables, by name.
    output: the descriptor of a file, for what it prints.
  """
  before = {name: os.environ.get(name) for name in environment}
  blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
  screens = {number: _copy(number) for number in (1, 2)}
  try:
    os.environ.update(environment)
    for number in screens:
      os.dup2(output, number)
    yield
  finally:
    for number, screen in screens.items():
      if screen is None:
        os.close(number)
      else:
        os.dup2(screen, number)
        os.close(screen)
    for name, value in before.items():
      if value is None:
        del os.environ[name]
      else:
        os.environ[name] = value
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _copy(number: int) -> int | None:
  """Returns a copy of a descriptor; None if it is closed."""
  try:
    return os.dup(number)
  except OSError:
    return None
