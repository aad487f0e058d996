import csv
import functools
import io

import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf import config, errors
from enas_tf.layers import heads, regularize
from enas_tf.report import terminal as terminals
from enas_tf.runs import fit

STEPS = 3  # In an epoch.
CHILD = config.MicroFinalConfig(num_epochs=3, lr_T_0=1)


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


def train(folder, child=CHILD, save_minutes=0.0, factors=None, model=None):
  """Trains a new child; returns it, and what was said."""
  model = model or build()
  screen = io.StringIO()
  fit.fit(
    model,
    child,
    batches=functools.partial(batches, factors=factors),
    steps_per_epoch=STEPS,
    fingerprint={"seed": 0},
    folder=folder,
    save_minutes=save_minutes,
    terminal=terminals.Terminal(screen),
  )
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


def test_resumes_bit_for_bit(whole, tmp_path):
  model, folder = whole
  with pytest.raises(errors.DivergenceError):
    train(tmp_path, factors={STEPS + 1: np.nan})
  assert checkpoint_names(tmp_path) == ["checkpoint-000000001.npz"]
  assert len(rows(tmp_path)) == 1
  resumed, said = train(tmp_path)
  assert "Resuming the training at epoch 2." in said
  assert_same(resumed, model)
  assert rows(tmp_path) == rows(folder)


def test_rows_of_repeated_epochs_are_dropped(whole, tmp_path):
  """The newest checkpoint is damaged: its epoch is trained again."""
  child = config.MicroFinalConfig(num_epochs=2, lr_T_0=1)
  train(tmp_path, child)
  (tmp_path / "checkpoints" / "checkpoint-000000002.npz").write_bytes(b"")
  before = rows(tmp_path)
  assert len(before) == 2
  model, said = train(tmp_path)
  assert "Resuming the training at epoch 2." in said
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
  assert checkpoint_names(tmp_path) == ["checkpoint-000000003.npz"]


def test_training_that_is_done_changes_nothing(whole):
  model, folder = whole
  before = rows(folder)
  again, _ = train(folder)
  assert_same(again, model)
  assert rows(folder) == before


@pytest.mark.parametrize("step", [0, STEPS - 1])
def test_divergence_saves_nothing(tmp_path, step):
  with pytest.raises(errors.DivergenceError, match=f"at step {step + 1}.*lr"):
    train(tmp_path, factors={step: np.nan})
  assert checkpoint_names(tmp_path) == []
  assert rows(tmp_path) == []


def test_divergence_of_the_last_step_alone_saves_nothing(tmp_path):
  """The loss of a step cannot show what the step makes of the weights."""
  images = keras.Input((4,))
  model = keras.Model(images, {"logits": keras.layers.Dense(3)(images)})
  child = config.MicroFinalConfig(num_epochs=2, lr_max=1e38)
  with pytest.raises(errors.DivergenceError):
    train(tmp_path, child, factors={0: 0.0, 1: 0.0, 2: 1e3}, model=model)
  assert checkpoint_names(tmp_path) == []


def test_other_settings_are_refused(whole):
  _, folder = whole
  before = (folder / "metrics.csv").read_bytes()
  with pytest.raises(errors.CheckpointError, match="seed"):
    fit.fit(
        build(), CHILD, batches=batches, steps_per_epoch=STEPS,
        fingerprint={"seed": 1}, folder=folder, save_minutes=0.0,
        terminal=terminals.Terminal(io.StringIO()),
    )  # fmt: skip
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
  child = config.ChildConfig(clip_mode=clip_mode, grad_bound=0.25)
  fit._compile(model, child, STEPS)
  optimizer = model.optimizer
  assert (optimizer.clipnorm, optimizer.global_clipnorm) == expected


def test_saves_and_loads_a_child(tmp_path):
  model = build()
  inference = keras.Model(model.input, model.output["logits"])
  description = {"arc_string": "0 1", "mean": [0.5]}
  fit.save(inference, description, tmp_path / fit.FOLDER)
  loaded, found = fit.load(tmp_path)
  assert found == description
  images, _ = next(iter(batches(0)))
  np.testing.assert_array_equal(loaded(images), inference(images))
  names = {path.name for path in (tmp_path / fit.FOLDER).iterdir()}
  assert names == {"child.keras", "child.json"}


def test_no_child_to_load(tmp_path):
  with pytest.raises(errors.CheckpointError, match=f"output_dir={tmp_path}"):
    fit.load(tmp_path)


def test_damaged_child(tmp_path):
  model = build()
  fit.save(keras.Model(model.input, model.output), {}, tmp_path / fit.FOLDER)
  path = tmp_path / fit.FOLDER / "child.keras"
  for content in (path.read_bytes()[:100], b""):
    path.write_bytes(content)
    with pytest.raises(errors.CheckpointError, match="train it again"):
      fit.load(tmp_path)
