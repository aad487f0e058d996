"""Data that are damaged, too large or too few, or not there."""

import lzma
import os

import pytest

from tests.bad_inputs import commands as commands_lib
from tests.data import test_bad_images, test_cifar, test_folder


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


@pytest.mark.parametrize("make", LINES, ids=lambda each: each.__name__)
def test_bad_data(commands, tmp_path, make):
  flags = ["--num_epochs=1", "--output_dir=run", *make(tmp_path)]
  commands_lib.refuse(commands, tmp_path, flags, LINES[make])
  assert not (tmp_path / "victim").exists()
