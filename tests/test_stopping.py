import signal
import subprocess
import sys

import pytest

SCRIPT = """
import signal, sys, time
from enas_tf import stopping
if sys.argv[1] == "ignored":
  signal.signal(signal.SIGHUP, signal.SIG_IGN)
stop = stopping.Stop()
stop.install()
if sys.argv[1] == "outside":
  print("ready", flush=True)
  time.sleep(60)
with stop.steps():
  print("ready", flush=True)
  for _ in range(600):
    time.sleep(0.1)
    if stop.requested():
      print("a whole step", flush=True)
      if sys.argv[1] == "twice":
        time.sleep(60)
      stop.end()
    if sys.argv[1] == "ignored":
      break
print("the end", flush=True)
"""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def start(case):
  process = subprocess.Popen(
    [sys.executable, "-c", SCRIPT, case],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    # A shell that starts the tests in the background ignores Ctrl-C.
    preexec_fn=lambda: [signal.signal(s, signal.SIG_DFL) for s in SIGNALS],
  )
  assert process.stdout.readline() == "ready\n"
  return process


@pytest.mark.parametrize("how", SIGNALS, ids=str)
def test_the_first_waits_for_a_whole_step(how):
  process = start("once")
  process.send_signal(how)
  output, said = process.communicate(timeout=30)
  assert process.returncode == 128 + how
  assert output == "a whole step\n"
  assert "Stopping at the next whole step" in said


@pytest.mark.parametrize("how", SIGNALS, ids=str)
def test_the_second_ends_at_once(how):
  process = start("twice")
  process.send_signal(how)
  assert process.stdout.readline() == "a whole step\n"
  process.send_signal(how)
  output, said = process.communicate(timeout=30)
  assert process.returncode == 128 + how
  assert output == ""
  assert "Interrupted. The same command goes on" in said


@pytest.mark.parametrize("how", SIGNALS, ids=str)
def test_outside_of_steps_it_ends_at_once(how):
  process = start("outside")
  process.send_signal(how)
  output, said = process.communicate(timeout=30)
  assert process.returncode == 128 + how
  assert output == ""
  assert "Interrupted." in said


def test_what_is_ignored_stays_ignored():
  process = start("ignored")
  process.send_signal(signal.SIGHUP)
  output, said = process.communicate(timeout=30)
  assert (process.returncode, output, said) == (0, "the end\n", "")
