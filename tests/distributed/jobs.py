"""What the workers of the tests do; it loads no TensorFlow."""

import os
import pathlib
import signal
import time

from enas_tf import errors


def make(common):
  """Returns what does a job: (verb, argument)."""
  if common == "refuses":
    raise errors.DataError("There are no data. Received: data=None")
  if common == "breaks":
    raise RuntimeError("of no known kind")
  done = []

  def work(payload, report):
    verb, argument = payload
    done.append(verb)
    if verb == "double":
      return 2 * argument
    if verb == "common":
      return common
    if verb == "about":
      return {
        "pid": os.getpid(),
        "jobs": len(done),
        "slot": os.environ.get("SLOT"),
        "interrupts": signal.SIGINT
        in signal.pthread_sigmask(signal.SIG_BLOCK, ()),
      }
    if verb == "sleep":
      time.sleep(argument)
      return argument
    if verb == "raise":
      raise argument
    if verb == "kill":
      os.kill(os.getpid(), argument)
    if verb == "kill once":
      path = pathlib.Path(argument)
      if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
      return "lives"
    if verb == "exit":
      print("My last words.", flush=True)
      os._exit(argument)
    if verb == "fill":
      held = b"x" * argument
      time.sleep(60)
      return len(held)
    if verb == "keep":
      done.append(b"x" * argument)
      return os.getpid()
    if verb == "count":
      for i in range(argument):
        if not report(i):
          return i
      return argument
    raise AssertionError(verb)

  return work
