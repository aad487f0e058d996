import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf.recipes.micro import settings
from enas_tf.training import schedules
from tests import golden


def rates(schedule, num_steps):
  """Returns the rates of steps 0, 1, ..., through one traced function."""
  traced = tf.function(schedule, autograph=False)
  return np.array([traced(tf.constant(i)) for i in range(num_steps)])


def cosine(name, **changed):
  _, meta = golden.load("lr_schedules")
  each = meta["cosine"][name]
  return schedules.CosineRestarts(
    each["lr_max"],
    each["lr_min"],
    each["T_0"],
    each["T_mul"],
    each["nb"],
    **changed,
  )


COSINES = (
  "macro_search_and_micro_search",
  "micro_final",
  "macro_final",
  "long_T0_10_mul2",
  "Tmul3_T0_2",
)


@pytest.mark.parametrize("name", COSINES)
def test_faithful_cosine_is_the_original(name):
  expected = golden.load("lr_schedules")[0][f"cosine/{name}"]
  found = rates(cosine(name, faithful=True), len(expected))
  np.testing.assert_allclose(found, expected, 1e-5, 1e-7)


@pytest.mark.parametrize("name", COSINES)
def test_cosine_differs_in_the_first_step_of_a_restart_alone(name):
  arrays, meta = golden.load("lr_schedules")
  expected = arrays[f"cosine/{name}"].copy()
  settings = meta["cosine"][name]
  restart, period = settings["T_0"], settings["T_0"]
  while restart < settings["epochs"]:
    step = restart * settings["nb"]
    assert expected[step] < 0.99 * settings["lr_max"]
    expected[step] = settings["lr_max"]
    period *= settings["T_mul"]
    restart += period
  found = rates(cosine(name), len(expected))
  np.testing.assert_allclose(found, expected, 1e-5, 1e-7)


def test_cosine_by_hand():
  schedule = schedules.CosineRestarts(1.0, 0.2, 2, 2, steps_per_epoch=3)
  # Periods of 2 and 4 epochs, each epoch of 3 steps.
  epochs = [
    0.2 + 0.4 * (1 + np.cos(np.pi * t))
    for t in (0, 1 / 2, 0, 1 / 4, 2 / 4, 3 / 4, 0)
  ]
  expected = np.repeat(epochs, 3)
  np.testing.assert_allclose(rates(schedule, 21), expected, 1e-6)


def test_cosine_with_equal_periods_never_ends():
  schedule = schedules.CosineRestarts(1.0, 0.0, 3, 1, steps_per_epoch=1)
  for start in (0, 3, 300, 2997):
    assert float(schedule(start)) == 1
    assert float(schedule(start + 1)) == pytest.approx(0.75)
    assert float(schedule(start + 2)) == pytest.approx(0.25)


@pytest.mark.parametrize("name", ["ptb_search", "ptb_final", "ptb_search_long"])
def test_exponential_is_the_original(name):
  arrays, meta = golden.load("lr_schedules")
  each = meta["exp"][name]
  schedule = schedules.ExponentialDecay(
    each["lr_init"],
    each["rate"],
    each["dec_every_epoch"],
    each["nb"],
    each["dec_start_epoch"],
    each["min"],
  )
  expected = arrays[f"exp/{name}"]
  found = rates(schedule, len(expected))
  # The original multiplies in float32.
  np.testing.assert_allclose(found, expected, 1e-5)


def test_exponential_by_hand():
  schedule = schedules.ExponentialDecay(
    0.8, 0.5, every_epochs=2, steps_per_epoch=3, start_epoch=1, minimum=0.3
  )
  expected = [0.8] * 9 + [0.4] * 6 + [0.3] * 3
  np.testing.assert_allclose(rates(schedule, 18), expected, 1e-6)


@pytest.mark.parametrize(
  "schedule",
  [
    schedules.CosineRestarts(0.05, 0.001, 2, 3, 4, faithful=True),
    schedules.CosineRestarts(0.05, 0.001, 2, 3, 4),
    schedules.ExponentialDecay(0.1, 0.5, 2, 4, 1, 0.01),
  ],
)
def test_serializes(schedule):
  serialize = keras.optimizers.schedules.serialize
  twin = keras.optimizers.schedules.deserialize(serialize(schedule))
  assert twin.get_config() == schedule.get_config()
  np.testing.assert_array_equal(rates(twin, 40), rates(schedule, 40))


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
def test_takes_any_integer_and_is_the_same_eagerly(dtype):
  for schedule in (
    schedules.CosineRestarts(0.05, 0.001, 2, 2, 4),
    schedules.ExponentialDecay(0.1, 0.5, 2, 4),
  ):
    for step in (0, 9, 23):
      found = schedule(tf.Variable(step, dtype=dtype))
      assert found.dtype == tf.float32
      assert float(found) == float(schedule(step))
      assert float(found) == float(tf.function(schedule)(tf.constant(step)))


def test_from_settings():
  child = settings.Supernet(lr_max=0.5, lr_min=0.25, lr_T_0=2, lr_T_mul=3)
  schedule = schedules.from_settings(child, steps_per_epoch=7)
  assert schedule.get_config() == dict(
    lr_max=0.5,
    lr_min=0.25,
    T_0=2,
    T_mul=3,
    steps_per_epoch=7,
    faithful=False,
  )
  child = settings.Supernet(faithful=True)
  assert schedules.from_settings(child, 7).get_config()["faithful"]
  child = settings.Supernet(
    lr_cosine=False, lr=0.5, lr_min=0.125, lr_dec_rate=0.75, lr_dec_every=3
  )
  schedule = schedules.from_settings(child, steps_per_epoch=7)
  assert schedule.get_config() == dict(
    lr=0.5,
    rate=0.75,
    every_epochs=3,
    steps_per_epoch=7,
    start_epoch=0,
    minimum=0.125,
  )
