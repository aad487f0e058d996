import subprocess
import sys

import keras
import numpy as np
import pytest

from enas_tf import errors
from enas_tf.data import images
from enas_tf.settings import data as data_settings


def arrays(num=20, num_test=4, shape=(8, 10, 3)):
  rng = np.random.default_rng(0)
  return {
    "x_train": rng.integers(0, 256, (num, *shape), np.uint8),
    "y_train": np.arange(num)[:, None] % 10,
    "x_test": rng.integers(0, 256, (num_test, *shape), np.uint8),
    "y_test": np.arange(num_test) % 10,
  }


def load(tmp_path, hold_out=True, name="cifar10", settings=None, **changed):
  path = tmp_path / "data.npz"
  np.savez(path, **(arrays() | changed))
  data = data_settings.ImageData(
    data=name, data_path=str(path), **(settings or {})
  )
  return images.load(data, hold_out=hold_out)


def test_search_holds_the_last_images_out(tmp_path):
  dataset = load(tmp_path, settings={"valid_fraction": 0.25})
  expected = arrays()
  np.testing.assert_array_equal(dataset.train.images, expected["x_train"][:15])
  np.testing.assert_array_equal(dataset.valid.images, expected["x_train"][15:])
  np.testing.assert_array_equal(dataset.test.images, expected["x_test"])
  assert dataset.valid.labels.tolist() == [5, 6, 7, 8, 9]
  assert dataset.image_shape == (8, 10, 3)


def test_final_training_has_all_images(tmp_path):
  dataset = load(tmp_path, hold_out=False)
  assert dataset.valid is None
  np.testing.assert_array_equal(dataset.train.images, arrays()["x_train"])


@pytest.mark.parametrize("num", [20, 2100])
def test_moments_are_those_of_the_remaining_images(tmp_path, num):
  expected = arrays(num)
  dataset = load(tmp_path, **expected)
  pixels = expected["x_train"][: num * 9 // 10] / 255
  np.testing.assert_allclose(dataset.mean, pixels.mean((0, 1, 2)), rtol=1e-6)
  np.testing.assert_allclose(dataset.std, pixels.std((0, 1, 2)), rtol=1e-6)
  assert dataset.mean.dtype == dataset.std.dtype == np.float32


def test_constant_channel_is_not_divided_by_zero(tmp_path):
  for level in (0, 7, 77, 255):
    dataset = load(tmp_path, x_train=np.full((20, 8, 10, 3), level, np.uint8))
    np.testing.assert_array_equal(dataset.std, 1)
    np.testing.assert_allclose(dataset.mean, level / 255, rtol=1e-6)


@pytest.mark.parametrize(
  "name,setting,expected",
  [
    ("cifar10", "auto", "crop_flip"),
    ("fashion_mnist", "auto", "crop_flip"),
    ("mnist", "auto", "crop"),
    ("mnist", "crop_flip", "crop_flip"),
    ("cifar10", "none", "none"),
  ],
)
def test_augment_suits_the_data(tmp_path, name, setting, expected):
  dataset = load(tmp_path, name=name, settings={"augment": setting})
  assert dataset.augment == expected


@pytest.mark.parametrize(
  "names", [["one", "two", "three"], [b"one", b"two", b"three"]]
)
def test_npz_may_name_its_classes(tmp_path, names):
  labels = np.arange(20) % 3
  dataset = load(tmp_path, class_names=names, y_train=labels, y_test=labels[:4])
  assert dataset.class_names == ("one", "two", "three")
  assert dataset.num_classes == 3
  with pytest.raises(errors.DataError, match="3 classes.*label=9"):
    load(tmp_path, class_names=names)


@pytest.mark.parametrize(
  "name,num_classes",
  [("cifar10", 10), ("cifar100", 100), ("mnist", 10), ("fashion_mnist", 10)],
)
def test_labels_must_be_of_the_data_set(tmp_path, name, num_classes):
  assert load(tmp_path, name=name).num_classes == num_classes
  with pytest.raises(errors.DataError, match=f"label={num_classes}$"):
    load(tmp_path, name=name, y_test=np.array([0, 1, 2, num_classes]))
  with pytest.raises(errors.DataError, match="whole numbers from 0"):
    load(tmp_path, name=name, y_train=np.arange(20) - 1)


def test_train_and_test_differ_in_size(tmp_path):
  with pytest.raises(errors.DataError, match="must have one size"):
    load(tmp_path, x_test=np.zeros((4, 8, 8, 3), np.uint8))


def test_floats_are_refused(tmp_path):
  with pytest.raises(errors.DataError, match=r"\* 255.*dtype=float32"):
    load(tmp_path, x_train=arrays()["x_train"].astype("f4"))


def test_nothing_left_to_train_on(tmp_path):
  with pytest.raises(errors.DataError, match="`valid_fraction`"):
    load(tmp_path, settings={"valid_fraction": 0.99})
  with pytest.raises(errors.DataError, match="`valid_fraction`"):
    load(tmp_path, settings={"valid_fraction": 0.01})


def test_npz_damaged(tmp_path):
  path = tmp_path / "data.npz"
  np.savez_compressed(path, **arrays())
  content = path.read_bytes()
  damaged = content[:300] + bytes(50) + content[350:]
  data = data_settings.ImageData(data_path=str(path))
  for each in (b"", b"text", content[:500], content[:-30], damaged):
    path.write_bytes(each)
    with pytest.raises(errors.DataError, match="damaged or lacks.*data.npz"):
      images.load(data, hold_out=True)
  np.savez(path, x_train=0)
  with pytest.raises(errors.DataError, match="lacks"):
    images.load(data, hold_out=True)
  with open(path, "wb") as file:
    np.save(file, np.zeros(3))  # A single array under a false name.
  with pytest.raises(errors.DataError, match="damaged"):
    images.load(data, hold_out=True)


def test_npz_never_unpickles(tmp_path):
  with pytest.raises(errors.DataError, match="without object arrays"):
    load(tmp_path, y_train=np.array([{}] * 20))


def test_missing_path(tmp_path):
  data = data_settings.ImageData(data_path=str(tmp_path / "absent"))
  with pytest.raises(errors.DataError, match="`data_path` does not.*absent"):
    images.load(data, hold_out=True)


def test_folder_that_is_a_file(tmp_path):
  path = tmp_path / "file"
  path.touch()
  data = data_settings.ImageData(data="folder", data_path=str(path))
  with pytest.raises(errors.DataError, match="`data=folder` needs a folder"):
    images.load(data, hold_out=True)


def test_home_is_expanded(tmp_path, monkeypatch):
  monkeypatch.setenv("HOME", str(tmp_path))
  np.savez(tmp_path / "data.npz", **arrays())
  data = data_settings.ImageData(data_path="~/data.npz")
  assert len(images.load(data, hold_out=False).train) == 20


@pytest.mark.parametrize("message", ["no network\nURL", ""])
def test_download_fails(monkeypatch, message):
  def load_data():
    raise OSError(message)

  monkeypatch.setattr(keras.datasets.cifar10, "load_data", load_data)
  with pytest.raises(
    errors.DataError, match=r"`data_path=PATH`.*`data=digits`.*Received: \S"
  ) as caught:
    images.load(data_settings.ImageData(), hold_out=True)
  assert "\n" not in str(caught.value)


def test_downloaded(monkeypatch):
  given = arrays()

  def load_data():
    return (given["x_train"], given["y_train"]), (
      given["x_test"],
      given["y_test"],
    )

  monkeypatch.setattr(keras.datasets.cifar10, "load_data", load_data)
  dataset = images.load(data_settings.ImageData(), hold_out=False)
  np.testing.assert_array_equal(dataset.train.images, given["x_train"])
  assert dataset.class_names[0] == "airplane"


def test_digits():
  datasets = pytest.importorskip("sklearn.datasets")
  data = data_settings.ImageData(data="digits")
  dataset = images.load(data, hold_out=True)
  sizes = [len(each) for each in (dataset.train, dataset.valid, dataset.test)]
  assert sizes == [1294, 144, 359]
  assert dataset.image_shape == (8, 8, 1) and dataset.augment == "crop"
  assert dataset.train.images.max() == 255
  counts = np.bincount(dataset.test.labels)
  assert len(counts) == 10 and counts.min() >= 25  # Of 36 on average.
  parts = [dataset.train, dataset.valid, dataset.test]
  shown = sorted(each.tobytes() for part in parts for each in part.images)
  given = np.round(datasets.load_digits().images * 255 / 16).astype(np.uint8)
  assert shown == sorted(each.tobytes() for each in given)
  again = images.load(data, hold_out=True)
  np.testing.assert_array_equal(dataset.test.images, again.test.images)


def test_digits_without_scikit_learn(monkeypatch):
  monkeypatch.setitem(sys.modules, "sklearn", None)
  with pytest.raises(errors.DataError, match=r"enas_tf\[demo\]"):
    images.load(data_settings.ImageData(data="digits"), hold_out=True)


def test_import_reads_no_data_set_of_scikit_learn():
  # Keras itself imports parts of scikit-learn where it is installed.
  code = "import sys, enas_tf.data.images as _; print(*sys.modules)"
  modules = subprocess.run(
    [sys.executable, "-c", code], check=True, capture_output=True, text=True
  ).stdout.split()
  assert "enas_tf.data.images" in modules
  assert "sklearn.datasets" not in modules
