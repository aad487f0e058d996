import itertools

import numpy as np
import pytest
import tensorflow as tf

from enas_tf import errors
from enas_tf.compat import original
from enas_tf.networks import macro_supernet, micro_supernet
from enas_tf.spaces import macro, micro
from enas_tf.tasks import image_steps
from enas_tf.training import optimizers, schedules
from enas_tf.training import trainer as trainers
from tests import golden

IMAGE_SHAPE = (8, 8, 3)
NUM_CLASSES = 5


def build_net(num_cells=2, **changed):
  settings = dict(
    num_layers=1,
    out_filters=4,
    image_shape=IMAGE_SHAPE,
    num_classes=NUM_CLASSES,
    use_aux_heads=True,
    keep_prob=1.0,
    seed=0,
  )
  return micro_supernet.MicroSupernet(
    micro.MicroSpace(num_cells), **(settings | changed)
  )


def build_trainer(net, batches, l2_reg=1e-4):
  optimizer = optimizers.for_supernet(
    net,
    schedules.CosineRestarts(0.05, 0.0005, 10, 2, steps_per_epoch=4),
    l2_reg=l2_reg,
    clip_mode="none",
    grad_bound=5.0,
  )
  return trainers.Trainer(
    net, image_steps.ImageSteps(), batches, optimizer, batch_size=4
  )


def random_batches(start, size=4):
  """A stream of batches that is a function of the step."""
  for step in itertools.count(start):
    rng = np.random.default_rng(step)
    yield (
      tf.constant(rng.normal(size=(size, *IMAGE_SHAPE)), tf.float32),
      tf.constant(rng.integers(NUM_CLASSES, size=size), tf.int32),
    )


def random_arcs(space, num, seed=0):
  rng = np.random.default_rng(seed)
  return np.array([space.encode(space.random(rng)) for _ in range(num)])


@golden.no_ties
def test_trains_as_the_original():
  arrays, meta = golden.load("train_micro_search")
  net = build_net(
    meta["num_cells"],
    num_layers=meta["num_layers"],
    out_filters=meta["out_filters"],
    image_shape=(32, 32, 3),
    num_classes=10,
    use_aux_heads=False,
    faithful=True,
  )
  assert_trains_alike(net, arrays, meta, ["normal_arc", "reduce_arc"])


@golden.no_ties
def test_macro_trains_as_the_original():
  arrays, meta = golden.load("train_macro_search")
  net = macro_supernet.MacroSupernet(
    macro.MacroSpace(meta["num_layers"]),
    out_filters=meta["out_filters"],
    image_shape=(32, 32, 3),
    num_classes=10,
    keep_prob=1.0,
    seed=0,
  )
  assert_trains_alike(net, arrays, meta, ["arc"])


def assert_trains_alike(net, arrays, meta, parts):
  """Takes a golden's steps, on the arcs that it holds in parts."""
  steps = [golden.under(arrays, f"step{i}/") for i in range(meta["steps"])]
  original.assign(net, golden.under(arrays, "var/"))
  trainer = build_trainer(
    net,
    lambda start: (
      (tf.constant(each["images"]), tf.constant(each["labels"]))
      for each in steps[start:]
    ),
    meta["l2_reg"],
  )
  for expected in steps:
    arc = np.concatenate([expected[part] for part in parts])
    metrics = trainer.run(arc[None].astype(np.int32))
    assert metrics["child/loss"] == pytest.approx(expected["loss"], rel=1e-4)
    assert metrics["child/learning_rate"] == pytest.approx(expected["lr"])
    if "after_names" in expected:
      # In between, too, it must not change what the next steps do.
      trainer.flush()
      assert_same_state(net, trainer, expected)
  assert trainer.num_traces == 1


def assert_same_state(net, trainer, expected):
  """Compares all weights and momenta with those after a golden's step."""
  momenta = momenta_by_variable(net, trainer)
  found = {}
  for name, reference in original.references(net).items():
    found[name] = reference.read()
    momentum = momenta[id(reference.variable)]
    found[f"{name}/Momentum"] = reference.read(momentum)
  names = [str(each).removeprefix("child/") for each in expected["after_names"]]
  # Our supernet has no moving averages.
  assert {n for n in names if "/moving_" not in n} == set(found)
  sums = dict(zip(names, expected["after_sum"], strict=True))
  norms = dict(zip(names, expected["after_l2"], strict=True))
  for name, value in found.items():
    assert value.sum() == pytest.approx(sums[name], rel=1e-3, abs=1e-4), name
    norm = np.linalg.norm(value)
    assert norm == pytest.approx(norms[name], rel=1e-4, abs=1e-5), name
  for name, value in golden.under(expected, "after/child/").items():
    if "/moving_" not in name:
      np.testing.assert_allclose(
        found[name], value, golden.RTOL, golden.ATOL, err_msg=name
      )


def momenta_by_variable(net, trainer):
  state = trainer.state()
  banks = [bank.rows for bank in net.banks]
  bank_ids = {id(each) for each in banks}
  dense = [v for v in net.trainable_variables if id(v) not in bank_ids]
  return {
    id(variable): state[f"momentum/{kind}/{i}"]
    for kind, variables in (("momentum", dense), ("bank_momentum", banks))
    for i, variable in enumerate(variables)
  }


@pytest.fixture(scope="module")
def trained():
  """A trainer that has taken six steps on different arcs."""
  net = build_net()
  trainer = build_trainer(net, random_batches)
  metrics = trainer.run(random_arcs(net.space, 6))
  return net, trainer, metrics


def test_one_trace_serves_all_arcs(trained):
  _, trainer, _ = trained
  assert trainer.num_traces == 1


def test_counts_its_steps(trained):
  _, trainer, _ = trained
  assert trainer.num_steps == 6


def test_reports_the_mean_of_the_steps(trained):
  _, _, metrics = trained
  assert set(metrics) == {
    "child/loss",
    "child/accuracy",
    "child/grad_norm",
    "child/learning_rate",
  }
  # Four steps of epoch 0 and two of epoch 1, of a period of ten epochs.
  second = 0.0005 + 0.5 * 0.0495 * (1 + np.cos(np.pi / 10))
  assert metrics["child/learning_rate"] == pytest.approx(
    (4 * 0.05 + 2 * second) / 6
  )
  assert 0 <= metrics["child/accuracy"] <= 1
  assert 0 < metrics["child/grad_norm"] < np.inf


def test_state_holds_every_variable(trained):
  net, trainer, _ = trained
  state = trainer.state()
  for variable in net.variables:
    name = f"supernet/{variable.path}"
    np.testing.assert_array_equal(state[name], variable, name)
  assert all(isinstance(each, np.ndarray) for each in state.values())
  # Momenta of everything trainable, pending moves, and the step.
  others = len(net.trainable_variables) + len(net.banks) + 1
  assert len(state) == len(net.variables) + others


def test_goes_on_from_its_state():
  first, second = (
    build_trainer(build_net(keep_prob=0.5), random_batches) for _ in range(2)
  )
  arcs = random_arcs(micro.MicroSpace(2), 4)
  first.run(arcs[:2])
  second.restore(first.state())
  assert second.run(arcs[2:]) == first.run(arcs[2:])
  for name, variable in second.state().items():
    np.testing.assert_array_equal(variable, first.state()[name], name)


def test_learns():
  net = build_net()
  images, labels = next(random_batches(0, size=20))
  trainer = build_trainer(net, lambda start: itertools.repeat((images, labels)))
  arcs = random_arcs(net.space, 20)
  first = trainer.run(arcs)["child/loss"]
  trainer.run(arcs)
  assert trainer.run(arcs)["child/loss"] < 0.85 * first


def test_auxiliary_loss_counts():
  """The auxiliary head learns, though the reported loss leaves it out."""
  net = build_net()
  before = net.get_layer("aux_dense").kernel.numpy()
  build_trainer(net, random_batches, l2_reg=0.0).run(random_arcs(net.space, 1))
  assert np.abs(net.get_layer("aux_dense").kernel.numpy() - before).max() > 0


def test_divergence_names_the_step():
  net = build_net()
  good = next(random_batches(0))
  bad = good[0] * np.nan, good[1]
  trainer = build_trainer(net, lambda start: iter([good, good, bad, good]))
  with pytest.raises(errors.DivergenceError, match="not finite at step 3"):
    trainer.run(random_arcs(net.space, 4))


def test_divergence_of_gradients_alone_is_noticed():
  """Kernels whose ReLU turns NaN into 0 hide it from the loss."""
  net = build_net()
  kernel = net.get_layer("aux_dense").kernel
  kernel.assign(kernel * np.nan)
  trainer = build_trainer(net, random_batches)
  with pytest.raises(errors.DivergenceError, match="at step 1"):
    trainer.run(random_arcs(net.space, 1))
