import csv
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf import errors
from enas_tf.layers import heads, regularize
from enas_tf.recipes.micro import settings as micro
from enas_tf.runs import image_training
from tests.runs import context

STEPS = 3  # In an epoch.
CHILD = micro.Child(num_epochs=3, lr_T_0=1)


def build():
  """Returns a small child, dropout and normalization included."""
  keras.utils.set_random_seed(0)
  images = keras.Input((4,))
  x = keras.layers.Dense(6, activation="tanh", name="hidden")(images)
  x = keras.layers.BatchNormalization(name="bn")(x)
  auxiliary = keras.layers.Dense(3, name="aux")(x)
  x = regularize.Dropout(0.5, seed=1, name="dropout")(x)
  logits = keras.layers.Dense(3, name="head")(x)
  return keras.Model(images, {"logits": logits, "aux_logits": auxiliary})


def batches(start, factors=None):
  """Batches that are a function of the step.

  Args:
    start: the first step.
    factors: what the images of some steps are multiplied by.
  """
  factors = factors or {}
  scale = tf.constant([factors.get(i, 1.0) for i in range(3 * STEPS)])

  def read(step):
    images = tf.random.stateless_normal([8, 4], [0, step])
    labels = tf.random.stateless_uniform([8], [1, step], 0, 3, tf.int32)
    return scale[step] * images, labels

  return tf.data.Dataset.range(start, 3 * STEPS).map(read)


def make_training(folder, child=CHILD, factors=None, model=None, **run):
  """Returns a training, its model, and what its terminal writes to."""
  model = model or build()
  settings = context.experiment(**{"mode": "train", "save_minutes": 0.0} | run)
  command, screen = context.make(folder, settings)
  training = image_training.Training(
    model,
    functools.partial(batches, factors=factors),
    steps_per_epoch=STEPS,
    description={},
    settings=child,
    folder=folder,
    run=command,
  )
  return training, model, screen


def train(folder, child=CHILD, **kwargs):
  """Trains a new child; returns it, and what was said."""
  training, model, screen = make_training(folder, child, **kwargs)
  training.run()
  return model, screen.getvalue()


def checkpoint_names(folder):
  return [path.name for path in sorted((folder / "checkpoints").glob("*"))]


def rows(folder):
  with open(folder / "metrics.csv", newline="") as file:
    return list(csv.DictReader(file))


def assert_same(found, expected):
  """Compares weights, the counts of the dropout and the momenta."""
  variables = found.variables + found.optimizer.variables
  others = expected.variables + expected.optimizer.variables
  for one, other in zip(variables, others, strict=True):
    np.testing.assert_array_equal(one, other, one.path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
  """A training that nothing interrupted: (child, folder)."""
  folder = tmp_path_factory.mktemp("whole")
  model, _ = train(folder)
  return model, folder


def test_trains_all_epochs(whole):
  model, folder = whole
  assert int(model.optimizer.iterations) == 3 * STEPS
  assert [row["epoch"] for row in rows(folder)] == ["0", "1", "2"]
  before = build().trainable_variables
  for one, other in zip(model.trainable_variables, before, strict=True):
    assert np.any(one.numpy() != other.numpy()), one.path


def test_loss_weighs_the_auxiliary_head(whole):
  for row in rows(whole[1]):
    expected = float(row["logits_loss"])
    expected += heads.AUX_WEIGHT * float(row["aux_logits_loss"])
    assert float(row["loss"]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("step", range(1, 3 * STEPS))
def test_resumes_bit_for_bit(whole, tmp_path, step):
  """At any step, the sums of the metrics of a half epoch included."""
  model, folder = whole
  with pytest.raises(errors.DivergenceError):
    train(tmp_path, factors={step: np.nan})
  epoch, done = divmod(step, STEPS)
  newest = checkpoint_names(tmp_path)[-1]
  assert newest == f"checkpoint-{step:09d}.npz"
  assert len(rows(tmp_path)) == epoch
  resumed, said = train(tmp_path)
  assert f"at epoch {epoch + 1}, step {done} of {STEPS}." in said
  assert_same(resumed, model)
  assert rows(tmp_path) == rows(folder)


def test_goes_back_to_an_older_checkpoint(whole, tmp_path):
  train(tmp_path, max_checkpoints_to_keep=9)
  resumed, said = train(tmp_path, resume_from=4)
  assert f"at epoch 2, step 1 of {STEPS}." in said
  assert_same(resumed, whole[0])
  assert rows(tmp_path) == rows(whole[1])


def test_a_longer_training_goes_on(whole, tmp_path):
  train(tmp_path, micro.Child(num_epochs=2, lr_T_0=1))
  model, said = train(tmp_path)
  assert "at epoch 3, step 0" in said
  assert_same(model, whole[0])
  assert rows(tmp_path) == rows(whole[1])


@pytest.mark.slow
def test_rates_may_change(tmp_path):
  train(tmp_path, micro.Child(num_epochs=2, lr_T_0=1))
  other = micro.Child(num_epochs=3, lr_max=0.01, clip_mode="global", l2_reg=0.0)
  _, said = train(tmp_path, other)
  assert "at epoch 3, step 0" in said


@pytest.mark.parametrize("after", [2, STEPS])
def test_stops_when_it_is_asked_to(whole, tmp_path, after):
  training, model, screen = make_training(tmp_path, save_minutes=60.0)

  def requested():
    return int(model.optimizer.iterations) >= after

  training._run.stop.requested = requested
  with pytest.raises(SystemExit):
    training.run()
  assert "Stopped at" in screen.getvalue()
  assert checkpoint_names(tmp_path) == [f"checkpoint-{after:09d}.npz"]
  assert_same(train(tmp_path)[0], whole[0])
  assert rows(tmp_path) == rows(whole[1])


def test_rows_of_repeated_epochs_are_dropped(whole, tmp_path):
  """The newest checkpoint is damaged: what came before it is trained again."""
  child = micro.Child(num_epochs=2, lr_T_0=1)
  train(tmp_path, child)
  newest = tmp_path / "checkpoints" / f"checkpoint-{2 * STEPS:09d}.npz"
  newest.write_bytes(b"")
  before = rows(tmp_path)
  assert len(before) == 2
  model, said = train(tmp_path)
  assert "Resuming the training at epoch 2, step 2" in said
  assert_same(model, whole[0])
  assert rows(tmp_path) == rows(whole[1])
  assert rows(tmp_path)[:2] == before


def test_begins_again_without_a_checkpoint(whole, tmp_path):
  with pytest.raises(errors.DivergenceError):
    train(tmp_path, save_minutes=60.0, factors={2 * STEPS: np.nan})
  assert checkpoint_names(tmp_path) == []
  assert len(rows(tmp_path)) == 2
  _, said = train(tmp_path, save_minutes=60.0)
  assert "Resuming" not in said
  assert rows(tmp_path) == rows(whole[1])
  # The end is saved though nothing is due.
  assert checkpoint_names(tmp_path) == [f"checkpoint-{3 * STEPS:09d}.npz"]


def test_training_that_is_done_changes_nothing(whole):
  model, folder = whole
  before = rows(folder)
  again, _ = train(folder)
  assert_same(again, model)
  assert rows(folder) == before


def test_divergence_saves_nothing(tmp_path):
  with pytest.raises(errors.DivergenceError, match="at step 1.*lr_max.*over"):
    train(tmp_path, factors={0: np.nan})
  assert checkpoint_names(tmp_path) == []
  assert rows(tmp_path) == []


def test_divergence_of_the_last_step_alone_saves_nothing(tmp_path):
  """The loss of a step cannot show what the step makes of the weights."""
  images = keras.Input((4,))
  model = keras.Model(images, {"logits": keras.layers.Dense(3)(images)})
  child = micro.Child(num_epochs=1, lr_max=1e38)
  with pytest.raises(errors.DivergenceError):
    train(
      tmp_path,
      child,
      factors={0: 0.0, 1: 0.0, 2: 1e3},
      model=model,
      save_minutes=60.0,
    )
  assert checkpoint_names(tmp_path) == []


def test_other_settings_are_refused(whole):
  _, folder = whole
  before = (folder / "metrics.csv").read_bytes()
  with pytest.raises(errors.CheckpointError, match="seed"):
    train(folder, seed=1)
  assert (folder / "metrics.csv").read_bytes() == before


@pytest.mark.parametrize(
  ("clip_mode", "expected"),
  [
    ("none", (None, None)),
    ("norm", (0.25, None)),
    ("global", (None, 0.25)),
  ],
)
def test_clipping(clip_mode, expected):
  model = build()
  child = micro.Child(clip_mode=clip_mode, grad_bound=0.25)
  image_training.compile_child(model, child, STEPS)
  optimizer = model.optimizer
  assert (optimizer.clipnorm, optimizer.global_clipnorm) == expected
