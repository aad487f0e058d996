"""Tables of images that cannot be read: each is one clear error."""

import gzip
import io
import os
import pickle
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from enas_tf import errors
from enas_tf.data import files, images, pipeline
from enas_tf.settings import data as data_settings
from tests.data import test_folder, test_images, test_mnist


def refused(match, hold_out=True, **settings):
  """Asserts that loading is one clear error that says what to do."""
  with pytest.raises(errors.UserError, match=match) as caught:
    images.load(data_settings.ImageData(**settings), hold_out=hold_out)
  message = str(caught.value)
  assert len(message) <= 2000 and "\n" not in message
  assert "Received: " in message
  return message


# `data_path` itself, with every data set that takes one.

PATHS = {
  "no such user": ("~nosuchuser/data", "`data_path` does not exist"),
  "name too long": ("x" * 300, "`data_path` does not exist.*too long"),
  "path too long": ("x/" * 50_000, "`data_path` does not exist.*too long"),
  "empty": ("", "`data_path` does not exist"),
  "NUL": ("a\0b", "`data_path` does not exist"),
  "missing": ("/nowhere/at/all", "`data_path` does not exist"),
  "below a file": (__file__ + "/data", "`data_path` does not exist"),
  "device": ("/dev/zero", "`data_path` must be|needs a folder|missing"),
}


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "mnist", "folder"])
@pytest.mark.parametrize("kind", PATHS)
def test_paths(name, kind):
  path, match = PATHS[kind]
  refused(match, data=name, data_path=path)


def test_path_that_links_to_itself(tmp_path):
  (tmp_path / "loop").symlink_to(tmp_path / "loop")
  for name in ("cifar10", "mnist", "folder"):
    refused("does not exist", data=name, data_path=str(tmp_path / "loop"))


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "mnist", "folder"])
@pytest.mark.parametrize("place", ["empty folder", "text file", "empty file"])
def test_something_else_in_the_place_of_the_data(tmp_path, name, place):
  path = tmp_path / "data"
  if place == "empty folder":
    path.mkdir()
  else:
    path.write_text("some text\n" * 100 * (place == "text file"))
  message = refused("Received", data=name, data_path=str(path))
  assert "`data_path`" in message or "official Python archive" in message


# Class folders. Each function spoils a good folder of 2 x 10 images.


def png(width, height, rows=None, kind=2, depth=8) -> bytes:
  """Returns a PNG whose header says what it likes."""

  def chunk(name, content):
    crc = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + crc

  rows = min(height, 100) if rows is None else rows
  pixels = zlib.compress(bytes(1 + width * 3) * rows)
  header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
  parts = [(b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")]
  return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def saved(suffix="PNG", size=8) -> bytes:
  file = io.BytesIO()
  Image.fromarray(test_folder.pixels(0, size, size)).save(file, suffix)
  return file.getvalue()


def jpeg_of_size(size) -> bytes:
  content = bytearray(saved("JPEG"))
  start = content.find(b"\xff\xc0")
  content[start + 5 : start + 9] = struct.pack(">HH", size, size)
  return bytes(content)


def bmp_of_size(width, height) -> bytes:
  content = bytearray(saved("BMP"))
  content[18:26] = struct.pack("<ii", width, height)
  return bytes(content)


def damaged_palette() -> bytes:
  content = bytearray(saved("GIF"))
  return bytes(content[:30])


FILES = {
  "no bytes": b"",
  "text": b"no image at all",
  "html": b"<!DOCTYPE html><html>404</html>",
  "zeros": bytes(1000),
  "random": np.random.default_rng(0).bytes(1000),
  "only the signature": b"\x89PNG\r\n\x1a\n",
  "half of a PNG": saved()[:120],
  "PNG without its end of pixels": png(8, 8, rows=3),
  "PNG with a wrong checksum": saved().replace(b"IHDR", b"IHDX"),
  "PNG of 60000 x 60000": png(60000, 60000),
  "PNG of 2**31 - 1": png(2**31 - 1, 8, rows=0),
  "PNG of 0 x 0": png(0, 0),
  "PNG of an odd kind": png(8, 8, kind=5),
  "PNG of an odd depth": png(8, 8, depth=3),
  "PNG of another size": saved(size=9),
  "half of a JPEG": saved("JPEG")[:300],
  "JPEG of 65000 x 65000": jpeg_of_size(65000),
  "JPEG of 0 x 0": jpeg_of_size(0),
  "half of a BMP": saved("BMP")[:100],
  "BMP of 60000 x 60000": bmp_of_size(60000, 60000),
  "BMP of negative width": bmp_of_size(-8, 8),
  "BMP of -2**31 rows": bmp_of_size(8, -(2**31)),
  "half of a GIF": damaged_palette(),
  "TIFF": saved("TIFF"),
  "GIF under another name": saved("GIF"),
}


@pytest.mark.parametrize("image_size", [None, 8])
@pytest.mark.parametrize("kind", FILES)
def test_image_files(tmp_path, kind, image_size):
  if kind == "PNG of another size" and image_size:
    pytest.skip("It is resized.")
  test_folder.write(tmp_path, num=10)
  (tmp_path / "dog" / "007.png").write_bytes(FILES[kind])
  settings = {"data": "folder", "data_path": str(tmp_path)}
  refused("dog/007.png", image_size=image_size, **settings)


def empty_class(path):
  (path / "owl").mkdir()


def gif(size, num_frames=1) -> bytes:
  """Returns a GIF whose frames say that they have a size."""
  palette = bytes(6)
  frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, size, size, 0) + b"\x02\x01D\0"
  comment = b"\x21\xfe\x03abc\0"
  head = b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0x80, 0, 0) + palette
  return head + (comment + frame) * num_frames + b";"


def gif_of_a_large_frame(path):
  (path / "cat" / "x.gif").write_bytes(gif(40_000))


def gif_of_many_frames(path):
  (path / "cat" / "x.GIF").write_bytes(gif(2000, 500))


def gif_of_a_large_canvas(path):
  content = saved("GIF")
  canvas = struct.pack("<HH", 50_000, 50_000)
  (path / "cat" / "x.gif").write_bytes(content[:6] + canvas + content[10:])


def link_to_nothing(path):
  (path / "cat" / "x.png").symlink_to(path / "nothing")


def link_to_itself(path):
  (path / "cat" / "x.png").symlink_to(path / "cat" / "x.png")


def class_that_is_its_parent(path):
  (path / "owl").symlink_to(path)


def image_that_is_a_folder(path):
  (path / "cat" / "x.png").mkdir()


def image_that_is_a_pipe(path):
  os.mkfifo(path / "cat" / "x.png")


def image_that_is_a_device(path):
  (path / "cat" / "x.png").symlink_to("/dev/zero")


def image_of_ten_gigabytes(path):
  with open(path / "cat" / "x.png", "wb") as file:
    file.truncate(10 * 2**30)  # It takes no room on the disk.


def class_with_a_line_break(path):
  (path / "dog").rename(path / "do\ng")


def class_that_is_not_utf_8(path):
  os.rename(path / "dog", os.fsencode(path) + b"/do\xffg")


def train_without_test_classes(path):
  (path / "train").mkdir()
  (path / "test").mkdir()


def many_classes_differ(path):
  for i in range(1000):
    for part, name in (("train", "one"), ("test", "other")):
      folder = path / part / f"{name}_{i}"
      folder.mkdir(parents=True)
      (folder / "x.png").write_bytes(saved())


def many_empty_classes(path):
  for i in range(3000):
    (path / f"class_{i}").mkdir()


def one_class(path):
  (path / "dog").rename(path / ".dog")


def only_hidden_images(path):
  for file in (path / "dog").iterdir():
    file.rename(file.with_name("." + file.name))


def one_image_each(path):
  for file in path.glob("*/00[1-9].png"):
    file.unlink()


def one_by_one_pixels(path):
  for file in path.glob("*/*.png"):
    file.write_bytes(saved(size=1))


def no_class_is_readable(path):
  for name in ("cat", "dog"):
    (path / name).chmod(0)


FOLDERS = {
  empty_class: r"classes without images: \['owl'\]",
  gif_of_a_large_frame: "x.gif .*unpacks to 1,600,000,192 bytes",
  gif_of_many_frames: "x.GIF .*unpacks to 2,000,000,192 bytes",
  gif_of_a_large_canvas: "x.gif .*unpacks to 7,500,000,064 bytes",
  link_to_nothing: r"x.png \(No such file",
  link_to_itself: r"x.png \(Too many levels",
  class_that_is_its_parent: r"classes without images: \['owl'\]",
  image_that_is_a_folder: "x.png .*no regular file",
  image_that_is_a_pipe: "x.png .*no regular file",
  image_that_is_a_device: "x.png .*no regular file",
  image_of_ten_gigabytes: "x.png .*10,737,418,240 bytes",
  class_with_a_line_break: "names of the classes.*rename",
  class_that_is_not_utf_8: "names of the classes.*rename",
  train_without_test_classes: "a subfolder for each class",
  many_classes_differ: "the same class subfolders",
  many_empty_classes: "classes without images",
  one_class: "at least two classes",
  only_hidden_images: "classes without images",
  one_image_each: "at least two images each",
  one_by_one_pixels: "at least 4 pixels.*`image_size`",
}


@pytest.mark.parametrize("spoil", FOLDERS, ids=lambda each: each.__name__)
def test_folders(tmp_path, spoil):
  test_folder.write(tmp_path, num=10)
  spoil(tmp_path)
  refused(FOLDERS[spoil], data="folder", data_path=str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_folder_without_permission(tmp_path):
  test_folder.write(tmp_path, num=10)
  (tmp_path / "cat").chmod(0)
  refused("Permission denied", data="folder", data_path=str(tmp_path))


def test_two_images_in_all(tmp_path):
  test_folder.write(tmp_path, num=1)
  refused("at least two images", data="folder", data_path=str(tmp_path))


@pytest.mark.parametrize("fraction", [1e-9, 0.01, 0.99, 0.999999])
def test_a_split_without_images(tmp_path, fraction):
  test_folder.write(tmp_path, num=10)
  settings = {"data": "folder", "data_path": str(tmp_path)}
  refused("`valid_fraction`", valid_fraction=fraction, **settings)


@pytest.mark.parametrize("size", [10**5, 10**6, 10**9])
def test_an_image_size_beyond_the_memory(tmp_path, size):
  test_folder.write(tmp_path, num=10)
  settings = {"data": "folder", "data_path": str(tmp_path)}
  refused("GiB of memory.*lower `image_size`", image_size=size, **settings)


def test_an_image_beyond_the_memory(tmp_path, monkeypatch):
  monkeypatch.setattr(files, "memory", lambda: 2 * 8 * 8 * 3 * 4)
  test_folder.write(tmp_path, num=10)
  settings = {"data": "folder", "data_path": str(tmp_path)}
  assert images.load(data_settings.ImageData(**settings), hold_out=True)
  monkeypatch.setattr(files, "memory", lambda: 2 * 8 * 8 * 3 * 4 - 2)
  refused("GiB of memory.*add `image_size=N`", **settings)


def test_odd_names_that_are_read(tmp_path):
  names = ("Ünï ködé 日本 🦉", "a'b\"c{}%s$(x)")
  test_folder.write(tmp_path, names, num=10)
  folder = os.fsencode(tmp_path / names[0])
  os.rename(folder + b"/003.png", folder + b"/\xff\n;.png")
  settings = {"data": "folder", "data_path": str(tmp_path)}
  dataset = images.load(data_settings.ImageData(**settings), hold_out=False)
  assert len(dataset.train) == 16
  assert set(dataset.class_names) == set(names)


def test_a_cmyk_jpeg_and_a_deep_png_are_read(tmp_path):
  test_folder.write(tmp_path, num=10)
  grey = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
  Image.fromarray(grey).save(tmp_path / "cat" / "000.png")
  blue = Image.new("RGB", (8, 8), (10, 10, 200)).convert("CMYK")
  blue.save(tmp_path / "dog" / "000.png", "JPEG", quality=100)
  settings = {"data": "folder", "data_path": str(tmp_path)}
  test = images.load(data_settings.ImageData(**settings), hold_out=False).test
  values = grey // 256
  same = test.images[test.labels == 0] == values[..., None]
  assert same.all((1, 2, 3)).any()
  near = np.abs(test.images[test.labels == 1] - np.array([10.0, 10, 200])) < 8
  assert near.all((1, 2, 3)).any()


# .npz files. Each is what the file holds, or its bytes.


def npz(**changed) -> bytes:
  file = io.BytesIO()
  arrays = test_images.arrays() | changed
  np.savez(file, **{k: v for k, v in arrays.items() if v is not None})
  return file.getvalue()


def npz_with_header(key, shape, descr="|u1") -> bytes:
  """Returns a file in which the header of an array lies."""
  header = io.BytesIO()
  header_of = {"descr": descr, "fortran_order": False, "shape": shape}
  np.lib.format.write_array_header_1_0(header, header_of)
  file = io.BytesIO(npz(**{key: None}))
  with zipfile.ZipFile(file, "a") as archive:
    archive.writestr(f"{key}.npy", header.getvalue() + bytes(100))
  return file.getvalue()


NPZ = {
  "empty": b"",
  "text": b"text",
  "empty zip": b"PK\x05\x06" + bytes(18),
  "half": npz()[:2000],
  "without the end": npz()[:-30],
  "damaged": npz()[:300] + bytes(50) + npz()[350:],
  "no test labels": npz(y_test=None),
  "array of objects": npz(y_train=np.array([{}] * 20)),
  "pickled system call": npz(y_train=np.array([os.system] * 20)),
  "floats": npz(x_train=np.zeros((20, 8, 10, 3))),
  "words": npz(x_train=np.array(["a"] * 20)),
  "numbers": npz(x_train=0),
  "flat images": npz(x_train=np.zeros((20, 240), "u1")),
  "five axes": npz(x_train=np.zeros((20, 8, 10, 3, 1), "u1")),
  "no channels": npz(x_train=np.zeros((20, 8, 10, 0), "u1")),
  "1 x 1 pixels": npz(x_train=np.zeros((20, 1, 1, 3), "u1")),
  "no images": npz(x_train=np.zeros((0, 8, 10, 3), "u1"), y_train=np.arange(0)),
  "other sizes": npz(x_test=np.zeros((4, 9, 10, 3), "u1")),
  "other channels": npz(x_test=np.zeros((4, 8, 10, 1), "u1")),
  "too few labels": npz(y_train=np.arange(19) % 10),
  "one-hot labels": npz(y_train=np.eye(20, 10, dtype="i4")),
  "float labels": npz(y_train=np.zeros(20)),
  "negative labels": npz(y_train=np.arange(20) - 1),
  "huge labels": npz(y_train=np.full(20, 2**64 - 1, "u8")),
  "one class": npz(y_train=np.ones(20, "i4")),
  "one class name": npz(class_names=["a"]),
  "same names": npz(class_names=["a", "a"]),
  "empty name": npz(class_names=["a", ""]),
  "long name": npz(class_names=["a", "b" * 10_000]),
  "name with a line break": npz(class_names=["a", "b\nc"]),
  "name with a NUL": npz(class_names=["a", "b\0c"]),
  "header of a terabyte": npz_with_header("x_train", (2**20, 2**20)),
  "header of 10**30": npz_with_header("x_train", (10**30,)),
  "header of nothing": npz_with_header("y_train", (10**12,), "|V0"),
  "header of names": npz_with_header("class_names", (10**12,), "<U0"),
  "header that is negative": npz_with_header("x_train", (-1, 8, 10, 3)),
}


@pytest.mark.parametrize("kind", NPZ)
def test_npz_files(tmp_path, kind):
  path = tmp_path / "data.npz"
  path.write_bytes(NPZ[kind])
  refused(r"data\.npz", data_path=str(path))


def test_an_npz_that_is_a_folder(tmp_path):
  (tmp_path / "data.npz").mkdir()
  refused("no regular file", data_path=str(tmp_path / "data.npz"))


def test_an_npz_beyond_the_memory(tmp_path, monkeypatch):
  path = tmp_path / "data.npz"
  bomb = np.zeros((10_000, 32, 32, 3), np.uint8)
  np.savez_compressed(path, **(test_images.arrays() | {"x_train": bomb}))
  assert path.stat().st_size < 100_000
  monkeypatch.setattr(files, "most_memory", lambda: 30_000_000)
  refused("GiB of memory", data_path=str(path))


# IDX files of MNIST.


def idx_header(*numbers) -> bytes:
  return struct.pack(f">{len(numbers)}i", *numbers)


IDX = {
  "empty": b"",
  "text": b"text, not numbers",
  "only the magic number": idx_header(2051),
  "other magic number": idx_header(2052, 6, 28, 28) + bytes(6 * 784),
  "negative": idx_header(2051, -6, -28, 28) + bytes(6 * 784),
  "all of the memory": idx_header(2051, *3 * [2**31 - 1]),
  "too short": idx_header(2051, 6, 28, 28) + bytes(6 * 784 - 1),
  "too long": idx_header(2051, 6, 28, 28) + bytes(6 * 784 + 1),
  "no image": idx_header(2051, 0, 28, 28),
  "no pixel": idx_header(2051, 6, 0, 28),
  "1 x 1": idx_header(2051, 6, 1, 1) + bytes(6),
  "half compressed": gzip.compress(bytes(1000))[:-4],
  "pickle": pickle.dumps({}),
}


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("kind", IDX)
def test_idx_files(tmp_path, kind, compress):
  test_mnist.write(tmp_path)
  file = tmp_path / "train-images-idx3-ubyte"
  file.unlink()
  content = IDX[kind]
  if compress:
    file, content = file.with_suffix(".gz"), gzip.compress(content)
  file.write_bytes(content)
  refused("train", data="mnist", data_path=str(tmp_path))


def test_idx_files_that_are_folders(tmp_path):
  for name in test_mnist.NAMES:
    (tmp_path / name).mkdir()
  refused("`data_path` must be", data="mnist", data_path=str(tmp_path))


@pytest.mark.parametrize("batch_size", [5, 10**9])
def test_an_evaluation_takes_any_batch(tmp_path, batch_size):
  path = tmp_path / "data.npz"
  path.write_bytes(npz())
  data = data_settings.ImageData(
    data_path=str(path), eval_batch_size=batch_size
  )
  dataset = images.load(data, hold_out=True)
  batches = pipeline.eval_batches(
    dataset.test, dataset, batch_size=data.eval_batch_size
  )
  assert [len(labels) for _, labels in batches] == [4]
