import numpy as np
import pytest
import tensorflow as tf

from enas_tf.data import augment
from tests import golden


def draw(kind="none", num=400, height=8, width=12, seed=3, step=5, **changed):
  """Returns positive images, and what is made of them."""
  images = np.random.default_rng(0).uniform(1, 2, (num, height, width, 3))
  images = images.astype(np.float32)
  return images, augment.augment(
    tf.constant(images), kind, seed, tf.constant(step), **changed
  ).numpy()


@pytest.mark.parametrize(
  "case,offset,flipped,size,start",
  [
    ("crop00", (0, 0), False, None, None),
    ("crop85_flip", (8, 5), True, None, None),
    ("cutout16", (4, 4), False, 16, (3, 20)),
    ("cutout16_edge", (2, 7), True, 16, (31, 0)),
    ("cutout8", (4, 4), False, 8, (0, 0)),
  ],
)
def test_same_as_original(case, offset, flipped, size, start):
  arrays, _ = golden.load("augment")
  images = tf.constant(arrays["in"])
  images = augment.crop(images, tf.constant([offset] * 2), 4)
  images = augment.flip(images, tf.constant([flipped] * 2))
  if size is not None:
    images = augment.cutout(images, tf.constant([start] * 2), size)
  np.testing.assert_array_equal(images, arrays[f"{case}/out"])


def test_kernels_take_each_image_for_itself():
  images, _ = draw(num=2)
  offsets, mask = tf.constant([[0, 2], [1, 1]]), tf.constant([True, False])
  cropped = augment.crop(tf.constant(images), offsets, 1)
  padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)])
  np.testing.assert_array_equal(cropped[0], padded[0, :8, 2:])
  np.testing.assert_array_equal(cropped[1], images[1])
  flipped = augment.flip(tf.constant(images), mask)
  np.testing.assert_array_equal(flipped[0], images[0, :, ::-1])
  np.testing.assert_array_equal(flipped[1], images[1])


@pytest.mark.parametrize("start,rows", [(-2, (0, 2)), (3, (3, 7)), (6, (6, 8))])
def test_cutout_is_cut_off_at_the_border(start, rows):
  images, _ = draw(num=1)
  blanked = augment.cutout(tf.constant(images), tf.constant([[start, 5]]), 4)
  expected = images.copy()
  expected[:, slice(*rows), 5:9] = 0
  np.testing.assert_array_equal(blanked, expected)


@pytest.mark.parametrize("faithful", [False, True])
def test_cutout_is_centred_or_cornered(faithful):
  images, blanked = draw(cutout_size=4, faithful=faithful)
  shift = 0 if faithful else 2
  expected = {
    (
      max(0, row - shift),
      min(8, row - shift + 4),
      max(0, column - shift),
      min(12, column - shift + 4),
    )
    for row in range(8)
    for column in range(12)
  }
  seen = set()
  for image, each in zip(images, blanked, strict=True):
    places = np.argwhere((each == 0).all(-1))
    (top, left), (bottom, right) = places.min(0), places.max(0) + 1
    kept = image.copy()
    kept[top:bottom, left:right] = 0
    np.testing.assert_array_equal(each, kept)
    seen.add((top, bottom, left, right))
  assert seen <= expected
  assert len(seen) > 0.9 * len(expected)  # 400 draws of 96.


def test_crop_flip_takes_every_place():
  images, augmented = draw("crop_flip")
  padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)])
  seen = {}
  for image, each in zip(padded, augmented, strict=True):
    found = [
      (row, column, flipped)
      for row in range(3)
      for column in range(3)
      for flipped in (False, True)
      if np.array_equal(
        image[row : row + 8, column : column + 12][:, :: -1 if flipped else 1],
        each,
      )
    ]
    assert len(found) == 1
    seen[found[0]] = seen.get(found[0], 0) + 1
  assert len(seen) == 18
  assert 150 < sum(n for key, n in seen.items() if key[2]) < 250


def test_crop_alone_never_mirrors():
  _, cropped = draw("crop")
  _, both = draw("crop_flip")
  mirrored = (cropped != both).any((1, 2, 3))
  assert 150 < mirrored.sum() < 250


def test_padding_is_an_eighth():
  _, cropped = draw("crop", num=200, height=40, width=32)
  rows = (cropped == 0).all((2, 3)).sum(1)
  assert rows.max() == 4


def test_none_changes_nothing():
  images, same = draw()
  np.testing.assert_array_equal(images, same)


def test_seed_and_step_decide():
  settings = dict(kind="crop_flip", cutout_size=4)
  _, first = draw(**settings)
  np.testing.assert_array_equal(first, draw(**settings)[1])
  assert not np.array_equal(first, draw(step=6, **settings)[1])
  assert not np.array_equal(first, draw(seed=4, **settings)[1])


def test_mixup_blends_neighbours_and_their_labels_alike():
  images = np.arange(3 * 4 * 4, dtype="f4").reshape(3, 4, 4, 1)
  labels, weights = np.eye(3, dtype="f4"), np.array([1.0, 0.25, 0.5], "f4")
  mixed, blended = augment.mixup(*map(tf.constant, (images, labels, weights)))
  np.testing.assert_allclose(mixed[0], images[0])
  np.testing.assert_allclose(mixed[1], 0.25 * images[1] + 0.75 * images[0])
  np.testing.assert_allclose(
    blended, [[1, 0, 0], [0.75, 0.25, 0], [0, 0.5, 0.5]]
  )


@pytest.mark.parametrize("alpha", [0.01, 0.2, 1.0, 50.0])
def test_weights_of_mixup_have_the_moments_of_their_distribution(alpha):
  """The variance of Beta(a, a) is 1 / (4 (2 a + 1))."""
  weights = augment.mixup_weights(20_000, alpha, 3, tf.constant(1)).numpy()
  assert np.isfinite(weights).all()
  assert weights.min() >= 0 and weights.max() <= 1
  variance = 1 / (4 * (2 * alpha + 1))
  assert weights.mean() == pytest.approx(0.5, abs=0.02)
  assert weights.var() == pytest.approx(variance, rel=0.05)
  other = augment.mixup_weights(20_000, alpha, 3, tf.constant(2)).numpy()
  assert (weights != other).mean() > 0.5
