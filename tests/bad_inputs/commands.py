"""What the tests of bad inputs share: commands, and what a refusal is."""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

ROOT = pathlib.Path(__file__).parent.parent.parent
SPACES = ("micro", "macro", "rnn")
_LONGEST = 2_000  # Characters of a line.
# What a refused command may add to the folder of a run.
_ADDED = re.compile(r"\.enas_tf\.lock|manifest\.json")


class Outcome(NamedTuple):
  """What a command did: its exit code, and what it wrote."""

  code: int
  stdout: str
  stderr: str


class Commands:
  """Runs commands in the forks of a server."""

  def __init__(self, folder: pathlib.Path):
    self._folder = folder
    self._server = subprocess.Popen(
      [sys.executable, "-m", "tests.bad_inputs.server"],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      text=True,
      cwd=ROOT,
      # No machine of this name exists, so there is no network.
      env=os.environ
      | {
        "https_proxy": "http://invalid.invalid:1",
        "KERAS_HOME": str(folder / "keras"),
      },
    )

  def run(
    self,
    flags: Sequence[object],
    folder: pathlib.Path,
    *,
    stdout: str | None = None,
    stderr: str | None = None,
    closed: Sequence[int] = (),
    most_memory: int = 0,
    seconds: float = 60,
  ) -> Outcome:
    """Runs a command.

    Args:
      flags: the arguments.
      folder: the current one.
      stdout: a file that takes the place of the output.
      stderr: a file that takes the place of the error stream.
      closed: the descriptors that are closed.
      most_memory: bytes of data that the process may have, or 0.
      seconds: after which it is killed.
    """
    paths = {name: self._folder / name for name in ("stdout", "stderr")}
    request = {
      "flags": [str(flag) for flag in flags],
      "folder": str(folder),
      "stdout": stdout or str(paths["stdout"]),
      "stderr": stderr or str(paths["stderr"]),
      "closed": list(closed),
      "most_memory": most_memory,
      "seconds": seconds,
    }
    for path in paths.values():
      path.write_bytes(b"")
    print(json.dumps(request), file=self._server.stdin, flush=True)
    code = json.loads(self._server.stdout.readline())
    said = {k: v.read_text(errors="replace") for k, v in paths.items()}
    return Outcome(code, **said)

  def close(self) -> None:
    """Ends the server."""
    self._server.stdin.close()
    self._server.wait(60)
    self._server.stdout.close()


def contents(folder: pathlib.Path) -> dict[str, str]:
  """Returns what lies below a folder, by its path there."""
  found = {}
  for parent, folders, names in os.walk(folder):
    for name in (*folders, *names):
      path = pathlib.Path(parent, name)
      if path.is_symlink():
        found[str(path.relative_to(folder))] = os.readlink(path)
      elif path.is_file():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        found[str(path.relative_to(folder))] = digest
  return found


def assert_refused(outcome: Outcome, words: str) -> None:
  """Asserts that a command ended in one line, in which the pattern matches."""
  assert outcome.code == 1, (outcome.code, outcome.stderr, outcome.stdout)
  assert outcome.stderr.count("\n") == 1, outcome.stderr
  assert outcome.stderr.startswith("error: "), outcome.stderr
  assert len(outcome.stderr) <= _LONGEST, len(outcome.stderr)
  assert outcome.stderr[:-1].isprintable(), outcome.stderr
  assert "Received: " in outcome.stderr, outcome.stderr
  # A last resort; whoever reads it does not know what to do.
  assert "please report" not in outcome.stderr, outcome.stderr
  assert re.search(words, outcome.stderr), outcome.stderr


def refuse(
  commands: Commands,
  folder: pathlib.Path,
  flags: Sequence[object],
  words: str,
  **options,
) -> Outcome:
  """Runs a command in a folder, and asserts that it is refused.

  Args:
    commands: runs it.
    folder: the current one; nothing below it changes.
    flags: of the command.
    words: a pattern that the message must hold.
    **options: of `Commands.run`.
  """
  before = contents(folder)
  outcome = commands.run(flags, folder, **options)
  assert_refused(outcome, words)
  after = contents(folder)
  added = {path for path in after if path not in before}
  for path in added:
    name = pathlib.Path(path).name
    assert _ADDED.fullmatch(name), path
    if name == "manifest.json":
      assert "starts" not in json.loads((folder / path).read_text())
  lock = ".enas_tf.lock"  # It names the process.
  assert {
    p: v for p, v in after.items() if p not in added and lock not in p
  } == {p: v for p, v in before.items() if lock not in p}
  return outcome
