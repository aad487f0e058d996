"""Tables of CIFAR archives and batches that lie, and a bound of memory."""

import bz2
import gzip
import io
import lzma
import os
import pickle
import struct
import subprocess
import sys
import tarfile

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.data import cifar, pickles
from tests.data import test_cifar


def member(name, content=b"", **changed) -> tuple[tarfile.TarInfo, bytes]:
  info = tarfile.TarInfo(name)
  info.size = len(content)
  for key, value in changed.items():
    setattr(info, key, value)
  return info, content


def tar(*members) -> bytes:
  file = io.BytesIO()
  with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as out:
    for info, content in members:
      out.addfile(info, io.BytesIO(content))
  return file.getvalue()


def good() -> list:
  return [
    member(f"cifar-10-batches-py/{name}", content)
    for name, content in test_cifar.cifar10_files().items()
  ]


def sparse() -> bytes:
  """Returns an archive of a few bytes that read as a gigabyte of zeros."""
  headers = {
    "GNU.sparse.major": "0",
    "GNU.sparse.minor": "1",
    "GNU.sparse.name": "data_batch_1",
    "GNU.sparse.size": str(10**9),
    "GNU.sparse.realsize": str(10**9),
    "GNU.sparse.map": "0,512",
  }
  return tar(member("data_batch_1", bytes(512), pax_headers=headers))


def size_that_lies() -> bytes:
  info, _ = member("data_batch_1", size=2**40)
  return info.tobuf() + bytes(2048)


def links(kind) -> bytes:
  return tar(
    *(
      member(name, type=kind, linkname="/etc/passwd")
      for name in test_cifar.cifar10_files()
    )
  )


PLAIN = tar(*good())
XZ, BZ2, GZ = lzma.compress(PLAIN), bz2.compress(PLAIN), gzip.compress(PLAIN)
ARCHIVES = {
  "empty": b"",
  "text": b"text" * 1000,
  "zeros": bytes(10_000),
  "half of a tar": PLAIN[: len(PLAIN) // 2],
  "half of a gz": GZ[: len(GZ) // 2],
  "half of a bz2": BZ2[: len(BZ2) // 2],
  "half of an xz": XZ[: len(XZ) // 2],
  "gz with zeros inside": GZ[:5000] + bytes(64) + GZ[5064:],
  "bz2 with zeros inside": BZ2[:5000] + bytes(64) + BZ2[5064:],
  "xz with zeros inside": XZ[:5000] + bytes(64) + XZ[5064:],
  "gz without its checksum": GZ[:-4],
  "gz with another checksum": GZ[:-8] + bytes(8),
  "only the magic of gz": b"\x1f\x8b",
  "only the magic of xz": b"\xfd7zXZ\0",
  "only the magic of bz2": b"BZh",
  "gz of no tar": gzip.compress(b"text" * 1000),
  "zip": b"PK\x05\x06" + bytes(18),
  "no members": tar(),
  "other members": tar(member("readme", b"text")),
  "one missing": tar(*good()[1:]),
  "folders": links(tarfile.DIRTYPE),
  "symbolic links": links(tarfile.SYMTYPE),
  "hard links": links(tarfile.LNKTYPE),
  "devices": links(tarfile.CHRTYPE),
  "pipes": links(tarfile.FIFOTYPE),
  "sparse": sparse(),
  "size that lies": size_that_lies(),
  "too many members": tar(*(member(f"{i}") for i in range(1001))),
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_archives(tmp_path, kind):
  path = tmp_path / "data" / "cifar.tar"
  path.parent.mkdir()
  path.write_bytes(ARCHIVES[kind])
  with pytest.raises(errors.DataError, match="data_path=") as caught:
    cifar.read("cifar10", path)
  assert "official Python archive" in str(caught.value)
  assert len(str(caught.value)) <= 2000
  assert [each.name for each in tmp_path.rglob("*.*")] == ["cifar.tar"]


@pytest.mark.parametrize("content", [PLAIN, GZ, BZ2, XZ])
def test_every_compression_is_read(tmp_path, content):
  (tmp_path / "archive").write_bytes(content)
  test_cifar.assert_read(cifar.read("cifar10", tmp_path / "archive"))


def test_names_that_leave_the_folder_write_nothing(tmp_path):
  path = tmp_path / "inner" / "cifar.tar"
  path.parent.mkdir()
  members = [
    member(f"../../{info.name}", content) for info, content in good()
  ] + [member("/tmp/../data_batch_9", b"x")]
  path.write_bytes(tar(*members))
  test_cifar.assert_read(cifar.read("cifar10", path))
  assert [each.name for each in tmp_path.rglob("*")] == ["inner", "cifar.tar"]


def bomb(place: str) -> bytes:
  """Returns an archive of a few kilobytes that unpacks to 600 MB."""
  size = 600 * 2**20
  file = io.BytesIO()
  with gzip.open(file, "wb") as out:
    info, _ = member("data_batch_1" if place == "wanted" else "other")
    if place == "header":
      info.type = tarfile.XHDTYPE
    info.size = 0 if place == "behind" else size
    out.write(info.tobuf())
    for _ in range(600):
      out.write(bytes(2**20))
  return file.getvalue()


@pytest.mark.parametrize("place", ["wanted", "other", "header", "behind"])
def test_an_archive_stays_within_a_bound_of_memory(tmp_path, place):
  path = tmp_path / "cifar.tar.gz"
  path.write_bytes(bomb(place))
  assert path.stat().st_size < 2**20
  assert_bounded(f"cifar.read('cifar10', pathlib.Path({str(path)!r}))", 600)


def assert_bounded(call: str, most_megabytes: int):
  """Asserts that a call fails well, and how much memory it takes."""
  script = (
    "import pathlib, resource\n"
    "from enas_tf import errors\n"
    "from enas_tf.data import cifar, mnist, text\n"
    "usage = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    "before = usage()\n"
    f"try: {call}\n"
    "except errors.DataError as error: print(error)\n"
    "print((usage() - before) // 1024)"
  )
  process = subprocess.run(
    [sys.executable, "-c", script], capture_output=True, text=True, check=True
  )
  message, megabytes = process.stdout.splitlines()
  assert "Received: " in message
  assert int(megabytes) <= most_megabytes


def test_an_idx_file_stays_within_a_bound_of_memory(tmp_path):
  header = struct.pack(">4i", 2051, 1, 1, 1)
  with gzip.open(tmp_path / "train-images-idx3-ubyte.gz", "wb") as out:
    out.write(header)
    for _ in range(600):
      out.write(bytes(2**20))
  assert_bounded(f"mnist.read(pathlib.Path({str(tmp_path)!r}))", 50)


# Pickles. What is damaged, or asks for more than its bytes hold.

ARRAY = test_cifar.opcodes(np.zeros((1, 3072), np.uint8))
REBUILD = b"cnumpy.core.multiarray\n_reconstruct\n"
PICKLES = {
  "empty": b"",
  "text": b"some text",
  "stop": b".",
  "no dictionary": b"\x80\x02]q\x00.",
  "unknown protocol": b"\x80\xff}.",
  "unknown opcode": b"\x80\x02}\xff.",
  "memo of 2**31": b"\x80\x02}r\xff\xff\xff\x7f.",
  "memo that is not": b"\x80\x02h\x05.",
  "bytes of 2**60": b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b".",
  "bytearray of 2**34": b"\x80\x05\x96" + struct.pack("<Q", 2**34) + b".",
  "frame of 2**60": b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b".",
  "long of 2**31": b"\x80\x02\x8b" + struct.pack("<I", 2**31 - 1) + b".",
  "million digits": b"\x80\x02I" + b"9" * 10**6 + b"\n.",
  "long name": b"\x80\x02c" + b"a" * 10**6 + b"\nb\n.",
  "function of os": b"\x80\x02cos\nsystem\nU\x02id\x85R.",
  "function of builtins": b"\x80\x02c__builtin__\neval\nU\x011\x85R.",
  "attribute of an admitted": b"\x80\x04\x8c\x05numpy\x8c\x0bndarray.x\x93.",
  "extension": b"\x80\x02\x82\x01.",
  "persistent": b"\x80\x02Pid\n.",
  "instance": b"\x80\x02(ios\nsystem\n.",
  "huge array": b"\x80\x02" + REBUILD + b"cnumpy\nndarray\n"
  b"\x8a\x05\0\0\0\0\x10\x85U\x01b\x87R.",
  "array of objects": b"\x80\x02}U\x04data"
  + ARRAY.replace(b"U\x02u1", b"U\x02O8")
  + b"s.",
  "array of another size": b"\x80\x02}U\x04data"
  + ARRAY.replace(struct.pack("<i", 3072), struct.pack("<i", 4096), 1)
  + b"s.",
  "zip codec": pickle.dumps(
    {
      b"data": test_cifar.Malicious(
        __import__("_codecs").encode, b"0" * 100, "bz2"
      )
    },
    2,
  ),
}


@pytest.mark.parametrize("kind", PICKLES)
def test_pickles(tmp_path, kind):
  files = test_cifar.cifar10_files() | {"data_batch_2": PICKLES[kind]}
  folder = test_cifar.write(tmp_path, files)
  with pytest.raises(errors.DataError, match="data_batch_2") as caught:
    cifar.read("cifar10", folder)
  assert len(str(caught.value)) <= 2000 and "\n" not in str(caught.value)


@pytest.mark.parametrize(
  "names", [7, None, [1, 2], {b"a": 1}, ["text"], b"bytes", [b"a"]]
)
def test_names_of_classes(tmp_path, names):
  from enas_tf.data import images
  from enas_tf.settings import data as data_settings

  meta = pickle.dumps({b"label_names": names}, 2)
  files = test_cifar.cifar10_files() | {"batches.meta": meta}
  folder = str(test_cifar.write(tmp_path, files))
  with pytest.raises(errors.DataError, match="names|two classes|another"):
    images.load(data_settings.ImageData(data_path=folder), hold_out=False)


@pytest.mark.parametrize("label", [-1, 256, 10**30, 10**5000], ids="abcd")
def test_labels(tmp_path, label):
  content = pickle.dumps(test_cifar.batch(labels=[0, 1, 0, label]), 2)
  files = test_cifar.cifar10_files() | {"data_batch_1": content}
  with pytest.raises(errors.DataError, match="data_batch_1 must hold"):
    cifar.read("cifar10", test_cifar.write(tmp_path, files))


def test_a_pickle_stays_within_a_bound_of_memory(tmp_path):
  for i, kind in enumerate(
    ("memo of 2**31", "bytes of 2**60", "bytearray of 2**34", "huge array")
  ):
    (tmp_path / str(i)).mkdir()
    (tmp_path / str(i) / "data_batch_1").write_bytes(PICKLES[kind])
    path = tmp_path / str(i)
    assert_bounded(f"cifar.read('cifar10', pathlib.Path({str(path)!r}))", 50)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_pickles_of_every_kind_give_their_arrays(protocol):
  array = np.asfortranarray(np.arange(12, dtype=np.uint8).reshape(3, 4))
  read = pickles.load(pickle.dumps({b"a": array, b"b": [1]}, protocol))
  np.testing.assert_array_equal(read[b"a"], array)
  assert read[b"b"] == [1]


def test_a_batch_that_is_no_file(tmp_path):
  for make in (os.mkdir, os.mkfifo, lambda path: os.symlink("/dev/zero", path)):
    folder = test_cifar.write(tmp_path, test_cifar.cifar10_files())
    victim = folder / "data_batch_1"
    victim.unlink()
    make(victim)
    with pytest.raises(errors.DataError, match="data_batch_1 .*no regular"):
      cifar.read("cifar10", folder)
    victim.rmdir() if victim.is_dir() else victim.unlink()


def test_a_batch_larger_than_any_other(tmp_path):
  folder = test_cifar.write(tmp_path, test_cifar.cifar10_files())
  with open(folder / "data_batch_1", "wb") as file:
    file.truncate(2**40)  # It takes no room on the disk.
  call = f"cifar.read('cifar10', pathlib.Path({str(folder)!r}))"
  assert_bounded(call, 300)
