"""Images that are read batch by batch are those that are read at once."""

import itertools
import types

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from enas_tf import errors
from enas_tf.data import base, folder, images, pipeline, streaming
from tests.data import test_folder

NUM = 150  # Images of each class.


def smooth(seed, height, width):
  """Pixels that a JPEG keeps more or less."""
  coarse = test_folder.pixels(seed, 4, 4)
  image = Image.fromarray(coarse).resize((width, height), Image.BICUBIC)
  return np.asarray(image)


@pytest.fixture(scope="module")
def jpegs(tmp_path_factory):
  """A folder of JPEGs of different sizes."""
  path = tmp_path_factory.mktemp("jpegs")
  sizes = np.random.default_rng(0).integers(12, 40, (2 * NUM, 2))
  for i, (height, width) in enumerate(sizes):
    target = path / ("cat" if i < NUM else "dog")
    target.mkdir(exist_ok=True)
    Image.fromarray(smooth(i, height, width)).save(target / f"{i:04}.jpg")
  return path


def load(path, most_bytes=None, hold_out=True, **changed):
  settings = dict(
    data="folder",
    data_path=str(path),
    image_size=16,
    valid_fraction=0.2,
    augment="auto",
    normalize=True,
  )
  return images.load(
    types.SimpleNamespace(**settings | changed),
    hold_out=hold_out,
    most_bytes=most_bytes,
  )


@pytest.fixture(scope="module")
def both(jpegs):
  """The data set in memory, and the same one on the disk."""
  return load(jpegs), load(jpegs, 0)


def assert_equal(one, other, num=None):
  pairs = zip(
    itertools.islice(one.as_numpy_iterator(), num),
    itertools.islice(other.as_numpy_iterator(), num),
    strict=True,
  )
  count = 0
  for (images_1, labels_1), (images_2, labels_2) in pairs:
    np.testing.assert_array_equal(images_1, images_2)
    np.testing.assert_array_equal(labels_1, labels_2)
    count += 1
  assert count > 3


def test_what_is_kept_and_what_is_not(jpegs, both):
  whole, streamed = both
  assert isinstance(whole.train, base.ArraySplit)
  for part in base.PARTS:
    assert isinstance(getattr(streamed, part), streaming.FileSplit)
    assert len(getattr(streamed, part)) == len(getattr(whole, part))
  num_bytes = 2 * NUM * 16 * 16 * 3
  for most, kind in (
    (num_bytes, base.ArraySplit),
    (num_bytes - 1, streaming.FileSplit),
  ):
    assert isinstance(load(jpegs, most).train, kind)


def test_a_quarter_of_the_memory_is_kept(jpegs, monkeypatch):
  num_bytes = 2 * NUM * 16 * 16 * 3
  for memory, kind in (
    (4 * num_bytes, base.ArraySplit),
    (4 * num_bytes - 4, streaming.FileSplit),
  ):
    monkeypatch.setattr(folder.files, "memory", lambda m=memory: m)
    assert isinstance(load(jpegs).train, kind)


@pytest.mark.parametrize("start_step", [0, 1, 17])
def test_batches_of_the_training_are_the_same(both, start_step):
  streams = [
    pipeline.train_batches(
      each.train,
      each,
      batch_size=23,
      seed=5,
      start_step=start_step,
      cutout_size=4,
    )
    for each in both
  ]
  assert streams[1].element_spec == streams[0].element_spec
  assert_equal(*streams, num=25)  # More than two epochs.


@pytest.mark.parametrize("part", ["valid", "test"])
def test_batches_of_an_evaluation_are_the_same(both, part):
  assert_equal(
    *(
      pipeline.eval_batches(getattr(each, part), each, batch_size=11)
      for each in both
    )
  )


def test_mean_and_deviation_are_the_same_if_all_are_measured(both):
  whole, streamed = both
  np.testing.assert_array_equal(streamed.mean, whole.mean)
  np.testing.assert_array_equal(streamed.std, whole.std)


def test_mean_and_deviation_of_some(jpegs, both, monkeypatch):
  monkeypatch.setattr(streaming, "_SAMPLE_SIZE", 100)
  once, again = load(jpegs, 0), load(jpegs, 0)
  np.testing.assert_array_equal(once.mean, again.mean)
  assert (once.mean != both[0].mean).all()
  error = both[0].std / np.sqrt(100)
  assert (np.abs(once.mean - both[0].mean) < 3 * error).all()


def spoiled(tmp_path, content, num=60):
  test_folder.write(tmp_path, num=num)
  (tmp_path / "dog" / "007.png").write_bytes(content)
  return tmp_path


@pytest.mark.parametrize("image_size", [None, 8])
def test_a_damaged_image_is_named_when_it_is_read(
  tmp_path, image_size, monkeypatch
):
  monkeypatch.setattr(streaming, "_SAMPLE_SIZE", 1)
  spoiled(tmp_path, b"no image")
  dataset = load(tmp_path, 0, image_size=image_size, hold_out=False)
  stream = pipeline.train_batches(dataset.train, dataset, batch_size=4, seed=0)
  with pytest.raises(errors.DataError, match="damaged.*dog/007.png"):
    with base.reading(dataset.train):
      for _ in stream.take(24):  # An epoch.
        pass


def test_an_image_of_another_size_is_named_when_it_is_read(tmp_path):
  Image.fromarray(test_folder.pixels(0, 9, 8)).save(tmp_path / "odd.png")
  spoiled(tmp_path, (tmp_path / "odd.png").read_bytes())
  with pytest.raises(errors.DataError, match=r"007.png has \(9, 8\)"):
    load(tmp_path, 0, image_size=None)  # It is measured.


def test_another_error_stays_what_it_is(both):
  with pytest.raises(tf.errors.InvalidArgumentError, match="something else"):
    with base.reading(both[1].train, None):
      raise tf.errors.InvalidArgumentError(None, None, "something else")


def test_digests_tell_folders_apart(tmp_path):
  test_folder.write(tmp_path, num=10)

  def digest():
    return load(tmp_path, 0, image_size=8).train.digest()

  first = digest()
  assert digest() == first
  file = tmp_path / "cat" / "004.png"
  file.write_bytes(file.read_bytes() + b"\0")
  second = digest()
  file.rename(file.with_name("0041.png"))
  assert len({first, second, digest()}) == 3
