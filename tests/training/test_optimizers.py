import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf.layers import shared
from enas_tf.training import optimizers, schedules
from tests import golden

SIZES = (3, 1, 0, 2, 4)  # Rows of the blocks of a bank.
FILTERS = 2
L2 = 0.02


def rate_of(step):
  """A learning rate that changes at every step, up and down."""
  return 0.3 * (1 + tf.cos(tf.cast(step, tf.float32)))


def build(l2_reg=L2, schedule=rate_of, num_banks=2, **settings):
  rng = np.random.default_rng(0)
  banks = [
    shared.Bank(SIZES, FILTERS, rng.normal(size=(sum(SIZES), FILTERS)))
    for _ in range(num_banks)
  ]
  for bank in banks:
    bank.build()
  dense = [tf.Variable(rng.normal(size=(3, 4)), dtype=tf.float32)]
  return optimizers.SupernetMomentum(
    dense, banks, schedule, l2_reg=l2_reg, **settings
  ), banks


def random_step(rng, optimizer, banks):
  """Returns (chosen blocks, their gradients, the same as dense arrays)."""
  chosen, gradients, expected = [], [], []
  for variable in optimizer.variables[: -len(banks)]:
    gradients.append(rng.normal(size=variable.shape).astype(np.float32))
    expected.append(gradients[-1])
  for bank in banks:
    number = rng.integers(1, len(SIZES))
    blocks = rng.choice(len(SIZES), number, replace=False).astype(np.int32)
    places = bank.rows_of(blocks)
    values = rng.normal(size=(len(places), FILTERS)).astype(np.float32)
    chosen.append(tf.constant(blocks))
    gradients.append(tf.IndexedSlices(tf.constant(values), places))
    dense = np.zeros(bank.rows.shape)
    dense[places] = values
    expected.append(dense)
  return chosen, gradients, expected


class NumpyMomentum:
  """TensorFlow 1's dense update with L2, in float64."""

  def __init__(self, variables, l2_reg=L2):
    self.weights = [np.array(v, np.float64) for v in variables]
    self.momenta = [np.zeros(v.shape) for v in self.weights]
    self._l2_reg = l2_reg

  def with_l2(self, gradients):
    return [
      g + 2 * self._l2_reg * w
      for g, w in zip(gradients, self.weights, strict=True)
    ]

  def apply(self, gradients, rate):
    for i, gradient in enumerate(gradients):
      self.momenta[i] = 0.9 * self.momenta[i] + gradient
      self.weights[i] -= rate * (gradient + 0.9 * self.momenta[i])


def assert_close(found, expected):
  for i, (value, other) in enumerate(zip(found, expected, strict=True)):
    # Weights grow to about 20 here, in float32 to within 2e-6.
    np.testing.assert_allclose(value, other, 1e-5, 1e-5, err_msg=str(i))


@pytest.mark.parametrize("l2_reg", [0.0, L2])
def test_lazy_update_is_the_dense_one(l2_reg):
  optimizer, banks = build(l2_reg)
  reference = NumpyMomentum(optimizer.variables, l2_reg)
  rng = np.random.default_rng(1)

  @tf.function(reduce_retracing=True)
  def step(chosen, gradients):
    optimizer.refresh(chosen)
    optimizer.apply(gradients, chosen)

  for i in range(60):
    chosen, gradients, expected = random_step(rng, optimizer, banks)
    step(chosen, gradients)
    reference.apply(reference.with_l2(expected), float(rate_of(i)))
    # The weights that were chosen are right at once, and so are the dense.
    for j, bank in enumerate(banks):
      places = bank.rows_of(chosen[j]).numpy()
      assert_close(
        [bank.rows.numpy()[places]], [reference.weights[1 + j][places]]
      )
    if i == 30:  # In between, flushing changes nothing.
      optimizer.flush()
      assert_close(optimizer.variables, reference.weights)
  optimizer.flush()
  assert int(optimizer.step) == 60
  assert_close(optimizer.variables, reference.weights)
  momenta = optimizer._momenta + optimizer._bank_momenta
  assert_close(momenta, reference.momenta)
  # A second flush has nothing left to do.
  before = [v.numpy() for v in optimizer.variables]
  optimizer.flush()
  assert_close(optimizer.variables, before)


def test_rows_that_are_not_chosen_wait():
  optimizer, (bank,) = build(num_banks=1)
  before = bank.rows.numpy()
  chosen = [tf.constant([1])]
  optimizer.refresh(chosen)
  gradients = [
    tf.ones([3, 4]),
    tf.IndexedSlices(tf.ones([1, FILTERS]), tf.constant([3])),
  ]
  optimizer.apply(gradients, chosen)
  changed = np.any(bank.rows.numpy() != before, axis=1)
  assert changed.tolist() == [False] * 3 + [True] + [False] * 6
  optimizer.flush()  # Now L2 reaches all of them.
  assert np.all(bank.rows.numpy() != before)


def test_refresh_brings_what_it_is_given_up_to_date():
  optimizer, (bank,) = build(num_banks=1)
  reference = NumpyMomentum(optimizer.variables)
  rng = np.random.default_rng(3)
  for i in range(5):
    chosen, gradients, expected = random_step(rng, optimizer, [bank])
    optimizer.refresh(chosen)
    optimizer.apply(gradients, chosen)
    reference.apply(reference.with_l2(expected), float(rate_of(i)))
  optimizer.refresh([tf.constant([4, 0])])
  for rows in (slice(0, 3), slice(6, 10)):
    assert_close([bank.rows.numpy()[rows]], [reference.weights[1][rows]])


def test_a_dense_variable_without_gradient_still_decays():
  optimizer, (bank,) = build(num_banks=1)
  reference = NumpyMomentum(optimizer.variables[:1])
  for i in range(3):
    chosen, gradients, _ = random_step(
      np.random.default_rng(i), optimizer, [bank]
    )
    optimizer.refresh(chosen)
    optimizer.apply([None, gradients[-1]], chosen)
    zeros = [np.zeros([3, 4])]
    reference.apply(reference.with_l2(zeros), float(rate_of(i)))
  assert_close(optimizer.variables[:1], reference.weights)


@pytest.mark.parametrize("clip_mode", ["none", "norm", "global"])
def test_clips_what_the_step_uses(clip_mode):
  bound = 1.5
  optimizer, banks = build(clip_mode=clip_mode, grad_bound=bound)
  reference = NumpyMomentum(optimizer.variables)
  chosen, gradients, expected = random_step(
    np.random.default_rng(5), optimizer, banks
  )
  optimizer.refresh(chosen)
  norm = optimizer.apply(gradients, chosen)
  # L2 is part of what is clipped, of the rows that the step uses.
  total = reference.with_l2(expected)
  used = [np.ones([3, 4], bool)] + [
    np.isin(bank.block_of_row, blocks)[:, None]
    for bank, blocks in zip(banks, chosen, strict=True)
  ]
  norms = [np.linalg.norm(g * u) for g, u in zip(total, used, strict=True)]
  assert float(norm) == pytest.approx(np.linalg.norm(norms), rel=1e-5)
  assert min(norms) > bound  # The bound is hit.
  if clip_mode == "norm":
    factors = [bound / each for each in norms]
  else:
    factor = bound / np.linalg.norm(norms) if clip_mode == "global" else 1
    factors = [factor] * 3
  reference.apply(
    [
      np.where(u, f * g, g)
      for g, u, f in zip(total, used, factors, strict=True)
    ],
    float(rate_of(0)),
  )
  optimizer.flush()
  assert_close(optimizer.variables, reference.weights)


def test_small_gradients_are_not_clipped():
  plain, clipped = build()[0], build(clip_mode="global", grad_bound=1e3)[0]
  for optimizer in (plain, clipped):
    chosen, gradients, _ = random_step(
      np.random.default_rng(0), optimizer, optimizer._banks
    )
    optimizer.refresh(chosen)
    optimizer.apply(gradients, chosen)
  assert_close(clipped.variables, [v.numpy() for v in plain.variables])


def test_learning_rate_is_that_of_the_step():
  optimizer, banks = build(
    schedule=schedules.CosineRestarts(1.0, 0.0, 2, 1, steps_per_epoch=1)
  )
  rates = []
  for i in range(4):
    rates.append(float(optimizer.learning_rate))
    chosen, gradients, _ = random_step(
      np.random.default_rng(i), optimizer, banks
    )
    optimizer.refresh(chosen)
    optimizer.apply(gradients, chosen)
  np.testing.assert_allclose(rates, [1.0, 0.5, 1.0, 0.5])


def test_goes_on_from_its_state():
  """Also when moves are pending."""
  first, second = build(), build()
  for i in range(4):
    run_step(i, *first)
  state = first[0].slots()
  for name, variable in second[0].slots().items():
    variable.assign(state[name])
  for mine, theirs in zip(first[0].variables, second[0].variables, strict=True):
    theirs.assign(mine)
  for i in range(4, 8):
    run_step(i, *first)
    run_step(i, *second)
  first[0].flush()
  second[0].flush()
  for mine, theirs in zip(first[0].variables, second[0].variables, strict=True):
    np.testing.assert_array_equal(mine, theirs)


def run_step(seed, optimizer, banks):
  chosen, gradients, _ = random_step(
    np.random.default_rng(seed), optimizer, banks
  )
  optimizer.refresh(chosen)
  optimizer.apply(gradients, chosen)


def original_steps(name):
  """Returns (initial w and b, steps) of a golden; each has 5 steps."""
  arrays, _ = golden.load("optimizers")
  case = golden.under(arrays, f"{name}/")
  steps = [golden.under(case, f"step{i}/") for i in range(5)]
  return [case["w0"], case["b0"]], steps


# The l2 of the goldens; "norm" clipping did nothing in the original.
ORIGINAL = {"momentum": 0.0, "momentum_l2_clipnorm": 0.01}


@pytest.mark.parametrize("name", ORIGINAL)
def test_keras_optimizer_is_the_original(name):
  initial, steps = original_steps(name)
  variables = [keras.Variable(value) for value in initial]
  optimizer = optimizers.NesterovMomentum(0.0, l2_reg=ORIGINAL[name])
  for step in steps:
    optimizer.learning_rate = float(step["lr"])
    optimizer.apply(
      [tf.constant(step["g_w"]), tf.constant(step["g_b"])], variables
    )
    assert_close([v.numpy() for v in variables], [step["w"], step["b"]])


@pytest.mark.parametrize("name", ORIGINAL)
def test_supernet_optimizer_is_the_original(name):
  initial, steps = original_steps(name)
  rates = tf.constant([step["lr"] for step in steps])
  variables = [tf.Variable(value) for value in initial]
  optimizer = optimizers.SupernetMomentum(
    variables, [], lambda i: rates[i], l2_reg=ORIGINAL[name]
  )
  for step in steps:
    norm = optimizer.apply(
      [tf.constant(step["g_w"]), tf.constant(step["g_b"])], []
    )
    assert_close(variables, [step["w"], step["b"]])
    assert float(norm) == pytest.approx(step["grad_norm"], rel=1e-4)


def test_both_optimizers_agree():
  rng = np.random.default_rng(0)
  value = rng.normal(size=(5, 2)).astype(np.float32)
  mine, theirs = keras.Variable(value), tf.Variable(value)
  schedule = schedules.CosineRestarts(0.3, 0.1, 2, 2, steps_per_epoch=2)
  keras_optimizer = optimizers.NesterovMomentum(schedule, l2_reg=L2)
  ours = optimizers.SupernetMomentum([theirs], [], schedule, l2_reg=L2)
  for _ in range(12):
    gradient = tf.constant(rng.normal(size=(5, 2)), tf.float32)
    keras_optimizer.apply([gradient], [mine])
    ours.apply([gradient], [])
  assert_close([mine.numpy()], [theirs.numpy()])


def regression(optimizer):
  """Returns a compiled model of one weight matrix, and data for it."""
  keras.utils.set_random_seed(0)
  model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
  model.compile(optimizer, "mse")
  rng = np.random.default_rng(0)
  x = rng.normal(size=(32, 3)).astype(np.float32)
  return model, x, x @ rng.normal(size=(3, 2)).astype(np.float32)


def test_fits_a_keras_model():
  schedule = schedules.CosineRestarts(0.05, 0.001, 2, 2, steps_per_epoch=4)
  model, x, y = regression(optimizers.NesterovMomentum(schedule))
  history = model.fit(x, y, batch_size=8, epochs=14, verbose=0).history["loss"]
  assert history[-1] < 0.05 * history[0]


def test_a_saved_model_goes_on(tmp_path):
  schedule = schedules.CosineRestarts(0.05, 0.001, 2, 2, steps_per_epoch=4)
  model, x, y = regression(
    optimizers.NesterovMomentum(schedule, l2_reg=L2, global_clipnorm=3.0)
  )
  fit = dict(batch_size=8, epochs=2, verbose=0, shuffle=False)
  model.fit(x, y, **fit)
  model.save(tmp_path / "model.keras")
  twin = keras.models.load_model(tmp_path / "model.keras")
  assert twin.optimizer.l2_reg == L2
  assert twin.optimizer.global_clipnorm == 3.0
  model.fit(x, y, **fit)
  twin.fit(x, y, **fit)
  for mine, theirs in zip(model.weights, twin.weights, strict=True):
    np.testing.assert_allclose(mine, theirs, 1e-6)
