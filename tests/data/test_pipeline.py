import itertools

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.data import base, pipeline


def make(num=10, shape=(8, 12, 3), augment="crop_flip"):
  """A data set whose labels number the images."""
  rng = np.random.default_rng(0)
  split = base.ArraySplit(
    rng.integers(0, 256, (num, *shape), np.uint8),
    np.arange(num, dtype=np.int32),
  )
  mean = np.linspace(0.4, 0.6, shape[-1]).astype(np.float32)
  std = np.linspace(0.2, 0.3, shape[-1]).astype(np.float32)
  names = tuple(map(str, range(num)))
  return base.ImageDataset(
    "fake", split, None, split, names, mean, std, augment
  )


def normalized(dataset):
  return (dataset.train.images / 255 - dataset.mean) / dataset.std


def take(dataset, num, **changed):
  settings = dict(batch_size=4, seed=1) | changed
  batches = pipeline.train_batches(dataset.train, dataset, **settings)
  return list(itertools.islice(batches.as_numpy_iterator(), num))


def labels(batches):
  return np.stack([each for _, each in batches])


@pytest.mark.parametrize(
  "num_images,batch_size,expected",
  [(10, 4, 3), (8, 4, 2), (4, 4, 1), (45000, 160, 282)],
)
def test_batches_per_epoch(num_images, batch_size, expected):
  assert pipeline.batches_per_epoch(num_images, batch_size) == expected


@pytest.mark.parametrize("num,batch_size", [(10, 4), (8, 4), (5, 5), (7, 6)])
def test_every_epoch_shows_every_image(num, batch_size):
  dataset = make(num)
  per_epoch = pipeline.batches_per_epoch(num, batch_size)
  seen = labels(take(dataset, 4 * per_epoch, batch_size=batch_size))
  epochs = seen.reshape(4, per_epoch * batch_size)
  for epoch in epochs:
    assert sorted(epoch[:num]) == list(range(num))
    # What fills the last batch up is the epoch's beginning.
    np.testing.assert_array_equal(
      epoch[num:], epoch[: per_epoch * batch_size - num]
    )
  assert len({tuple(epoch) for epoch in epochs}) > 1


def test_seed_decides_order():
  dataset = make()
  first = labels(take(dataset, 6))
  np.testing.assert_array_equal(first, labels(take(dataset, 6)))
  assert not np.array_equal(first, labels(take(dataset, 6, seed=2)))


@pytest.mark.parametrize("start_step", [1, 2, 3, 4, 6, 11])
def test_resumes_exactly(start_step):
  dataset = make()
  settings = dict(cutout_size=4)
  whole = take(dataset, 14, **settings)[start_step:]
  rest = take(dataset, len(whole), start_step=start_step, **settings)
  for expected, got in zip(whole, rest, strict=True):
    np.testing.assert_array_equal(expected[0], got[0])
    np.testing.assert_array_equal(expected[1], got[1])


def test_resumes_far_on():
  dataset = make()
  far = 3 * 10**8
  ahead = take(dataset, 3, start_step=far)
  rest = take(dataset, 2, start_step=far + 1)
  np.testing.assert_array_equal(labels(ahead)[1:], labels(rest))
  np.testing.assert_array_equal(ahead[1][0], rest[0][0])


def test_images_are_normalized_and_belong_to_their_labels():
  dataset = make()
  expected = normalized(dataset)
  for images, numbers in take(dataset, 5, augment=False):
    assert images.dtype == np.float32 and numbers.dtype == np.int32
    np.testing.assert_allclose(images, expected[numbers], atol=2e-6)


def test_augments_anew_at_every_step():
  dataset = make(4)
  plain = normalized(dataset)
  versions = {
    images[list(numbers).index(0)].tobytes()
    for images, numbers in take(dataset, 20)
  }
  assert len(versions) > 8  # Of 18.
  # Every row of an image that was padded and cropped is a row of it or zero.
  padded = np.pad(plain[0], [(1, 1), (1, 1), (0, 0)])
  windows = np.stack(
    [
      padded[row : row + 8, column : column + 12][:, ::step]
      for row in range(3)
      for column in range(3)
      for step in (1, -1)
    ]
  )
  for version in versions:
    image = np.frombuffer(version, np.float32).reshape(8, 12, 3)
    assert abs(windows - image).max((1, 2, 3)).min() < 2e-6


def test_kind_none_only_cuts_out():
  dataset = make(augment="none")
  plain = normalized(dataset)
  for images, numbers in take(dataset, 3, cutout_size=2):
    kept = (images != 0).any(-1)
    np.testing.assert_allclose(images[kept], plain[numbers][kept], atol=2e-6)
    assert ((~kept).sum((1, 2)) <= 4).all() and (~kept).any()


def test_faithful_is_another_cutout():
  dataset = make(augment="none")
  settings = dict(cutout_size=6)
  centred = take(dataset, 3, **settings)
  faithful = take(dataset, 3, faithful=True, **settings)
  np.testing.assert_array_equal(labels(centred), labels(faithful))
  # The same corners, 3 pixels further down: less lies inside of the image.
  blank = [
    sum((x == 0).all(-1).sum() for x, _ in each) for each in (centred, faithful)
  ]
  assert blank[1] < blank[0]


def test_shapes_are_static():
  dataset = make()
  batches = pipeline.train_batches(dataset.train, dataset, batch_size=4, seed=0)
  images, numbers = batches.element_spec
  assert images.shape == (4, 8, 12, 3) and numbers.shape == (4,)


def test_batch_larger_than_the_data():
  dataset = make()
  with pytest.raises(errors.DataError, match="`batch_size`.*images=10"):
    take(dataset, 1, batch_size=11)
  assert len(take(dataset, 1, batch_size=10)[0][1]) == 10


def test_eval_batches_show_all_in_order():
  dataset = make()
  batches = pipeline.eval_batches(dataset.test, dataset, batch_size=4)
  for _ in range(2):
    images, numbers = zip(*batches.as_numpy_iterator(), strict=True)
    assert [len(each) for each in numbers] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate(numbers), np.arange(10))
    np.testing.assert_allclose(
      np.concatenate(images), normalized(dataset), atol=2e-6
    )


def test_one_channel():
  dataset = make(shape=(9, 7, 1), augment="crop")
  images, _ = take(dataset, 1, cutout_size=3)[0]
  assert images.shape == (4, 9, 7, 1)


def test_mixup_makes_fractions_of_labels_and_can_begin_anywhere():
  dataset = make(augment="none")
  plain = take(dataset, 5)
  mixed = take(dataset, 5, mixup=0.5)
  for (images, numbers), (blends, fractions) in zip(plain, mixed, strict=True):
    assert fractions.shape == (4, 10) and fractions.dtype == np.float32
    np.testing.assert_allclose(fractions.sum(1), 1, rtol=1e-6)
    own = fractions[np.arange(4), numbers][:, None, None, None]
    np.testing.assert_allclose(
      blends, own * images + (1 - own) * np.roll(images, 1, 0), atol=1e-5
    )
  later = take(dataset, 3, mixup=0.5, start_step=2)
  for ours, theirs in zip(later, mixed[2:], strict=True):
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_array_equal(ours[1], theirs[1])
