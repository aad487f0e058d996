"""Runs commands in forks of one process that has imported TensorFlow.

It reads a JSON object from each line of its input, and answers with one: the
exit code of the command (negative for a signal). TensorFlow is only imported
here, and does nothing: its threads would not survive a fork.
"""

import contextlib
import json
import os
import resource
import signal
import sys
import time

from absl import app

from enas_tf import main, startup

with startup.importing():
  import sklearn.datasets  # noqa: F401
  import tensorflow  # noqa: F401

  from enas_tf.runs import verbs  # noqa: F401

# TensorFlow looks for GPUs when absl begins, or when it is imported after that,
# as in a command.
_callbacks = list(app._init_callbacks)
app._init_callbacks.clear()
_importing = startup.importing


@contextlib.contextmanager
def _import_anew():
  with _importing():
    for callback in _callbacks:
      callback()
    yield


startup.importing = _import_anew


def _become(request: dict) -> None:
  """Is the command, in a fork; does not return."""
  code = 70
  try:
    os.chdir(request["folder"])
    for number, name in ((1, "stdout"), (2, "stderr")):
      options = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
      opened = os.open(request[name], options, 0o644)
      os.dup2(opened, number)
      os.close(opened)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    for number in request["closed"]:  # As `>&-` does.
      os.close(number)
      setattr(sys, ("stdin", "stdout", "stderr")[number], None)
    if request["most_memory"]:
      limits = (request["most_memory"],) * 2
      resource.setrlimit(resource.RLIMIT_DATA, limits)
    sys.argv = ["enas_tf", *request["flags"]]
    main.run()
    code = 0
  except SystemExit as error:
    code = error.code if isinstance(error.code, int) else int(bool(error.code))
  except BaseException:
    sys.excepthook(*sys.exc_info())
  finally:
    for stream in (sys.stdout, sys.stderr):
      if stream is not None:
        stream.flush()
    os._exit(code)


def _run(request: dict) -> int:
  """Returns the exit code of a command, or minus its signal."""
  process = os.fork()
  if not process:
    _become(request)
  deadline = time.monotonic() + request["seconds"]
  while True:
    done, status = os.waitpid(process, os.WNOHANG)
    if done:
      return os.waitstatus_to_exitcode(status)
    if time.monotonic() > deadline:
      os.kill(process, signal.SIGKILL)
    time.sleep(0.003)


if __name__ == "__main__":
  answers = os.fdopen(os.dup(1), "w")
  for line in sys.stdin:
    print(json.dumps(_run(json.loads(line))), file=answers, flush=True)
