"""What a user sees of bad data: one line, an exit code, nothing changed."""

import hashlib
import lzma
import os
import pathlib
import re
import subprocess
import sys

import pytest

from tests.data import test_bad_images, test_cifar, test_folder

ROOT = pathlib.Path(__file__).parent.parent.parent


def folder(path):
  test_folder.write(path / "data", num=10)
  return path / "data"


def damaged_archive(path):
  content = lzma.compress(b"no archive" * 1000)
  (path / "cifar.tar.xz").write_bytes(content[: len(content) // 2])
  return "--data=cifar10", f"--data_path={path}/cifar.tar.xz"


def pickled_call(path):
  call = test_cifar.Malicious(os.mkdir, str(path / "victim"))
  files = test_cifar.cifar10_files()
  files["data_batch_1"] = test_cifar.python3_pickle({b"data": call})
  return "--data=cifar10", f"--data_path={test_cifar.write(path / 'd', files)}"


def large_image(path):
  image = folder(path) / "dog" / "001.png"
  image.write_bytes(test_bad_images.png(60000, 60000))
  return "--data=folder", f"--data_path={path}/data"


def large_image_size(path):
  return "--data=folder", f"--data_path={folder(path)}", "--image_size=100000"


def large_batch(path):
  return "--data=folder", f"--data_path={folder(path)}", "--batch_size=99999"


def large_cutout(path):
  data = f"--data_path={folder(path)}"
  return "--data=folder", data, "--child_cutout_size=9", "--batch_size=2"


def no_validation(path):
  data = f"--data_path={folder(path)}"
  return "--data=folder", data, "--valid_fraction=0.001"


def no_such_user(path):
  return "--data=mnist", "--data_path=~nosuchuser"


def no_network(path):
  return ("--data=cifar10",)


def binary_text(path):
  (path / "text").write_bytes(bytes(1000))
  return "--search_for=rnn", "--data=text", f"--data_path={path}/text"


def short_text(path):
  (path / "text").write_text("a line of words\n" * 20)
  return "--search_for=rnn", "--data=text", f"--data_path={path}/text"


LINES = {
  damaged_archive: r"archive is damaged.*data_path=.*cifar\.tar\.xz",
  pickled_call: "data_batch_1 .*asks to run",
  large_image: "dog/001.png .*60000 by 60000",
  large_image_size: "GiB of memory.*lower --image_size.*image_size=100000",
  large_batch: "lower --batch_size.*batch_size=99999",
  large_cutout: "lower --child_cutout_size.*child_cutout_size=9",
  no_validation: "--valid_fraction",
  no_such_user: "--data_path does not exist.*~nosuchuser",
  no_network: r"--data_path=PATH.*--data=digits",
  binary_text: "byte that is 0.*--data_path",
  short_text: "too short.*lower --batch_size",
}


def contents(path):
  return {
    file: hashlib.sha256(file.read_bytes()).digest()
    for file in path.rglob("*")
    if file.is_file()
  }


@pytest.mark.parametrize("make", LINES, ids=lambda each: each.__name__)
def test_one_line_and_nothing_changes(tmp_path, make):
  flags = make(tmp_path)
  before = contents(tmp_path)
  output = tmp_path / "output"
  # No machine of this name exists, so there is no network.
  process = subprocess.run(
    [
      sys.executable,
      "-m",
      "enas_tf.main",
      "--mode=search",
      "--num_epochs=1",
      f"--output_dir={output}",
      *flags,
    ],
    cwd=ROOT,
    capture_output=True,
    text=True,
    timeout=300,
    check=False,
    env=os.environ
    | {
      "KERAS_HOME": str(tmp_path / "output" / "keras"),
      "https_proxy": "http://invalid.invalid:1",
    },
  )
  assert process.returncode == 1, process.stderr
  assert "Traceback" not in process.stderr
  message = process.stderr.splitlines()[-1]
  assert message.startswith("error: ") and "Received: " in message
  assert len(message) <= 2000
  assert re.search(LINES[make], message), message
  after = contents(tmp_path)
  assert {k: v for k, v in after.items() if output not in k.parents} == before
  assert not (tmp_path / "victim").exists()
