import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf.layers import operations
from enas_tf.networks import micro_child
from enas_tf.spaces import micro

SPACE = micro.MicroSpace(2)
ARC = SPACE.parse("0 0 1 2 0 3 2 4  0 4 1 1 1 3 2 0")


def build(arc=ARC, image_shape=(8, 8, 3), total_steps=1, seed=0, **changed):
  settings = dict(
    num_layers=1,
    out_filters=4,
    keep_prob=1.0,
    drop_path_keep_prob=1.0,
    use_aux_heads=False,
  )
  return micro_child.build(
    arc,
    **(settings | changed),
    image_shape=image_shape,
    num_classes=5,
    total_steps=total_steps,
    seed=seed,
  )


def random_images(shape=(8, 8, 3), size=4):
  rng = np.random.default_rng(0)
  return rng.normal(size=(size, *shape)).astype(np.float32)


@pytest.mark.parametrize("image_shape", [(8, 8, 1), (15, 9, 3), (5, 7, 2)])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("as_searched", [False, True])
def test_any_image_and_depth(image_shape, num_layers, as_searched):
  model = build(
    image_shape=image_shape,
    num_layers=num_layers,
    as_searched=as_searched,
    use_aux_heads=True,
  )
  for training in (False, True):
    outputs = model(random_images(image_shape), training=training)
    assert {key: x.shape for key, x in outputs.items()} == {
      "logits": (4, 5),
      "aux_logits": (4, 5),
    }
    assert all(np.isfinite(x).all() for x in outputs.values())


# The loose ends: both nodes; one; an input and one; an input and both.
@pytest.mark.parametrize(
  ("cell", "loose"),
  [
    ("0 0 1 0 0 1 1 1", 2),
    ("0 0 1 0 2 4 1 2", 1),
    ("0 0 0 1 0 0 2 3", 2),
    ("0 0 0 1 0 0 0 3", 3),
  ],
)
def test_output_of_a_cell_is_its_loose_ends(cell, loose):
  model = build(SPACE.parse(f"{cell} {cell}"), num_layers=3)
  # Cells 0, 2 and 4 are normal ones; in cells 1 and 3 an input that nobody
  # reads is halved before it is joined.
  for i, filters, size in ((0, 4, 8), (1, 8, 4), (2, 8, 4), (3, 16, 2)):
    newer = _uncalibrated(model, i + 1)
    assert newer.shape[1:] == (size, size, filters * loose)


def _uncalibrated(model, index):
  """The newer input of a cell, before its calibration."""
  names = {layer.name for layer in model.layers}
  first = f"layer_{index}_pool_y_relu"
  first = first if first in names else f"layer_{index}_layer_base_relu"
  return model.get_layer(first).input


@pytest.mark.parametrize("as_searched", [False, True])
@pytest.mark.parametrize("op", operations.names())
def test_builds_every_operation(op, as_searched):
  space = micro.MicroSpace(1, operations.names())
  i = space.ops.index(op)
  arc = space.decode([0, i, 1, i] * 2)
  model = build(arc, as_searched=as_searched)
  assert np.isfinite(model(random_images(), training=True)["logits"]).all()


def test_every_decision_changes_the_network():
  images = random_images()
  row = SPACE.encode(ARC)

  def logits(row):
    model = build(SPACE.decode(row))
    # Not the same everywhere, so that pools and identities differ.
    for layer in model.layers:
      for variable in layer.trainable_variables:
        rng = np.random.default_rng(variable.shape[-1])
        variable.assign(rng.normal(scale=0.5, size=variable.shape))
    return model(images, training=True)["logits"].numpy()

  expected = logits(row)
  for position, decision in enumerate(SPACE.decisions):
    changed = row.copy()
    changed[position] = (changed[position] + 1) % decision.num_options
    difference = np.abs(logits(changed) - expected).max()
    assert difference > 1e-4, decision.name


def test_inference_shares_the_weights_and_has_no_auxiliary_head():
  model = build(use_aux_heads=True, num_layers=3)
  inference = micro_child.inference(model)
  images = random_images()
  np.testing.assert_array_equal(inference(images), model(images)["logits"])
  ids = {id(variable) for variable in model.variables}
  assert {id(variable) for variable in inference.variables} < ids
  assert not any(layer.name.startswith("aux") for layer in inference.layers)


def test_evaluates_each_image_alone():
  model = build(keep_prob=0.5, drop_path_keep_prob=0.5)
  images = random_images()
  together = model(images)["logits"]
  np.testing.assert_allclose(
    model(images[:1])["logits"], together[:1], rtol=1e-4, atol=1e-5
  )
  np.testing.assert_array_equal(model(images)["logits"], together)


def test_moving_averages_follow_the_batches():
  model = build()
  moving = [v for v in model.variables if "moving_" in v.path]
  before = [v.numpy() for v in moving]
  model(random_images())
  for value, variable in zip(before, moving, strict=True):
    np.testing.assert_array_equal(variable, value)
  model(random_images(), training=True)
  for value, variable in zip(before, moving, strict=True):
    assert np.any(variable.numpy() != value), variable.path


def drop_paths(model):
  return {
    layer.name: layer for layer in model.layers if "drop_path" in layer.name
  }


def test_drops_the_paths_of_all_operations_but_the_identity():
  model = build(drop_path_keep_prob=0.6, total_steps=10)
  # ARC: in a normal cell the last of four operations is the identity, in a
  # reduction cell the first. Layers 0 and 1 are reductions, 2 is normal.
  expected = {
    f"layer_{layer}_cell_{node}_{side}_drop_path"
    for layer in range(3)
    for node in range(2)
    for side in "xy"
  } - {
    "layer_0_cell_0_x_drop_path",
    "layer_1_cell_0_x_drop_path",
    "layer_2_cell_1_y_drop_path",
  }
  found = drop_paths(model)
  assert set(found) == expected
  assert len({layer.seed for layer in found.values()}) == len(found)
  for name, layer in found.items():
    settings = layer.get_config()
    assert settings["keep_prob"] == 0.6
    assert settings["total_steps"] == 10
    ratio = (int(name.split("_")[1]) + 1) / 3
    assert settings["layer_ratio"] == pytest.approx(ratio)


@pytest.mark.parametrize(
  "changed", [{"drop_path_keep_prob": 1.0}, {"as_searched": True}]
)
def test_drops_no_paths(changed):
  assert not drop_paths(build(**({"drop_path_keep_prob": 0.6} | changed)))


def test_repeats_under_a_seed():
  first, same, other = (build(seed=seed) for seed in (3, 3, 4))
  for a, b in zip(first.variables, same.variables, strict=True):
    np.testing.assert_array_equal(a, b, a.path)
  kernels = [
    model.get_layer("stem_conv").kernel.numpy() for model in (first, other)
  ]
  assert np.any(kernels[0] != kernels[1])


@pytest.mark.parametrize("as_searched", [False, True])
def test_is_saved_and_loaded(tmp_path, as_searched):
  model = build(
    as_searched=as_searched,
    drop_path_keep_prob=0.6,
    keep_prob=0.5,
    use_aux_heads=True,
  )
  images = random_images()
  model(images, training=True)
  model.save(tmp_path / "child.keras")
  loaded = keras.saving.load_model(tmp_path / "child.keras")
  # What is random, too, goes on as it would have gone on.
  for training in (False, True):
    expected = model(images, training=training)
    for key, value in loaded(images, training=training).items():
      np.testing.assert_allclose(value, expected[key], rtol=1e-5, atol=1e-6)


def test_is_the_same_in_a_graph():
  model = build()
  images = tf.constant(random_images())
  np.testing.assert_allclose(
    tf.function(model)(images)["logits"],
    model(images)["logits"],
    rtol=1e-5,
    atol=1e-6,
  )


def test_auxiliary_head_is_trained_unless_faithful():
  for faithful in (False, True):
    model = build(use_aux_heads=True, faithful=faithful)
    trained = {v.path.split("/")[0] for v in model.trainable_variables}
    assert {"stem_conv", "head_dense"} < trained
    auxiliary = {name for name in trained if name.startswith("aux_")}
    assert len(auxiliary) == (0 if faithful else 5)


@pytest.mark.parametrize("as_searched", [False, True])
def test_arcs_of_one_canonical_row_compute_the_same(as_searched):
  """With the weights of the two reads of a node exchanged."""
  row = SPACE.encode(ARC)
  other = np.roll(row.reshape([-1, 2, 2]), 1, axis=1).reshape(-1)
  assert SPACE.canonical(other) == SPACE.canonical(row)
  settings = dict(num_layers=2, as_searched=as_searched, use_aux_heads=True)
  model = build(SPACE.decode(row), **settings)
  same = build(SPACE.decode(other), **settings, seed=1)
  values = {variable.path: variable for variable in model.variables}
  exchanged = {"x": "y", "y": "x"}
  for variable in same.variables:
    path = re.sub(
      r"(_cell_\d+_)([xy])(?=_)",
      lambda found: found[1] + exchanged[found[2]],
      variable.path,
    )
    variable.assign(values.pop(path))
  assert not values
  expected = model(random_images(), training=True)
  for name, value in same(random_images(), training=True).items():
    np.testing.assert_allclose(value, expected[name], rtol=1e-6, atol=1e-6)
