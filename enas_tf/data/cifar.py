"""CIFAR-10 and CIFAR-100, as downloaded or as the official Python batches."""

import io
import pathlib
import pickle
import tarfile
import zlib

import numpy as np

from enas_tf import errors

# Everything that a pickle of the batches needs; nothing else is ever called.
_ADMITTED = {
  (module, name)
  for module, name in (
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
  )
}
_FILES = {
    "cifar10": (
        [f"data_batch_{i}" for i in range(1, 6)],
        ["test_batch"],
        "batches.meta",
        b"labels",
        b"label_names",
    ),
    "cifar100": (["train"], ["test"], "meta", b"fine_labels",
                 b"fine_label_names"),
}  # fmt: skip
_FOLDERS = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}


class _Unpickler(pickle.Unpickler):
  """Reads the batches and refuses to run anything else."""

  def find_class(self, module, name):
    if (module, name) not in _ADMITTED:
      raise pickle.UnpicklingError(f"it asks to run {module}.{name}")
    return super().find_class(module, name)


def read(name: str, path: pathlib.Path):
  """Returns (x_train, y_train), (x_test, y_test), class names.

  Args:
    name: "cifar10" or "cifar100".
    path: the folder of the official batches, one above it, or the archive.

  Raises:
    DataError: if a file is missing, damaged or holds something else.
  """
  read_bytes = _archive(name, path) if path.is_file() else _folder(name, path)
  train, test, meta, label_key, names_key = _FILES[name]
  splits = []
  for files in (train, test):
    parts = [_batch(file, read_bytes(file), label_key) for file in files]
    images, labels = zip(*parts, strict=True)
    splits.append((np.concatenate(images), np.concatenate(labels)))
  names = _unpickle(meta, read_bytes(meta)).get(names_key, ())
  return (*splits, tuple(each.decode(errors="replace") for each in names))


def _folder(name, path):
  folder = path / _FOLDERS[name] if (path / _FOLDERS[name]).is_dir() else path

  def read_bytes(file):
    try:
      return (folder / file).read_bytes()
    except OSError as error:
      raise errors.DataError(
        f"A file of {name} is missing: --data_path must be the folder with "
        f"{', '.join(sum(_FILES[name][:2], []))}, or the official archive. "
        f"Received: data_path={path} ({error})"
      ) from error

  return read_bytes


def _archive(name, path):
  train, test, meta, *_ = _FILES[name]
  wanted = {*train, *test, meta}
  try:
    with tarfile.open(path) as archive:
      contents = {
        pathlib.PurePosixPath(member.name).name: archive.extractfile(
          member
        ).read()
        for member in archive
        if member.isfile() and pathlib.PurePosixPath(member.name).name in wanted
      }
      archive.fileobj.read()  # To the end, where a .gz has its checksum.
  except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
    raise errors.DataError(
      "The archive is damaged or of another format: download it again. "
      f"Received: data_path={path} ({error})"
    ) from error

  def read_bytes(file):
    if file not in contents:
      raise errors.DataError(
        f"The archive has no file {file}: give the official Python archive "
        f"of {name}. Received: data_path={path}"
      )
    return contents[file]

  return read_bytes


def _unpickle(file: str, content: bytes) -> dict:
  try:
    value = _Unpickler(io.BytesIO(content), encoding="bytes").load()
    if not isinstance(value, dict):
      raise pickle.UnpicklingError("it holds no dictionary")
    return value
  except Exception as error:  # A damaged pickle can raise anything.
    raise errors.DataError(
      f"The file {file} is not a CIFAR batch, or it is damaged: download it "
      f"again. Received: {file} ({error})"
    ) from error


def _batch(file: str, content: bytes, label_key: bytes):
  value = _unpickle(file, content)
  pixels, labels = value.get(b"data"), value.get(label_key)
  if (
    not isinstance(pixels, np.ndarray)
    or pixels.dtype != np.uint8
    or pixels.ndim != 2
    or pixels.shape[1] != 3072
    or not isinstance(labels, list)
    or len(labels) != len(pixels)
    or not all(isinstance(label, int) for label in labels)
  ):
    raise errors.DataError(
      f"The file {file} must hold uint8 pixels [n, 3072] and n labels: give "
      f"the official Python batches. Received: keys={list(value)}"
    )
  images = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
  return images, np.array(labels)
