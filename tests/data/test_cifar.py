import gzip
import io
import os
import pickle
import struct
import tarfile

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.data import cifar, images
from enas_tf.settings import data as data_settings

NAMES = [b"cat", b"dog"]


def python2_pickle(value) -> bytes:
  """Returns the bytes that Python 2 would have pickled, protocol 2."""
  return b"\x80\x02" + opcodes(value) + b"."


def opcodes(value) -> bytes:
  if isinstance(value, dict):
    items = [opcodes(each) for pair in value.items() for each in pair]
    return b"}(" + b"".join(items) + b"u"
  if isinstance(value, list):
    return b"](" + b"".join(map(opcodes, value)) + b"e"
  if isinstance(value, int):
    return b"J" + struct.pack("<i", value)
  if isinstance(value, bytes):  # A `str` of Python 2.
    return b"T" + struct.pack("<i", len(value)) + value
  return (
    b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
    b"K\x00\x85U\x01b\x87R(K\x01("
    + b"".join(map(opcodes, value.shape))
    + b"tcnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
    b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
    + opcodes(value.tobytes())
    + b"tb"
  )


def python3_pickle(value) -> bytes:
  return pickle.dumps(value, protocol=2)


def batch(seed=0, size=4, **changed):
  rng = np.random.default_rng(seed)
  return {
    b"data": rng.integers(0, 256, (size, 3072), np.uint8),
    b"labels": [i % 2 for i in range(size)],
  } | {key.encode(): value for key, value in changed.items()}


def cifar10_files(dump=python2_pickle):
  files = {f"data_batch_{i}": dump(batch(i)) for i in range(1, 6)}
  files["test_batch"] = dump(batch(6))
  files["batches.meta"] = dump({b"label_names": NAMES})
  return files


def write(folder, files):
  folder.mkdir(exist_ok=True)
  for name, content in files.items():
    (folder / name).write_bytes(content)
  return folder


def archive(path, files):
  with tarfile.open(path, "w:gz") as tar:
    for name, content in files.items():
      member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
      member.size = len(content)
      tar.addfile(member, io.BytesIO(content))
  return path


def assert_read(result):
  (x_train, y_train), (x_test, _), names = result
  assert x_train.shape == (20, 32, 32, 3) and x_test.shape == (4, 32, 32, 3)
  assert y_train.tolist() == [0, 1] * 10
  assert names == ("cat", "dog")
  # Pixels lie channel by channel, row by row.
  data = batch(2)[b"data"]
  assert x_train[5, 3, 7, 2] == data[1, 2 * 1024 + 3 * 32 + 7]
  np.testing.assert_array_equal(x_train[4, :, :, 0].ravel(), data[0, :1024])


@pytest.mark.parametrize("dump", [python2_pickle, python3_pickle])
def test_folder_of_either_python(tmp_path, dump):
  assert_read(cifar.read("cifar10", write(tmp_path, cifar10_files(dump))))


def test_folder_above(tmp_path):
  write(tmp_path / "cifar-10-batches-py", cifar10_files())
  assert_read(cifar.read("cifar10", tmp_path))


def test_archive(tmp_path):
  path = archive(tmp_path / "cifar.tar.gz", cifar10_files())
  assert_read(cifar.read("cifar10", path))
  assert [each.name for each in tmp_path.iterdir()] == ["cifar.tar.gz"]


def test_cifar100_takes_the_fine_labels(tmp_path):
  part = batch()
  part[b"coarse_labels"] = part.pop(b"labels")
  part[b"fine_labels"] = [99, 0, 1, 2]
  names = [b"fine%d" % i for i in range(100)]
  meta = {b"fine_label_names": names, b"coarse_label_names": [b"coarse"]}
  content = {"train": part, "test": part, "meta": meta}
  files = {name: python2_pickle(value) for name, value in content.items()}
  write(tmp_path / "cifar-100-python", files)
  data = data_settings.ImageData(data="cifar100", data_path=str(tmp_path))
  dataset = images.load(data, hold_out=False)
  assert dataset.num_classes == 100 and dataset.class_names[99] == "fine99"
  assert dataset.train.labels.tolist() == [99, 0, 1, 2]


class Malicious:
  """Pickles to a call that leaves a file behind."""

  def __init__(self, function, *arguments):
    self._call = function, arguments

  def __reduce__(self):
    return self._call


@pytest.mark.parametrize("name", ["data_batch_1", "batches.meta"])
@pytest.mark.parametrize("function", [os.mkdir, eval, os.system])
def test_pickle_never_runs_anything(tmp_path, name, function):
  victim = tmp_path / "victim"
  argument = {
    os.mkdir: str(victim),
    eval: f"__import__('os').mkdir({str(victim)!r})",
    os.system: f"mkdir {victim}",
  }[function]
  content = python3_pickle(batch(labels=Malicious(function, argument)))
  pickle.loads(content)
  victim.rmdir()  # Without care it would have run.
  files = cifar10_files() | {name: content}
  path = write(tmp_path / "data", files)
  with pytest.raises(errors.DataError, match=f"{name} .*asks to run"):
    cifar.read("cifar10", path)
  assert not victim.exists()


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_truncated_pickle(tmp_path, kept):
  files = cifar10_files()
  files["data_batch_3"] = files["data_batch_3"][:kept]
  with pytest.raises(errors.DataError, match="data_batch_3 .*damaged"):
    cifar.read("cifar10", write(tmp_path, files))


@pytest.mark.parametrize(
  "value",
  [
    batch(data=np.zeros((4, 3071), np.uint8)),
    batch(data=np.zeros(3072, np.uint8)),
    batch(data=[1]),
    batch(labels=[0, 1, 0]),
    batch(labels=[b"cat", b"cat", b"cat", b"cat"]),
    batch(labels=7),
    {b"coarse_labels": [0], b"data": np.zeros((1, 3072), np.uint8)},
    {b"data": 0, 1: 0},
  ],
)
def test_wrong_content(tmp_path, value):
  files = cifar10_files() | {"test_batch": python2_pickle(value)}
  with pytest.raises(errors.DataError, match="test_batch must hold uint8"):
    cifar.read("cifar10", write(tmp_path, files))


def test_text_batch_of_python3_is_refused(tmp_path):
  content = python3_pickle({"data": 0, b"labels": 0})
  files = cifar10_files() | {"test_batch": content}
  with pytest.raises(errors.DataError, match="keys="):
    cifar.read("cifar10", write(tmp_path, files))


def test_label_out_of_range(tmp_path):
  files = cifar10_files()
  files["data_batch_1"] = python2_pickle(batch(labels=[0, 1, 2, 0]))
  data = data_settings.ImageData(data_path=str(write(tmp_path, files)))
  with pytest.raises(errors.DataError, match="2 classes.*label=2"):
    images.load(data, hold_out=True)


def test_missing_file(tmp_path):
  files = cifar10_files()
  del files["data_batch_4"]
  with pytest.raises(errors.DataError, match="data_batch_4"):
    cifar.read("cifar10", write(tmp_path / "folder", files))
  with pytest.raises(errors.DataError, match="no file data_batch_4"):
    cifar.read("cifar10", archive(tmp_path / "some.tar.gz", files))


def test_damaged_archive(tmp_path):
  path = archive(tmp_path / "cifar.tar.gz", cifar10_files())
  content = path.read_bytes()
  middle = len(content) // 2
  flipped = content[:middle] + bytes(64) + content[middle + 64 :]
  not_tar = gzip.compress(b"no archive" * 100)
  for damaged in (b"", content[:100], content[:middle], flipped, not_tar):
    path.write_bytes(damaged)
    with pytest.raises(errors.DataError, match="Received: "):
      cifar.read("cifar10", path)
