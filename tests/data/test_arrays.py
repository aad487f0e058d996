"""Images that a program already has."""

import types

import numpy as np
import pytest
import tensorflow as tf

from enas_tf import errors
from enas_tf.data import arrays, files, images

SETTINGS = types.SimpleNamespace(
  data="cifar10",
  data_path=None,
  image_size=None,
  valid_fraction=0.25,
  augment="auto",
  normalize=True,
)


def pixels(num=12, height=6, width=5, channels=3):
  rng = np.random.default_rng(0)
  return rng.integers(0, 256, (num, height, width, channels), np.uint8)


X, Y = pixels(), np.arange(12) % 4


def load(*args, hold_out=False, **kwargs):
  source = arrays.ImageSource(*args, **kwargs)
  return images.load(SETTINGS, hold_out=hold_out, source=source)


def assert_same(split, x=X, y=Y):
  assert split.images.dtype == np.uint8 and split.labels.dtype == np.int32
  np.testing.assert_array_equal(split.images, x)
  np.testing.assert_array_equal(split.labels, y)


def dataset(x=X, y=Y):
  return tf.data.Dataset.from_tensor_slices((x, y))


@pytest.mark.parametrize(
  "convert",
  [
    lambda x: x,
    lambda x: x.astype("i8"),
    lambda x: x.astype("f4"),
    lambda x: x / 255,
    lambda x: (x / 255).astype("f4"),
    lambda x: (x / 255).tolist(),
    lambda x: tf.constant(x),
  ],
)
def test_pixels_become_bytes(convert):
  found = load((convert(X), Y), test=(convert(X[:4]), Y[:4]))
  assert_same(found.train)
  assert_same(found.test, X[:4], Y[:4])


@pytest.mark.parametrize(
  "make",
  [
    lambda: dataset(),
    lambda: dataset().batch(5),
    lambda: dataset(y=Y[:, None]),
    lambda: dataset(X / 255).batch(12),
    lambda: dataset().map(lambda x, y: (tf.cast(x, tf.float32), y)),
    lambda: tf.data.Dataset.from_generator(
      lambda: zip(X, Y, strict=True),
      output_signature=(tf.TensorSpec(None), tf.TensorSpec((), tf.int64)),
    ),
  ],
)
def test_datasets_of_examples_and_of_batches(make):
  assert_same(load(make()).train)


def test_images_of_one_channel():
  gray = X[..., 0]
  for given in (
    (gray, Y),
    dataset(gray),
    dataset(gray).batch(5),
    dataset(gray, Y[:, None]),
    dataset(X[..., :1]),
  ):
    assert_same(load(given).train, X[..., :1])


def test_a_part_is_held_out_or_given():
  found = load((X, Y), hold_out=True)
  assert_same(found.train, X[:9], Y[:9])
  assert_same(found.valid, X[9:], Y[9:])
  assert found.test is None
  found = load((X, Y), (X[:5], Y[:5]), hold_out=True)
  assert_same(found.train)
  assert_same(found.valid, X[:5], Y[:5])


def test_names_of_classes():
  assert load((X, Y)).class_names == ("0", "1", "2", "3")
  assert load((X, Y), test=(X, Y + 2)).num_classes == 6
  names = ["a", "b", "c", "d", "e"]
  assert load((X, Y), class_names=names).class_names == tuple(names)


def ragged():
  return tf.data.Dataset.from_generator(
    lambda: [(X[0], 0), (X[0, 1:], 1)],
    output_signature=(
      tf.TensorSpec((None, None, 3), tf.uint8),
      tf.TensorSpec((), tf.int64),
    ),
  )


BAD = {
  "too bright": (lambda: (X * 2.0, Y), "whole numbers from 0 to 255"),
  "negative": (lambda: (X / 127.5 - 1, Y), r"in \[0, 1\].*pixel=-"),
  "broken": (lambda: (X + 0.5, Y), "whole numbers from 0 to 255"),
  "not a number": (lambda: (X * np.nan, Y), "whole numbers.*pixel=nan"),
  "words": (lambda: (X.astype(str), Y), "whole numbers"),
  "no pair": (lambda: X, "a pair"),
  "three": (lambda: (X, Y, Y), "a pair"),
  "too few labels": (lambda: (X, Y[:-1]), "as many labels"),
  "none": (lambda: (X[:0], Y[:0]), "at least one"),
  "flat": (lambda: (X.reshape(12, -1), Y), "must have the shape"),
  "different sizes": (lambda: ([X[0], X[0, 1:]], [0, 1]), "one size"),
  "float labels": (lambda: (X, Y / 1), "labels.*whole numbers from 0"),
  "negative labels": (lambda: (X, Y - 1), "labels.*whole numbers from 0"),
  "other labels": (lambda: (X, Y + 2**40), "number the classes from 0"),
  "one class": (lambda: (X, Y * 0), "of one class"),
  "one-hot": (lambda: dataset(y=np.eye(4)[Y]), "an integer"),
  "endless": (lambda: dataset().repeat(), "never ends"),
  "empty": (lambda: dataset().take(0), "no elements"),
  "dictionaries": (
    lambda: dataset().map(lambda x, y: {"image": x, "label": y}),
    "must have elements",
  ),
  "ragged": (ragged, "one size"),
}


@pytest.mark.parametrize("kind", BAD)
def test_is_one_clear_error(kind):
  make, match = BAD[kind]
  with pytest.raises(errors.DataError, match=f"{match}.*Received: |{match}"):
    load(make())


def test_splits_must_be_of_one_kind():
  with pytest.raises(errors.DataError, match="in .0, 1.*of the arrays|test"):
    load((X / 255, Y), test=(X * 1.0, Y))
  with pytest.raises(errors.DataError, match="test images.*one size"):
    load((X, Y), test=(X[:, 1:], Y))


def test_a_dataset_beyond_the_memory(monkeypatch):
  monkeypatch.setattr(files, "most_memory", lambda: 2 * X.nbytes - 1)
  with pytest.raises(errors.DataError, match="GiB of memory.*`data=folder`"):
    load(dataset())
  monkeypatch.setattr(files, "most_memory", lambda: 2 * X.nbytes)
  assert_same(load(dataset()).train)
