import gzip
import struct

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.data import images, mnist
from enas_tf.settings import data as data_settings

NAMES = {
  "train-images-idx3-ubyte": (6, 28, 28),
  "train-labels-idx1-ubyte": (6,),
  "t10k-images-idx3-ubyte": (2, 28, 28),
  "t10k-labels-idx1-ubyte": (2,),
}


def idx(array) -> bytes:
  header = struct.pack(">HBB", 0, 8, array.ndim)
  return header + struct.pack(f">{array.ndim}i", *array.shape) + array.tobytes()


def arrays():
  rng = np.random.default_rng(0)
  return {
    name: rng.integers(0, 10 if len(shape) == 1 else 256, shape, np.uint8)
    for name, shape in NAMES.items()
  }


def write(folder, compress=False):
  for name, array in arrays().items():
    content = idx(array)
    if compress:
      (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    else:
      (folder / name).write_bytes(content)


@pytest.mark.parametrize("compress", [False, True])
def test_reads_idx_files(tmp_path, compress):
  write(tmp_path, compress)
  result = [each for split in mnist.read(tmp_path) for each in split]
  for array, expected in zip(result, arrays().values(), strict=True):
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
  "name,first", [("mnist", "0"), ("fashion_mnist", "t-shirt")]
)
def test_dataset_has_a_channel_and_ten_classes(tmp_path, name, first):
  write(tmp_path)
  data = data_settings.ImageData(data=name, data_path=str(tmp_path))
  dataset = images.load(data, hold_out=False)
  assert dataset.image_shape == (28, 28, 1)
  assert dataset.num_classes == 10 and dataset.class_names[0] == first


def test_missing_file(tmp_path):
  write(tmp_path)
  (tmp_path / "t10k-labels-idx1-ubyte").unlink()
  with pytest.raises(errors.DataError, match="t10k-labels-idx1-ubyte"):
    mnist.read(tmp_path)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("kept", [0, 3, 10, 30, -1])
def test_truncated_file(tmp_path, compress, kept):
  write(tmp_path, compress)
  file = next(tmp_path.glob("train-images*"))
  file.write_bytes(file.read_bytes()[:kept])
  with pytest.raises(errors.DataError, match=f"damaged.*{file.name}"):
    mnist.read(tmp_path)


def test_damaged_compression(tmp_path):
  write(tmp_path, compress=True)
  file = next(tmp_path.glob("train-images*"))
  content = file.read_bytes()
  file.write_bytes(content[:500] + bytes(50) + content[550:])
  with pytest.raises(errors.DataError, match="damaged"):
    mnist.read(tmp_path)


def test_labels_in_place_of_images(tmp_path):
  write(tmp_path)
  file = tmp_path / "train-images-idx3-ubyte"
  file.write_bytes((tmp_path / "train-labels-idx1-ubyte").read_bytes())
  with pytest.raises(errors.DataError, match="of another format"):
    mnist.read(tmp_path)
