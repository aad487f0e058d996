"""Flagfiles, folders, data and streams that are not what they should be."""

import fcntl
import os

import pytest

from tests.bad_inputs import commands as commands_lib
from tests.data import test_bad_images, test_bad_texts, test_folder


def write(content):
  return lambda path: path.write_bytes(content)


def folder(path):
  path.mkdir()


def itself(path):
  path.symlink_to(path)


def absent(path):
  del path


FLAGFILES = {
  "missing": (absent, "flags cannot be read.*x.flags"),
  "folder": (folder, "flags cannot be read.*x.flags"),
  "link to itself": (itself, "flags cannot be read"),
  "Latin-1": (write("--seed=1\n# é".encode("latin-1")), "cannot be read"),
  "binary": (write(bytes(range(256)) * 9), "cannot be read|x.flags|Unknown"),
  "NUL in a path": (write(b"--output_dir=a\0b"), "--output_dir"),
  "unknown flag": (write(b"--no_such_flag=1"), "no_such_flag"),
  "original's flag": (write(b"--data_format=NCHW"), "NHWC always"),
  "wrong number": (write(b"--child_num_layers=ten"), "--child_num_layers"),
  "no flag": (write(b"seed=1"), "All settings are flags"),
  "missing inside": (write(b"--flagfile=no.flags"), "no.flags"),
  "long line": (write(b"--child_num_layers=" + b"9" * 10**6), "num_layers"),
}


@pytest.mark.parametrize("kind", FLAGFILES)
def test_flagfiles(commands, tmp_path, kind):
  make, words = FLAGFILES[kind]
  make(tmp_path / "x.flags")
  commands_lib.refuse(commands, tmp_path, ["--flagfile=x.flags"], words)


def foreign_folder(path):
  path.mkdir()
  (path / "precious").write_text("mine")


def link_to_a_foreign_folder(path):
  foreign_folder(path.parent / "foreign")
  path.symlink_to(path.parent / "foreign")


def foreign_manifest(path):
  path.mkdir()
  (path / "manifest.json").write_text('{"created_by": "another"}')


def foreign_lock(path):
  path.mkdir()
  (path / ".enas_tf.lock").write_text("mine")


FOLDERS = {
  "file": (write(b"mine"), "x", "--output_dir"),
  "foreign": (foreign_folder, "x", "left alone.*--output_dir.*precious"),
  "link": (link_to_a_foreign_folder, "x", "left alone|no link"),
  "link to itself": (itself, "x", "--output_dir"),
  "manifest": (foreign_manifest, "x", "left alone.*--output_dir"),
  "lock": (foreign_lock, "x", "left alone.*--output_dir"),
  "no such user": (absent, "~nosuchuser/x", "home folder .*--output_dir"),
  "long name": (absent, "x" * 5000, "--output_dir"),
  "long path": (absent, "x/" * 5000, "--output_dir"),
  "empty": (absent, "", "--output_dir must name a folder"),
  "device": (absent, "/dev/null/x", "--output_dir"),
  "process": (absent, "/proc/x", "--output_dir"),
  "below a file": (write(b"mine"), "x/y", "--output_dir"),
}


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("kind", FOLDERS)
def test_output_dirs(commands, tmp_path, kind, reset):
  make, name, words = FOLDERS[kind]
  make(tmp_path / "x")
  flags = ["--data=digits", f"--output_dir={name}"]
  flags += ["--reset_output_dir"] * reset
  commands_lib.refuse(commands, tmp_path, flags, words)


def test_a_folder_that_is_locked(commands, tmp_path):
  (tmp_path / "x").mkdir()
  with open(tmp_path / "x" / ".enas_tf.lock", "w") as lock:
    lock.write("enas_tf, process 1\n")
    lock.flush()
    fcntl.flock(lock, fcntl.LOCK_EX)
    flags = ["--data=digits", "--output_dir=x"]
    words = "Another process works in this output folder.*process 1"
    commands_lib.refuse(commands, tmp_path, flags, words)


IMAGES = {
  "missing": absent,
  "empty folder": folder,
  "file": write(b"text"),
  "link to itself": itself,
  "pipe": os.mkfifo,
  "foreign": foreign_folder,
}


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("data", ["folder", "cifar10", "cifar100", "mnist"])
def test_data_paths(commands, tmp_path, kind, data):
  IMAGES[kind](tmp_path / "x")
  flags = [f"--data={data}", "--data_path=x"]
  commands_lib.refuse(commands, tmp_path, flags, "data_path")


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("data", ["ptb", "text"])
def test_text_paths(commands, tmp_path, kind, data):
  IMAGES[kind](tmp_path / "x")
  flags = ["--search_for=rnn", f"--data={data}", "--data_path=x"]
  commands_lib.refuse(commands, tmp_path, flags, "data_path")


@pytest.mark.parametrize("kind", test_bad_images.FILES)
def test_damaged_images(commands, tmp_path, kind):
  test_folder.write(tmp_path / "x", num=10)
  (tmp_path / "x/dog/007.png").write_bytes(test_bad_images.FILES[kind])
  before = commands_lib.contents(tmp_path / "x")
  outcome = commands.run(["--data=folder", "--data_path=x"], tmp_path)
  # TensorFlow's library of JPEG images speaks before the error does.
  *_, line = outcome.stderr.splitlines(keepends=True)
  commands_lib.assert_refused(outcome._replace(stderr=line), r"dog/007\.png")
  assert commands_lib.contents(tmp_path / "x") == before


@pytest.mark.parametrize("kind", test_bad_texts.TEXTS)
def test_damaged_texts(commands, tmp_path, kind):
  (tmp_path / "x.txt").write_bytes(test_bad_texts.TEXTS[kind][0])
  flags = ["--search_for=rnn", "--data=text", "--data_path=x.txt"]
  commands_lib.refuse(commands, tmp_path, flags, r"data_path|x\.txt")


@pytest.mark.parametrize("closed", [(0,), (1,), (0, 1)])
def test_closed_streams(commands, tmp_path, closed):
  flags = ["--child_num_layers=0"]
  words = "--child_num_layers"
  commands_lib.refuse(commands, tmp_path, flags, words, closed=closed)


@pytest.mark.parametrize("closed", [(2,), (1, 2), (0, 1, 2)])
def test_without_an_error_stream_the_exit_code_tells(
  commands, tmp_path, closed
):
  outcome = commands.run(["--child_num_layers=0"], tmp_path, closed=closed)
  assert outcome.code == 1


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_full_streams(commands, tmp_path, stream):
  outcome = commands.run(
    ["--child_num_layers=0"], tmp_path, **{stream: "/dev/full"}
  )
  assert outcome.code == 1
  if stream == "stdout":
    commands_lib.assert_refused(outcome, "--child_num_layers")
