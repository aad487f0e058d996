import numpy as np
import pytest
import tensorflow as tf

from enas_tf import errors
from enas_tf.networks import inherit, micro_child, micro_supernet
from enas_tf.spaces import micro

SPACE = micro.MicroSpace(2)
IMAGES = np.random.default_rng(0).normal(size=(4, 9, 8, 3)).astype(np.float32)
# Per cell: index_1 op_1 index_2 op_2 of two nodes.
ARCS = {
  "separable": "0 0 1 1 2 1 0 0  1 1 0 0 2 0 2 1",
  "pools": "0 2 1 3 0 3 2 2  1 3 1 2 2 3 0 2",
  "identity": "0 4 1 4 2 4 2 4  0 4 0 4 1 4 1 4",
  "one loose end": "0 0 1 4 2 3 2 1  0 1 1 2 2 0 2 4",
  "all loose ends": "0 0 0 1 0 3 0 0  1 1 1 0 1 2 1 4",
  "both cells alike": "0 1 1 0 2 0 1 2  0 1 1 0 2 0 1 2",
}


def build_supernet(**changed):
  """A supernet whose weights, scales and offsets too, are random."""
  settings = dict(
    num_layers=3,
    out_filters=4,
    image_shape=IMAGES.shape[1:],
    num_classes=5,
    use_aux_heads=True,
    keep_prob=1.0,
    seed=0,
  )
  supernet = micro_supernet.MicroSupernet(SPACE, **(settings | changed))
  rng = np.random.default_rng(1)
  for variable in supernet.trainable_variables:
    variable.assign(variable + rng.normal(scale=0.2, size=variable.shape))
  return supernet


def variables_of(supernet):
  return {v.path: v.numpy() for v in supernet.variables}


def build_child(arc, **changed):
  settings = dict(
    num_layers=3,
    out_filters=4,
    use_aux_heads=True,
    as_searched=True,
  )
  return micro_child.build(
    arc,
    **(settings | changed),
    image_shape=IMAGES.shape[1:],
    num_classes=5,
    seed=7,
  )


@pytest.fixture(scope="module", params=[False, True], ids=["", "faithful"])
def faithful(request):
  return request.param


@pytest.fixture(scope="module")
def supernet(faithful):
  """Returns the supernet's variables, and its outputs as a function."""
  supernet = build_supernet(faithful=faithful)
  return variables_of(supernet), tf.function(
    lambda arc: supernet({"images": tf.constant(IMAGES), "arc": arc})
  )


@pytest.mark.parametrize("name", ARCS)
def test_child_as_searched_is_the_supernet(supernet, faithful, name):
  arc = SPACE.parse(ARCS[name])
  child = build_child(arc, faithful=faithful)
  variables, compute = supernet
  copied = inherit.from_supernet(child, arc, variables)
  assert copied == len(child.trainable_variables)
  found = child(IMAGES, training=True)
  expected = compute(tf.constant(SPACE.encode(arc)))
  assert set(found) == set(expected) == {"logits", "aux_logits"}
  if faithful:  # Its auxiliary head is no part of what is trained.
    del expected["aux_logits"]
  for key, value in expected.items():
    # Other kernels round otherwise; a wrong weight shows in the first digit.
    np.testing.assert_allclose(found[key], value, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_smallest_networks_inherit_too(num_layers):
  supernet = build_supernet(num_layers=num_layers, use_aux_heads=False)
  arc = SPACE.parse(ARCS["separable"])
  child = build_child(arc, num_layers=num_layers, use_aux_heads=False)
  copied = inherit.from_supernet(child, arc, variables_of(supernet))
  assert copied == len(child.trainable_variables)
  expected = supernet({"images": IMAGES, "arc": SPACE.encode(arc)})["logits"]
  found = child(IMAGES, training=True)["logits"]
  np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_child_of_the_paper_inherits_what_fits():
  supernet = build_supernet()
  arc = SPACE.parse(ARCS["one loose end"])
  child = build_child(arc, as_searched=False)
  before = {v.path: v.numpy() for v in child.trainable_variables}
  copied = inherit.from_supernet(child, arc, variables_of(supernet))
  changed = {
    v.path: v.numpy()
    for v in child.trainable_variables
    if np.any(v.numpy() != before[v.path])
  }
  assert len(changed) == copied
  names = {path.split("/")[0] for path in changed}
  # One loose end: cells have as many channels as in the supernet, so that the
  # calibration behind the stem and the heads fit.
  assert {
    "stem_conv",
    "stem_conv_bn",
    "layer_0_pool_x_conv",
    "head_dense",
    "aux_proj_conv",
    "aux_dense",
  } <= names
  assert "layer_0_layer_base_conv" not in names
  # Layer 1 is a reduction: node 1 reads node 0 by a 3x3 ("2 0").
  weights = supernet.shared[1, 1, 0, 2, "sep_conv_3x3"].read()
  np.testing.assert_array_equal(
    changed["layer_1_cell_1_x_stage_1_depthwise/kernel"], weights[0]
  )
  np.testing.assert_array_equal(
    changed["layer_1_cell_1_x_stage_7_bn/beta"], weights[-1]
  )
  moving = [v for v in child.variables if v.path.endswith("moving_mean")]
  assert moving
  assert not any(np.any(v.numpy()) for v in moving)


@pytest.mark.parametrize("changed", [{"num_layers": 4}, {"out_filters": 6}])
def test_other_sizes_name_the_flags(changed):
  arc = SPACE.parse(ARCS["pools"])
  child = build_child(arc, **changed)
  with pytest.raises(
    errors.ConfigError, match="`child_num_layers=3` and `child_out_filters=4`"
  ) as error:
    inherit.from_supernet(child, arc, variables_of(build_supernet()))
  ((name, value),) = changed.items()
  assert f"child_{name}={value}" in str(error.value).split("Received:")[1]


@pytest.mark.parametrize(
  "space",
  [
    micro.MicroSpace(3),
    micro.MicroSpace(2, (*micro.PAPER_OPS, "conv_3x3")),
  ],
)
def test_another_space_names_the_flags(space):
  arc = space.decode([0] * space.num_decisions)
  child = build_child(arc)
  with pytest.raises(
    errors.ConfigError, match="`child_num_cells` and `child_ops`"
  ):
    inherit.from_supernet(child, arc, variables_of(build_supernet()))


def test_other_variables_are_refused():
  arc = SPACE.parse(ARCS["pools"])
  with pytest.raises(errors.CheckpointError, match="`mode=search`"):
    inherit.from_supernet(build_child(arc), arc, {"w": np.zeros(1)})
