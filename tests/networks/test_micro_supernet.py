import numpy as np
import pytest
import tensorflow as tf

from enas_tf.layers import operations
from enas_tf.networks import counts, micro_supernet
from enas_tf.spaces import micro

SPACE = micro.MicroSpace(2)
# In both cells node 1 reads node 0, so that its first index decides which
# nodes are loose.
ARC = np.array([0, 0, 1, 1, 2, 1, 0, 0, 1, 0, 0, 1, 2, 0, 1, 1], np.int32)


def build(space=SPACE, **changed):
  settings = dict(
    num_layers=1,
    out_filters=4,
    image_shape=(8, 8, 3),
    num_classes=5,
    use_aux_heads=False,
    keep_prob=1.0,
    seed=0,
  )
  return micro_supernet.MicroSupernet(space, **(settings | changed))


def random_images(shape=(8, 8, 3), size=4, seed=0):
  rng = np.random.default_rng(seed)
  return tf.constant(rng.normal(size=(size, *shape)), tf.float32)


@pytest.fixture(scope="module", params=[False, True], ids=["", "faithful"])
def compute(request):
  """A supernet of random scales and offsets, as a function of an arc."""
  net = build(faithful=request.param)
  rng = np.random.default_rng(0)
  for variable in net.trainable_variables:
    variable.assign(variable + rng.normal(scale=0.2, size=variable.shape))
  images = random_images()
  return tf.function(lambda arc: net({"images": images, "arc": arc})["logits"])


@pytest.mark.parametrize(
  "position", range(SPACE.num_decisions), ids=lambda i: SPACE.decisions[i].name
)
def test_every_decision_changes_the_output(compute, position):
  outputs = []
  for value in range(SPACE.decisions[position].num_options):
    arc = ARC.copy()
    arc[position] = value
    outputs.append(compute(tf.constant(arc)).numpy())
  for i, output in enumerate(outputs):
    for other in outputs[:i]:
      assert np.abs(output - other).max() > 1e-3


@pytest.mark.parametrize("image_shape", [(8, 8, 1), (15, 9, 3), (5, 7, 2)])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("faithful", [False, True])
def test_any_image_and_depth(image_shape, num_layers, faithful):
  net = build(
    image_shape=image_shape,
    num_layers=num_layers,
    use_aux_heads=True,
    faithful=faithful,
  )
  images = random_images(image_shape)
  outputs = net({"images": images, "arc": tf.constant(ARC)}, training=True)
  assert {key: x.shape for key, x in outputs.items()} == {
    "logits": (4, 5),
    "aux_logits": (4, 5),
  }
  assert all(np.isfinite(x).all() for x in outputs.values())


@pytest.mark.parametrize(
  ("use_aux_heads", "parameters"), [(False, 5_373_140), (True, 5_786_068)]
)
def test_has_as_many_parameters_as_the_originals(use_aux_heads, parameters):
  net = build(
    micro.MicroSpace(),
    num_layers=6,
    out_filters=20,
    image_shape=(32, 32, 3),
    num_classes=10,
    use_aux_heads=use_aux_heads,
    faithful=True,
  )
  # The original trains all but the auxiliary head.
  assert counts.parameters(net) == 5_373_140
  held = [v for v in net.variables if v.path != "head_dropout/step"]
  assert sum(np.prod(v.shape) for v in held) == parameters
  # A bank holds what were thousands of variables; without banks a step takes
  # minutes to trace.
  assert len(net.trainable_variables) < 120


def test_variables_have_names_of_their_own():
  """Checkpoints, and children that inherit, know variables by their paths."""
  paths = [variable.path for variable in build(use_aux_heads=True).variables]
  assert sorted(set(paths)) == sorted(paths)


def test_only_what_the_arc_chooses_gets_a_gradient():
  net = build()
  banks = [bank.rows.value for bank in net.banks]
  with tf.GradientTape() as tape:
    outputs = net(
      {"images": random_images(), "arc": tf.constant(ARC)}, training=True
    )
    loss = tf.reduce_sum(outputs["logits"] ** 2)
  gradients = tape.gradient(loss, banks)
  for bank, blocks, gradient in zip(
    net.banks, net.chosen(tf.constant(ARC)), gradients, strict=True
  ):
    dense = tf.convert_to_tensor(gradient).numpy()
    touched = set(bank.block_of_row[np.any(dense, axis=1)])
    assert touched == set(np.array(blocks))


def test_shared_weights_are_those_that_run():
  """A change is seen by the arc that uses them, and by no other."""
  net = build()
  images = random_images()
  call = tf.function(lambda arc: net({"images": images, "arc": arc})["logits"])
  # Layer 2 is the normal cell; ARC has "1 1", a 5x5 on the second input, there.
  others = [ARC.copy() for _ in range(2)]
  others[0][3] = 0  # Another operation on the same edge.
  others[1][2] = 0  # The same operation on another edge.
  arcs = [tf.constant(arc) for arc in (ARC, *others)]
  before = [call(arc).numpy() for arc in arcs]
  weights = net.shared[2, 0, 1, 1, "sep_conv_5x5"]
  weights.assign([-2 * value for value in weights.read()])
  after = [call(arc).numpy() for arc in arcs]
  assert np.abs(after[0] - before[0]).max() > 1e-3
  np.testing.assert_array_equal(after[1:], before[1:])


def test_shared_weights_are_all_of_the_banks():
  net = build()
  # Three layers; each node's two inputs read any of the nodes before it.
  assert len(net.shared) == 3 * 2 * (2 + 3) * len(SPACE.ops)
  read = sum(
    value.size for key in net.shared for value in net.shared[key].read()
  )
  banks = sum(np.prod(cell.bank.rows.shape) for cell in net.cells)
  assert read == banks


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


def test_faithful_drops_outside_of_training_too():
  net = build(keep_prob=0.5, faithful=True)
  inputs = {"images": random_images(), "arc": tf.constant(ARC)}
  first, second = (net(inputs, training=False)["logits"] for _ in range(2))
  assert np.any(first != second)


def test_auxiliary_head_is_trained_unless_faithful():
  for faithful in (False, True):
    net = build(use_aux_heads=True, faithful=faithful)
    trained = {v.path.split("/")[0] for v in net.trainable_variables}
    assert {"stem_conv", "head_dense"} < trained
    auxiliary = {name for name in trained if name.startswith("aux_")}
    assert len(auxiliary) == (0 if faithful else 5)


def test_repeats_under_a_seed():
  first, same, other = (build(seed=seed) for seed in (3, 3, 4))
  for a, b, c in zip(first.banks, same.banks, other.banks, strict=True):
    np.testing.assert_array_equal(a.rows, b.rows)
    assert np.any(a.rows.numpy() != c.rows.numpy())


def test_runs_every_operation_of_the_catalogue():
  space = micro.MicroSpace(1, operations.names())
  net = build(space)
  images = random_images()
  call = tf.function(lambda arc: net({"images": images, "arc": arc})["logits"])
  outputs = [
    call(tf.constant([0, op, 1, op] * 2, tf.int32)).numpy()
    for op in range(len(space.ops))
  ]
  assert np.isfinite(outputs).all()
  assert len({output.tobytes() for output in outputs}) == len(space.ops)
