import dataclasses
import types

import keras
import numpy as np
import pytest

from enas_tf import errors
from enas_tf.data import arrays as data_arrays
from enas_tf.data import folder, pipeline
from enas_tf.tasks import images
from tests.data import test_folder

TRAINING = types.SimpleNamespace(batch_size=4, cutout_size=2, faithful=False)
SHAPE = (8, 10, 3)


class Arc:
  def to_json(self):
    return {"space": "some", "nodes": [1, 2]}

  def __str__(self):
    return "1 2"


def arrays(num=20, num_test=6):
  rng = np.random.default_rng(0)
  return {
    "x_train": rng.integers(0, 256, (num, *SHAPE), np.uint8),
    "y_train": np.arange(num) % 3,
    "x_test": rng.integers(0, 256, (num_test, *SHAPE), np.uint8),
    "y_test": np.arange(num_test) % 3,
    "class_names": ["a", "b", "c"],
  }


def settings(path):
  return types.SimpleNamespace(
    data="cifar10",
    data_path=str(path),
    image_size=None,
    valid_fraction=0.25,
    augment="auto",
    normalize=True,
    eval_batch_size=4,
  )


def make(tmp_path, **changed):
  path = tmp_path / "data.npz"
  given = {k: v for k, v in (arrays() | changed).items() if v is not None}
  np.savez(path, **given)
  return images.ImageClassification(settings(path))


def normalized(pixels, dataset):
  return (pixels / 255 - dataset.mean) / dataset.std


def test_direction_of_the_metric(tmp_path):
  task = make(tmp_path)
  assert task.metric.name == "accuracy" and task.metric.is_higher_better
  assert task.reward(None)(0.25) == 0.25


def test_sizes_of_the_networks_and_the_fingerprint(tmp_path):
  task = make(tmp_path)
  assert task.sizes == {"image_shape": SHAPE, "num_classes": 3}
  assert task.fingerprint() == {
    "data": "cifar10",
    "image_shape": [8, 10, 3],
    "num_train": 15,
    "class_names": ["a", "b", "c"],
  }


def test_data_are_read_once(tmp_path):
  task = make(tmp_path)
  assert task.image_shape == SHAPE
  (tmp_path / "data.npz").unlink()
  assert np.shares_memory(task.searched.train.images, task.trained.train.images)


def test_a_final_training_has_more_images(tmp_path):
  task = make(tmp_path)
  assert task.steps_per_epoch(TRAINING) == 4
  assert task.steps_per_epoch(TRAINING, final=True) == 5


@pytest.mark.parametrize("final", [False, True])
def test_streams_are_those_of_the_seed_and_the_step(tmp_path, final):
  task = make(tmp_path)
  dataset = task.trained if final else task.searched
  found = task.train_stream(TRAINING, 7, final=final)(2)
  expected = pipeline.train_batches(
    dataset.train, dataset, batch_size=4, seed=7, start_step=2, cutout_size=2
  )
  pairs = zip(
    found.take(5).as_numpy_iterator(),
    expected.take(5).as_numpy_iterator(),
    strict=True,
  )
  for one, other in pairs:
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])


def test_a_batch_that_does_not_fit_names_its_setting(tmp_path):
  task = make(tmp_path)
  training = types.SimpleNamespace(
    batch_size=99, cutout_size=None, faithful=False
  )
  with pytest.raises(errors.DataError, match="lower `batch_size`.* batch_size"):
    task.train_stream(training, 0)
  with pytest.raises(
    errors.DataError, match="lower `final_batch_size`.* final_batch_size"
  ):
    task.train_stream(training, 0, final=True)
  # A small validation split is one batch.
  images, _ = next(iter(task.reward_stream(training, 0)(0)))
  assert len(images) == 5


def test_rewards_and_rankings_see_the_validation_images_alone(tmp_path):
  task = make(tmp_path)
  expected = normalized(arrays()["x_train"][15:], task.searched)
  whole = list(task.valid_batches(TRAINING))
  assert [len(labels) for _, labels in whole] == [4, 1]
  np.testing.assert_allclose(
    np.concatenate([x for x, _ in whole]), expected, atol=2e-6
  )
  stream = task.reward_stream(TRAINING, 3)
  [(first, _)] = task.ranking_batches(TRAINING, 3)
  np.testing.assert_array_equal(first, next(iter(stream(0)))[0])
  known = {image.round(4).tobytes() for image in whole[0][0].numpy()}
  known |= {image.round(4).tobytes() for image in whole[1][0].numpy()}
  assert {image.round(4).tobytes() for image in first.numpy()} <= known


def test_the_test_split_is_whole_and_may_be_missing(tmp_path):
  task = make(tmp_path)
  expected = normalized(arrays()["x_test"], task.searched)
  found = [images for images, _ in task.test_batches(TRAINING)]
  np.testing.assert_allclose(np.concatenate(found), expected, atol=2e-6)
  task.searched = dataclasses.replace(task.searched, test=None)
  assert task.test_batches(TRAINING) is None


def constant_model(label, num_classes=3):
  """A model that says the same of every image."""
  inputs = keras.Input(SHAPE)
  logits = keras.layers.Flatten()(inputs)
  logits = keras.layers.Dense(
    num_classes, kernel_initializer="zeros", name="logits"
  )(logits)
  model = keras.Model(inputs, logits)
  model.get_layer("logits").bias.assign(np.eye(num_classes)[label])
  return model


def test_evaluation_by_hand(tmp_path):
  labels = np.array([0, 0, 0, 0, 1, 1])
  task = make(tmp_path, y_test=labels)
  model, description = constant_model(0), task.description(Arc())
  results = task.evaluate(model, description, TRAINING)
  assert results["test_accuracy"] == pytest.approx(4 / 6)
  assert results["test_images"] == 6
  assert results["test_accuracy_by_class"] == {"a": 1.0, "b": 0.0}
  assert task.summary(results) == "Test accuracy 0.6667 on 6 images."


def test_description_of_a_child(tmp_path):
  task = make(tmp_path)
  description = task.description(Arc())
  assert description["space"] == "some" and description["arc_string"] == "1 2"
  # The final child sees all training images.
  mean = (arrays()["x_train"] / 255).mean((0, 1, 2))
  np.testing.assert_allclose(description["mean"], mean, rtol=1e-5)
  assert task.describes(constant_model(0), description)
  for changed in (
    {"class_names": ["a", "b"]},
    {"class_names": "abc"},
    {"image_shape": [8, 8, 3]},
    {"std": [1.0, 0.0, 1.0]},
    {"mean": [float("nan")] * 3},
    {"arc_string": 3},
  ):
    assert not task.describes(constant_model(0), description | changed)
  with pytest.raises(LookupError):
    task.describes(constant_model(0), {})


def test_other_images_than_those_of_the_training(tmp_path):
  task = make(tmp_path)
  description = task.description(Arc()) | {"class_names": ["x", "y", "z"]}
  with pytest.raises(errors.DataError, match="trained on other images"):
    task.evaluate(constant_model(0), description, TRAINING)
  task.check_suits(constant_model(0))
  with pytest.raises(errors.DataError, match="classes=3, trained on 5"):
    task.check_suits(constant_model(0, num_classes=5))


def test_no_test_images(tmp_path):
  task = make(tmp_path, x_test=None, y_test=None)
  assert len(task.searched.train) == 15 and len(task.trained.train) == 20
  description = task.description(Arc())
  with pytest.raises(errors.DataError, match="no images for the test.*x_test"):
    task.evaluate(constant_model(0), description, TRAINING)


def test_validation_images_of_ones_own(tmp_path):
  given = arrays()
  task = make(tmp_path, x_valid=given["x_train"][:7], y_valid=np.arange(7) % 3)
  assert len(task.searched.train) == len(task.trained.train) == 20
  np.testing.assert_array_equal(
    task.searched.valid.images, given["x_train"][:7]
  )
  fingerprint = task.fingerprint()
  other = make(tmp_path, x_valid=given["x_train"][1:8], y_valid=[0] * 7)
  assert other.fingerprint() != fingerprint
  assert other.fingerprint()["digest_train"] == fingerprint["digest_train"]


def test_arrays_of_ones_own():
  given = arrays()
  source = data_arrays.ImageSource(
    (given["x_train"], given["y_train"]),
    test=(given["x_test"], given["y_test"]),
  )
  task = images.ImageClassification(settings("nowhere"), source)
  assert task.sizes == {"image_shape": SHAPE, "num_classes": 3}
  fingerprint = task.fingerprint()
  assert fingerprint["data"] == "arrays" and fingerprint["num_train"] == 15
  results = task.evaluate(constant_model(0), task.description(Arc()), TRAINING)
  assert results["test_accuracy"] == pytest.approx(1 / 3)
  # One pixel tells other arrays.
  changed = given["x_train"].copy()
  changed[3, 2, 1, 0] ^= 1
  source = dataclasses.replace(source, train=(changed, given["y_train"]))
  other = images.ImageClassification(settings("nowhere"), source)
  assert other.fingerprint() != fingerprint


def streamed_task(path, monkeypatch):
  monkeypatch.setattr(folder, "_MEMORY_FRACTION", 0.0)
  return images.ImageClassification(
    types.SimpleNamespace(
      data="folder",
      data_path=str(path),
      image_size=None,
      valid_fraction=0.25,
      augment="auto",
      normalize=True,
      eval_batch_size=4,
    )
  )


def test_a_folder_on_the_disk_has_a_digest(tmp_path, monkeypatch):
  test_folder.write(tmp_path, num=20)
  kept = streamed_task(tmp_path, monkeypatch)
  assert "digest_train" in kept.fingerprint()
  monkeypatch.setattr(folder, "_MEMORY_FRACTION", 0.25)
  whole = images.ImageClassification(kept._settings)
  assert whole.fingerprint().items() <= kept.fingerprint().items()
  assert "digest_train" not in whole.fingerprint()


@pytest.mark.parametrize("final", [False, True])
def test_a_damaged_image_is_named(tmp_path, monkeypatch, final):
  test_folder.write(tmp_path, num=20)
  task = streamed_task(tmp_path, monkeypatch)
  stream = task.train_stream(TRAINING, 0, final=final)
  for file in tmp_path.glob("*/*.png"):
    file.write_bytes(b"no image")
  with pytest.raises(errors.DataError, match=r"damaged.*\d.png"):
    with task.reading():
      next(iter(stream(0)))


def test_images_can_be_left_as_they_are_and_that_is_remembered(tmp_path):
  task = make(tmp_path)
  before = task.searched.train
  other = settings(tmp_path / "data.npz")
  other.normalize, other.augment = False, "none"
  (tmp_path / "data.npz").unlink()  # They are not read again.
  fed = task.fed_by(other)
  assert fed.searched.augment == "none" and task.searched.augment != "none"
  (pixels, _), *_ = fed.valid_batches(types.SimpleNamespace(batch_size=4))
  np.testing.assert_allclose(
    pixels, fed.searched.valid.images[:4] / 255, rtol=1e-6
  )
  assert fed.described()["mean"] == [0.0] * SHAPE[-1]
  assert fed.described()["std"] == [1.0] * SHAPE[-1]
  assert fed.fingerprint() == task.fingerprint() | {"normalize": False}
  np.testing.assert_array_equal(fed.searched.train.images, before.images)
