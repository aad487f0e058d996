import functools

import numpy as np
import pytest
import tensorflow as tf

from enas_tf import errors
from enas_tf.layers import operations
from enas_tf.networks import inherit, macro_child, macro_supernet
from enas_tf.spaces import macro

OPS = tuple(w.removeprefix("macro/") for w in operations.names("macro"))
IMAGES = np.random.default_rng(0).normal(size=(4, 9, 8, 3)).astype(np.float32)
SPACE = macro.MacroSpace(6, OPS)
ARCS = {
  "no skips": "0  1 0  2 0 0  3 0 0 0  4 0 0 0 0  5 0 0 0 0 0",
  "all skips": "6  7 1  8 1 1  9 1 1 1  0 1 1 1 1  3 1 1 1 1 1",
  "pools": "8  9 1  8 0 1  9 1 0 0  9 0 1 1 0  8 1 0 0 1 1",
  "one operation": "2  2 0  2 1 0  2 0 1 0  2 1 0 0 1  2 0 0 1 0 1",
}


@functools.cache
def build_supernet(space=SPACE, out_filters=4):
  """A supernet whose weights, scales and offsets too, are random."""
  supernet = macro_supernet.MacroSupernet(
    space,
    out_filters=out_filters,
    image_shape=IMAGES.shape[1:],
    num_classes=5,
    keep_prob=1.0,
    seed=0,
  )
  rng = np.random.default_rng(1)
  for variable in supernet.trainable_variables:
    variable.assign(variable + rng.normal(scale=0.2, size=variable.shape))
  return supernet


def variables_of(supernet):
  return {v.path: v.numpy() for v in supernet.variables}


@functools.cache
def compute():
  supernet = build_supernet()
  return tf.function(
    lambda arc: supernet({"images": tf.constant(IMAGES), "arc": arc})["logits"]
  )


def build_child(arc, **changed):
  settings = dict(
    out_filters=4,
    as_searched=True,
  )
  return macro_child.build(
    arc,
    **(settings | changed),
    image_shape=IMAGES.shape[1:],
    num_classes=5,
    seed=7,
  )


@pytest.mark.parametrize("name", ARCS)
def test_child_as_searched_is_the_supernet(name):
  arc = SPACE.parse(ARCS[name])
  child = build_child(arc)
  copied = inherit.from_supernet(child, arc, variables_of(build_supernet()))
  assert copied == len(child.trainable_variables)
  found = child(IMAGES, training=True)["logits"]
  expected = compute()(tf.constant(SPACE.encode(arc)))
  # Other kernels round otherwise; a wrong weight shows in the first digit.
  np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-3)


def test_the_arcs_have_every_operation():
  found = {
    layer.op for text in ARCS.values() for layer in SPACE.parse(text).layers
  }
  assert found == set(OPS)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_smallest_networks_inherit_too(num_layers):
  space = macro.MacroSpace(num_layers)
  supernet = build_supernet(space)
  arc = space.random(np.random.default_rng(0))
  child = build_child(arc)
  copied = inherit.from_supernet(child, arc, variables_of(supernet))
  assert copied == len(child.trainable_variables)
  expected = supernet({"images": IMAGES, "arc": space.encode(arc)})["logits"]
  found = child(IMAGES, training=True)["logits"]
  np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_more_than_ten_layers_are_not_mixed_up():
  """Layer 1 begins with what layer 11 begins with: "layer_1"."""
  space = macro.MacroSpace(12, ("conv_1x1", "avg_pool_3x3"))
  supernet = build_supernet(space, out_filters=2)
  arc = space.decode([0] * space.num_decisions)
  child = build_child(arc, out_filters=2)
  variables = variables_of(supernet)
  inherit.from_supernet(child, arc, variables)
  # Of both operations 4 rows, 2 of them the kernel's.
  for layer in range(12):
    rows = variables["body/bank/rows"][8 * layer :][:2]
    kernel = child.get_layer(f"layer_{layer}_conv_1x1_stage_0_conv").kernel
    np.testing.assert_array_equal(kernel[0, 0], rows)


@pytest.mark.parametrize(
  ("space", "has_head"), [(SPACE, False), (macro.MacroSpace(2), True)]
)
def test_final_child_inherits_what_fits(space, has_head):
  """The head fits where no halving has doubled the channels."""
  supernet = build_supernet(space)
  arc = space.random(np.random.default_rng(2))
  child = build_child(arc, as_searched=False)
  before = {v.path: v.numpy() for v in child.variables}
  variables = variables_of(supernet)
  copied = inherit.from_supernet(child, arc, variables)
  changed = {
    v.path: v.numpy()
    for v in child.variables
    if np.any(v.numpy() != before[v.path])
  }
  assert len(changed) == copied
  stem = {"stem_conv/kernel", "stem_conv_bn/gamma", "stem_conv_bn/beta"}
  assert stem <= set(changed)
  assert ("head_dense/kernel" in changed) == has_head
  for path in stem | ({"head_dense/kernel"} if has_head else set()):
    np.testing.assert_array_equal(changed[path], variables[path])
  # The operations and reductions of the final form are others.
  assert not any("stage" in path or "reduce" in path for path in changed)


def test_moving_averages_are_left_alone():
  arc = SPACE.parse(ARCS["all skips"])
  child = build_child(arc)
  inherit.from_supernet(child, arc, variables_of(build_supernet()))
  moving = [v for v in child.variables if v.path.endswith("moving_mean")]
  assert moving
  assert not any(np.any(v.numpy()) for v in moving)


def test_other_filters_name_the_flags():
  arc = SPACE.parse(ARCS["pools"])
  child = build_child(arc, out_filters=6)
  before = [v.numpy() for v in child.variables]
  with pytest.raises(
    errors.ConfigError,
    match="`child_out_filters=4`.*`child_init=random`.*child_out_filters=6$",
  ):
    inherit.from_supernet(child, arc, variables_of(build_supernet()))
  for value, variable in zip(before, child.variables, strict=True):
    np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize(
  "space", [macro.MacroSpace(5, OPS), macro.MacroSpace(6)]
)
def test_other_layers_or_operations_name_the_flags(space):
  arc = space.random(np.random.default_rng(0))
  with pytest.raises(
    errors.ConfigError,
    match=f"`child_num_layers`.*child_num_layers={space.num_layers}, ",
  ):
    inherit.from_supernet(build_child(arc), arc, variables_of(build_supernet()))


@pytest.mark.parametrize(
  "variables",
  [{}, {"w": np.zeros(1)}, {"layer_0_cell/bank/rows": np.zeros([2, 2])}],
)
def test_other_variables_are_refused(variables):
  arc = SPACE.parse(ARCS["pools"])
  with pytest.raises(errors.CheckpointError, match="`search_for=macro`"):
    inherit.from_supernet(build_child(arc), arc, variables)
