"""One server for all tests of bad inputs, and a finished run of each space."""

import functools
import shutil

import pytest

from tests.bad_inputs import commands as commands_lib


@pytest.fixture(scope="session")
def commands(tmp_path_factory):
  """Runs commands without waiting for TensorFlow."""
  made = commands_lib.Commands(tmp_path_factory.mktemp("server"))
  yield made
  made.close()


@pytest.fixture(scope="session")
def _finished(commands, tmp_path_factory):
  folder = tmp_path_factory.mktemp("finished")

  @functools.cache
  def make(space):
    flags = commands_lib.ROOT / "flags" / f"smoke_{space}.flags"
    outcome = commands.run(
      [f"--flagfile={flags}", f"--output_dir={space}"], folder, seconds=300
    )
    assert outcome.code == 0, outcome.stderr
    return folder / space

  return make


@pytest.fixture
def finished(_finished, tmp_path):
  """Copies the finished run of a space, for damage: finished("rnn")."""

  def copy(space):
    return shutil.copytree(_finished(space), tmp_path / "run")

  return copy
