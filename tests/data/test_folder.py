import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from enas_tf import errors
from enas_tf.data import folder, images, streaming
from enas_tf.settings import data as data_settings


def pixels(seed, height=8, width=8):
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, (height, width, 3), np.uint8)


def write(path, classes=("cat", "dog"), num=5, suffix="png", **size):
  """Writes images; returns their pixels by (class, number)."""
  written = {}
  for label, name in enumerate(classes):
    (path / name).mkdir(parents=True)
    for i in range(num):
      written[label, i] = pixels(100 * label + i, **size)
      image = Image.fromarray(written[label, i])
      image.save(path / name / f"{i:03}.{suffix}")
  return written


def pair(split):
  return split.images, split.labels


def read(path, image_size):
  """Returns (images, labels) of both splits, and the names of the classes."""
  parts = folder.read(path, image_size)
  assert parts.valid is None
  return pair(parts.train), pair(parts.test), parts.class_names


def as_set(split):
  return {
    (image.tobytes(), int(label)) for image, label in zip(*split, strict=True)
  }


def expected_set(written, keep=lambda i: True):
  return {
    (image.tobytes(), label) for (label, i), image in written.items() if keep(i)
  }


@pytest.mark.parametrize("suffix", ["png", "bmp", "PNG"])
def test_holds_every_fifth_image_of_a_class_out(tmp_path, suffix):
  written = write(tmp_path, num=7, suffix=suffix, width=12)
  train, test, names = read(tmp_path, None)
  assert names == ("cat", "dog")
  assert train[0].dtype == np.uint8 and train[0].shape == (10, 8, 12, 3)
  assert as_set(test) == expected_set(written, lambda i: i in (0, 5))
  assert as_set(train) == expected_set(written, lambda i: i not in (0, 5))


def test_train_and_test_folders(tmp_path):
  train_written = write(tmp_path / "train", num=6)
  test_written = write(tmp_path / "test", num=2)
  train, test, _ = read(tmp_path, None)
  assert as_set(train) == expected_set(train_written)
  assert as_set(test) == expected_set(test_written)


@pytest.mark.parametrize("name", ["valid", "val"])
@pytest.mark.parametrize("has_test", [True, False])
def test_validation_folder(tmp_path, name, has_test):
  written = {
    part: write(tmp_path / part, num=num)
    for part, num in (("train", 6), (name, 3), ("test", 2))
    if part != "test" or has_test
  }
  parts = folder.read(tmp_path, None)
  assert as_set(pair(parts.train)) == expected_set(written["train"])
  assert as_set(pair(parts.valid)) == expected_set(written[name])
  assert has_test == (parts.test is not None)
  data = data_settings.ImageData(data="folder", data_path=str(tmp_path))
  for hold_out in (True, False):  # It is never trained on.
    dataset = images.load(data, hold_out=hold_out)
    sizes = len(dataset.train), len(dataset.valid)
    assert sizes == (12, 6)


def test_classes_that_are_called_train_and_valid(tmp_path):
  write(tmp_path, ("train", "valid"))
  *_, names = read(tmp_path, None)
  assert names == ("train", "valid")


def test_order_is_mixed_and_always_the_same(tmp_path):
  write(tmp_path, num=50)
  (images_1, labels), *_ = read(tmp_path, None)
  (images_2, labels_2), *_ = read(tmp_path, None)
  np.testing.assert_array_equal(images_1, images_2)
  np.testing.assert_array_equal(labels, labels_2)
  assert 0.3 < labels[:40].mean() < 0.7


def test_many_batches_of_images(tmp_path, monkeypatch):
  monkeypatch.setattr(streaming, "_BATCH_BYTES", 3 * 8 * 8 * 3)
  written = write(tmp_path, num=10)
  train, _, _ = read(tmp_path, None)
  assert as_set(train) == expected_set(written, lambda i: i % 5)
  name = tmp_path / "dog" / "009.png"
  name.write_bytes(name.read_bytes()[:50])
  with pytest.raises(errors.DataError, match="009.png"):
    read(tmp_path, None)


def test_ignores_hidden_and_other_files(tmp_path):
  write(tmp_path)
  (tmp_path / "README.txt").write_text("no class")
  (tmp_path / ".cache").mkdir()
  (tmp_path / "cat" / ".hidden.png").write_text("no image")
  (tmp_path / "cat" / "notes.txt").write_text("no image")
  train, test, _ = read(tmp_path, None)
  assert len(train[0]) == 8 and len(test[0]) == 2


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1"])
def test_every_kind_of_png_becomes_rgb(tmp_path, mode):
  write(tmp_path)
  file = tmp_path / "cat" / "000.png"
  image = Image.open(file).convert(mode)
  image.save(file)
  _, (tested, labels), _ = read(tmp_path, None)
  expected = np.asarray(image.convert("RGB"))
  np.testing.assert_array_equal(tested[labels == 0][0], expected)


def test_gif_gives_its_first_frame(tmp_path):
  write(tmp_path)
  (tmp_path / "cat" / "000.png").unlink()
  frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
  name = tmp_path / "cat" / "000.gif"
  frames[0].save(name, save_all=True, append_images=frames[1:])
  _, (tested, labels), _ = read(tmp_path, None)
  assert (tested[labels == 0] == [[[[254, 0, 0]]]]).all() or (
    tested[labels == 0] == [[[[255, 0, 0]]]]
  ).all()


def test_image_size_resizes(tmp_path):
  write(tmp_path, height=20, width=32)
  Image.fromarray(pixels(7, 16, 16)).save(tmp_path / "cat" / "000.png")
  (trained, _), (tested, labels), _ = read(tmp_path, 16)
  assert trained.shape == (8, 16, 16, 3)
  # An image that has the size keeps its pixels.
  np.testing.assert_array_equal(tested[labels == 0][0], pixels(7, 16, 16))
  # Twice as wide: bilinear with antialiasing is a weighted mean of 4 pixels.
  original = pixels(100, 20, 32).astype(float)
  expected = tf.image.resize(original, (16, 16), antialias=True)
  np.testing.assert_allclose(tested[labels == 1][0], expected, atol=0.51)


def test_different_sizes(tmp_path):
  write(tmp_path)
  Image.fromarray(pixels(0, 8, 9)).save(tmp_path / "dog" / "003.png")
  with pytest.raises(
    errors.DataError, match=r"`image_size=N`.*003.png has \(8, 9\).*\(8, 8\)"
  ):
    read(tmp_path, None)


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "gif"])
@pytest.mark.parametrize("image_size", [None, 8])
def test_truncated_image(tmp_path, suffix, image_size):
  write(tmp_path, suffix=suffix)
  file = tmp_path / "dog" / f"002.{suffix}"
  content = file.read_bytes()
  for kept in (0, len(content) // 2):
    file.write_bytes(content[:kept])
    with pytest.raises(errors.DataError, match=f"damaged.*dog/002.{suffix}"):
      read(tmp_path, image_size)


def test_first_image_damaged(tmp_path):
  write(tmp_path)
  (tmp_path / "cat" / "001.png").write_bytes(b"no image")
  with pytest.raises(errors.DataError, match="damaged.*cat/001.png"):
    read(tmp_path, None)


def test_image_that_is_a_folder(tmp_path):
  write(tmp_path)
  (tmp_path / "dog" / "009.png").mkdir()
  with pytest.raises(errors.DataError, match="dog/009.png"):
    read(tmp_path, None)


def test_classes_differ(tmp_path):
  write(tmp_path / "train", ("cat", "dog", "owl"))
  write(tmp_path / "test", ("cat", "dog", "fox"))
  with pytest.raises(errors.DataError, match=r"\['fox', 'owl'\]"):
    read(tmp_path, None)


def test_empty_class(tmp_path):
  write(tmp_path)
  (tmp_path / "owl").mkdir()
  with pytest.raises(errors.DataError, match=r"without images: \['owl'\]"):
    read(tmp_path, None)


def test_no_classes_or_one_or_one_image(tmp_path):
  with pytest.raises(errors.DataError, match="a subfolder for each class"):
    read(tmp_path, None)
  write(tmp_path, ("cat",))
  with pytest.raises(errors.DataError, match="at least two classes"):
    read(tmp_path, None)
  write(tmp_path, ("dog",), num=1)
  with pytest.raises(errors.DataError, match="at least two images"):
    read(tmp_path, None)


def test_loads_as_a_dataset(tmp_path):
  write(tmp_path, num=20, width=12)
  data = data_settings.ImageData(data="folder", data_path=str(tmp_path))
  dataset = images.load(data, hold_out=True)
  sizes = [len(each) for each in (dataset.train, dataset.valid, dataset.test)]
  assert sizes == [29, 3, 8]  # A tenth of 32 is 3.
  assert dataset.image_shape == (8, 12, 3) and dataset.augment == "crop_flip"
  assert dataset.class_names == ("cat", "dog")
