"""Runs the command in forks of one process, which imports TensorFlow once.

As a script it is that process: it reads requests, a JSON line each, and answers
with a line each.
"""

import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from typing import Any, NamedTuple

ROOT = pathlib.Path(__file__).parent.parent
FULL = 0  # The fault of a disk.


class Done(NamedTuple):
  """How a command ended; a signal that killed it is a negative code."""

  code: int
  stdout: str
  stderr: str


class Command:
  """One command at work.

  Attributes:
    pid: of its process.
  """

  def __init__(self, runner: "Runner", pipes: list[pathlib.Path], pid: int):
    self._runner, self.pid = runner, pid
    self._code: int | None = None
    self._texts = [""] * len(pipes)
    self._readers = [
      threading.Thread(target=self._read, args=each, daemon=True)
      for each in enumerate(pipes)
    ]
    for reader in self._readers:
      reader.start()

  def _read(self, i: int, pipe: pathlib.Path) -> None:
    with open(pipe, errors="replace", newline="") as file:
      for line in file:
        # Of a GPU, which a fork cannot use.
        self._texts[i] += "" if "cuInit" in line else line

  @property
  def stdout(self) -> str:
    """What it has printed so far."""
    return self._texts[0]

  def poll(self) -> int | None:
    """Returns how it ended, or None as long as it is at work."""
    if self._code is None:
      self._code = self._runner.ask({"poll": self.pid})
    return self._code

  def send(self, number: signal.Signals) -> None:
    if self.poll() is None:
      os.kill(self.pid, number)

  def wait(self, seconds: float = 300) -> Done:
    deadline = time.monotonic() + seconds
    while self.poll() is None:
      if time.monotonic() > deadline:
        self.send(signal.SIGKILL)
        raise AssertionError(f"It hangs: {self._texts}")
      time.sleep(0.02)
    for reader in self._readers:
      reader.join(10)
    return Done(self._code, *self._texts)


class Runner:
  """The process that forks.

  Args:
    folder: for the pipes that the commands print into.
  """

  def __init__(self, folder: pathlib.Path):
    self._folder, self._count = folder, 0
    self._process = subprocess.Popen(
      [sys.executable, "-m", "tests.forked"],
      cwd=ROOT,
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      text=True,
    )

  def ask(self, request: dict[str, Any]) -> Any:
    self._process.stdin.write(json.dumps(request) + "\n")
    self._process.stdin.flush()
    return json.loads(self._process.stdout.readline())

  def start(
    self, *flags: Any, at: str | None = None, fault: int = FULL
  ) -> Command:
    """Starts a command.

    Args:
      *flags: of the command.
      at: a regular expression; the fault comes when Python opens or makes a
        file whose path matches it, or is about to rename one to such a path.
      fault: FULL, and from then on the system refuses to write any file, or
        the signal that the process gets.
    """
    self._count += 1
    pipes = [self._folder / f"{self._count}.{n}" for n in ("out", "err")]
    for pipe in pipes:
      os.mkfifo(pipe)
    request = {
      "flags": list(map(str, flags)),
      "pipes": list(map(str, pipes)),
      "at": at,
      "fault": fault,
    }
    return Command(self, pipes, self.ask(request))

  def run(self, *flags: Any, at: str | None = None, fault: int = FULL) -> Done:
    return self.start(*flags, at=at, fault=fault).wait()

  def close(self) -> None:
    self._process.stdin.close()
    self._process.wait(timeout=60)


def _serve() -> dict[str, Any] | None:
  """Answers until the requests end; returns a request in a fork for it."""
  for line in sys.stdin:
    request = json.loads(line)
    if "poll" in request:
      pid, status = os.waitpid(request["poll"], os.WNOHANG)
      answer = os.waitstatus_to_exitcode(status) if pid else None
    else:
      answer = os.fork()
      if not answer:
        return request
    print(json.dumps(answer), flush=True)
  return None


def _become(request: dict[str, Any]) -> None:
  """Makes a process of its own of the fork."""
  with open(os.devnull) as nothing:
    os.dup2(nothing.fileno(), 0)
  for number, pipe in enumerate(request["pipes"], start=1):
    with open(pipe, "w") as file:
      os.dup2(file.fileno(), number)
  # A shell that starts the tests in the background ignores Ctrl-C.
  signal.signal(signal.SIGINT, signal.default_int_handler)
  if request["at"] is not None:
    _arrange(re.compile(request["at"]), request["fault"])
  sys.argv = ["enas_tf", *request["flags"]]


def _arrange(at: re.Pattern, fault: int) -> None:
  """Lets the fault come, once, when a path matches; see `Runner.start`."""
  left = [fault]

  def watch(event: str, args: tuple) -> None:
    is_of_a_file = event in ("open", "os.rename", "os.mkdir")
    if is_of_a_file and left and at.search(str(args[event == "os.rename"])):
      left.clear()
      if fault == FULL:
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limit))
      else:
        os.kill(os.getpid(), fault)

  sys.addaudithook(watch)


if __name__ == "__main__":
  from enas_tf import main, startup

  with startup.importing():
    from enas_tf.runs import verbs  # noqa: F401
  found = _serve()
  if found is not None:
    _become(found)
    main.run()
