import itertools

import numpy as np
import pytest
import tensorflow as tf

from enas_tf.layers import operations
from enas_tf.networks import counts, macro_supernet
from enas_tf.spaces import macro

SPACE = macro.MacroSpace(6)
# Of every operation one; some skip connections over one halving, or both.
ARC = SPACE.encode(
  SPACE.parse("1  0 1  3 0 1  2 1 0 0  5 0 1 0 1  4 1 0 0 1 0")
)


def build(space=SPACE, **changed):
  settings = dict(
    out_filters=4,
    image_shape=(8, 8, 3),
    num_classes=5,
    keep_prob=1.0,
    seed=0,
  )
  return macro_supernet.MacroSupernet(space, **(settings | changed))


def random_images(shape=(8, 8, 3), size=4, seed=0):
  rng = np.random.default_rng(seed)
  return tf.constant(rng.normal(size=(size, *shape)), tf.float32)


def logits_of(net):
  """Returns the logits of random images as a function of an arc."""
  images = random_images()
  return tf.function(lambda arc: net({"images": images, "arc": arc})["logits"])


@pytest.fixture(scope="module")
def compute():
  """A supernet of random scales and offsets, as a function of an arc."""
  net = build()
  rng = np.random.default_rng(0)
  for variable in net.trainable_variables:
    variable.assign(variable + rng.normal(scale=0.2, size=variable.shape))
  return logits_of(net)


def random_arc(seed):
  return SPACE.encode(SPACE.random(np.random.default_rng(seed)))


@pytest.mark.parametrize("base", [ARC, random_arc(0)], ids=["", "random"])
@pytest.mark.parametrize(
  "position", range(SPACE.num_decisions), ids=lambda i: SPACE.decisions[i].name
)
def test_every_decision_changes_the_output(compute, position, base):
  outputs = []
  for value in range(SPACE.decisions[position].num_options):
    arc = base.copy()
    arc[position] = value
    outputs.append(compute(tf.constant(arc)).numpy())
  for one, other in itertools.combinations(outputs, 2):
    assert np.abs(one - other).max() > 1e-3


def test_one_trace_serves_all_arcs(compute):
  for seed in range(3):
    compute(tf.constant(random_arc(seed)))
  assert compute.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(
  ("num_layers", "image_shape"),
  [
    (1, (8, 8, 1)),
    (2, (15, 9, 3)),
    (3, (15, 9, 3)),
    (3, (1, 1, 2)),
    (5, (5, 7, 2)),
  ],
)
def test_any_image_and_depth(num_layers, image_shape):
  space = macro.MacroSpace(num_layers, ("conv_3x3", "avg_pool_3x3"))
  net = build(space, image_shape=image_shape, out_filters=2)
  arc = tf.zeros([space.num_decisions], tf.int32)
  outputs = net({"images": random_images(image_shape), "arc": arc})
  assert {key: x.shape for key, x in outputs.items()} == {"logits": (4, 5)}
  assert np.isfinite(outputs["logits"]).all()


def test_has_as_many_parameters_as_the_originals():
  net = build(
    macro.MacroSpace(), out_filters=36, image_shape=(32, 32, 3), num_classes=10
  )
  assert counts.parameters(net) == 697_860
  # A bank holds what were hundreds of variables.
  assert len(net.trainable_variables) < 100


def test_variables_have_names_of_their_own():
  """Checkpoints, and children that inherit, know variables by their paths."""
  paths = [variable.path for variable in build().variables]
  assert sorted(set(paths)) == sorted(paths)


def test_only_what_the_arc_chooses_gets_a_gradient():
  net = build()
  (bank,) = net.banks
  arc = tf.constant(ARC)
  with tf.GradientTape() as tape:
    outputs = net({"images": random_images(), "arc": arc}, training=True)
    loss = tf.reduce_sum(outputs["logits"] ** 2)
  dense = tf.convert_to_tensor(tape.gradient(loss, bank.rows.value)).numpy()
  touched = set(bank.block_of_row[np.any(dense, axis=1)])
  (blocks,) = net.chosen(arc)
  assert touched == set(blocks.numpy())
  ops = [1, 0, 3, 2, 5, 4]
  assert blocks.numpy().tolist() == [6 * i + op for i, op in enumerate(ops)]


def test_shared_weights_are_those_that_run():
  """A change is seen by the arc that uses them, and by no other."""
  net = build()
  call = logits_of(net)
  others = [ARC.copy() for _ in range(2)]
  # ARC has a 5x5 separable convolution (3) in layer 2.
  others[0][3] = 2  # Another operation there.
  others[1][3] = 0  # This one in another layer.
  others[1][0] = 3
  arcs = [tf.constant(arc) for arc in (ARC, *others)]
  before = [call(arc).numpy() for arc in arcs]
  (bank,) = net.banks
  is_block = bank.block_of_row == net.stack.block(2, 3)
  assert is_block.any()
  bank.rows.assign(np.where(is_block[:, None], -2 * bank.rows, bank.rows))
  after = [call(arc).numpy() for arc in arcs]
  assert np.abs(after[0] - before[0]).max() > 1e-3
  np.testing.assert_array_equal(after[1:], before[1:])


def test_normalizes_by_the_batch_and_drops_in_training_alone():
  net = build(keep_prob=0.5)
  inputs = {"images": random_images(), "arc": tf.constant(ARC)}
  still = [net(inputs, training=False)["logits"].numpy() for _ in range(2)]
  np.testing.assert_array_equal(*still)
  dropped = [net(inputs, training=True)["logits"].numpy() for _ in range(2)]
  assert np.any(dropped[0] != dropped[1])
  # Other images in the batch change the statistics.
  half = {"images": inputs["images"][:2], "arc": tf.constant(ARC)}
  assert np.abs(net(half)["logits"] - still[0][:2]).max() > 1e-3
  assert not any("moving_" in variable.path for variable in net.variables)


def test_repeats_under_a_seed():
  first, same, other = (build(seed=seed).banks[0] for seed in (3, 3, 4))
  np.testing.assert_array_equal(first.rows, same.rows)
  assert np.any(first.rows.numpy() != other.rows.numpy())


def test_runs_every_operation_of_the_catalogue():
  words = operations.names("macro")
  space = macro.MacroSpace(1, tuple(w.removeprefix("macro/") for w in words))
  call = logits_of(build(space))
  outputs = [
    call(tf.constant([op], tf.int32)).numpy() for op in range(len(words))
  ]
  assert np.isfinite(outputs).all()
  assert len({output.tobytes() for output in outputs}) == len(words)
