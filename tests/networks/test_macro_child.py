import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf import errors
from enas_tf.layers import operations
from enas_tf.networks import counts, macro_child
from enas_tf.spaces import macro

SPACE = macro.MacroSpace(3)
# Both halvings have skip connections over them.
ARC = SPACE.parse("1  4 1  2 1 1")
OPS = tuple(w.removeprefix("macro/") for w in operations.names("macro"))


def build(arc=ARC, image_shape=(8, 8, 3), num_classes=5, seed=0, **changed):
  settings = dict(out_filters=2)
  return macro_child.build(
    arc,
    **(settings | changed),
    image_shape=image_shape,
    num_classes=num_classes,
    seed=seed,
  )


def randomize(model):
  """Gives every layer weights of its own, and leaves its ReLUs alive."""
  for i, variable in enumerate(model.trainable_variables):
    rng = np.random.default_rng(i)
    variable.assign(variable + rng.normal(scale=0.2, size=variable.shape))
  return model


def random_images(shape=(8, 8, 3), size=4):
  rng = np.random.default_rng(0)
  return rng.normal(size=(size, *shape)).astype(np.float32)


@pytest.mark.parametrize(
  ("faithful", "parameters", "multiply_adds"),
  [(True, 42_559_392, 5_646_094_080), (False, 30_947_424, 4_370_280_192)],
)
def test_counts_of_the_published_child(faithful, parameters, multiply_adds):
  """As the original's graph code has them; without `faithful`, by hand."""
  model = build(
    macro.PUBLISHED["enas_macro"],
    (32, 32, 3),
    num_classes=10,
    out_filters=96,
    faithful=faithful,
  )
  inference = macro_child.inference(model)
  assert counts.parameters(model) == parameters
  assert counts.parameters(inference) == parameters
  assert counts.multiply_adds(inference) == multiply_adds


@pytest.mark.parametrize("as_searched", [False, True])
@pytest.mark.parametrize(
  ("num_layers", "image_shape"),
  [(1, (8, 8, 1)), (2, (15, 9, 3)), (3, (15, 9, 3)), (5, (5, 7, 2))],
)
def test_any_image_and_depth(num_layers, image_shape, as_searched):
  space = macro.MacroSpace(num_layers)
  arc = space.random(np.random.default_rng(num_layers))
  model = build(arc, image_shape, as_searched=as_searched)
  for training in (False, True):
    outputs = model(random_images(image_shape), training=training)
    assert {key: x.shape for key, x in outputs.items()} == {"logits": (4, 5)}
    assert np.isfinite(outputs["logits"]).all()


class ByHand:
  """Computes a final child in training, from the weights of its layers."""

  def __init__(self, model):
    self._weights = {v.path: v.value for v in model.trainable_variables}
    self.num_used = 0

  def weight(self, path):
    self.num_used += 1
    return self._weights[path]

  def normalized(self, x, name):
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    scale = self.weight(f"{name}/gamma") / tf.sqrt(variance + 1e-5)
    return (x - mean) * scale + self.weight(f"{name}/beta")

  def convolved(self, x, name):
    """ReLU, convolution, normalization."""
    kernel = self.weight(f"{name}_conv/kernel")
    x = tf.nn.conv2d(tf.nn.relu(x), kernel, 1, "SAME")
    return self.normalized(x, f"{name}_bn")

  def separated(self, x, name, dilation):
    x = tf.nn.depthwise_conv2d(
      tf.nn.relu(x),
      self.weight(f"{name}_depthwise/kernel"),
      [1] * 4,
      "SAME",
      dilations=[dilation] * 2,
    )
    x = tf.nn.conv2d(x, self.weight(f"{name}_conv/kernel"), 1, "SAME")
    return self.normalized(x, f"{name}_bn")

  def operation(self, x, op, number, faithful):
    name = f"layer_{number}"
    x = self.convolved(x, f"{name}_conv_1x1")
    kind, size = op.rsplit("_", 1)
    if kind.endswith("pool"):
      return tf.nn.pool(x, [3, 3], kind[:3].upper(), padding="SAME")
    if size == "1x1":
      return x
    if kind == "conv" or faithful:
      return self.convolved(x, f"{name}_conv_{size}")
    dilation = 2 if kind == "dil_conv" else 1
    return self.separated(x, f"{name}_conv_{size}", dilation)

  def halved(self, x, name):
    shifted = tf.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]])[:, 1:, 1:]
    paths = [
      part[:, ::2, ::2] @ self.weight(f"{name}_reduce/path{i}")[0, 0]
      for i, part in ((1, x), (2, shifted))
    ]
    return self.normalized(tf.concat(paths, -1), f"{name}_bn")

  def logits(self, images, arc, pool_layers, faithful=False):
    x = tf.nn.conv2d(images, self.weight("stem_conv/kernel"), 1, "SAME")
    tensors = [self.normalized(x, "stem_conv_bn")]
    for number, layer in enumerate(arc.layers):
      x = self.operation(tensors[-1], layer.op, number, faithful)
      if number:
        read = [tensors[i] for i, bit in enumerate(layer.skips) if bit]
        x = self.convolved(tf.concat([*read, x], -1), f"layer_{number}_skip")
      tensors.append(x)
      if number in pool_layers:
        later = arc.layers[number + 1 :]
        tensors = [
          self.halved(each, f"layer_{number}_pool_{i}")
          if i > number or any(sum(layer.skips[i : i + 1]) for layer in later)
          else None  # What no layer reads is not part of the network.
          for i, each in enumerate(tensors)
        ]
    kernel = self.weight("head_dense/kernel")
    return tf.reduce_mean(tensors[-1], [1, 2]) @ kernel


@pytest.mark.parametrize("image_shape", [(8, 8, 3), (9, 7, 3)])
@pytest.mark.parametrize(
  "text", ["0  1 0  2 0 0", "4  5 1  3 1 0", "5  0 0  4 1 1", "2  3 1  1 0 1"]
)
def test_final_child_by_hand(text, image_shape):
  arc = SPACE.parse(text)
  model = randomize(build(arc, image_shape))
  images = random_images(image_shape)
  found = model(images, training=True)["logits"]
  by_hand = ByHand(model)
  expected = by_hand.logits(images, arc, pool_layers=(0, 1))
  np.testing.assert_allclose(found, expected, 1e-3, 1e-3)
  assert by_hand.num_used == len(model.trainable_variables)


@pytest.mark.parametrize("faithful", [False, True])
@pytest.mark.parametrize("op", OPS)
def test_every_operation_in_its_final_form(op, faithful):
  space = macro.MacroSpace(2, OPS)
  arc = space.decode([OPS.index(op), OPS.index(op), 1])
  options = dict(faithful=faithful)
  if faithful and op not in macro.PAPER_OPS[:4]:
    with pytest.raises(errors.ConfigError, match=f"`faithful`.*op={op}$"):
      build(arc, **options)
    return
  model = randomize(build(arc, **options))
  images = random_images()
  found = model(images, training=True)["logits"]
  by_hand = ByHand(model)
  expected = by_hand.logits(images, arc, (), faithful)
  np.testing.assert_allclose(found, expected, 1e-3, 1e-3)
  assert by_hand.num_used == len(model.trainable_variables)
  assert np.isfinite(model(images)["logits"]).all()


@pytest.mark.parametrize("op", OPS)
def test_every_operation_as_it_was_searched(op):
  space = macro.MacroSpace(1, OPS)
  arc = space.decode([OPS.index(op)])
  options = dict(as_searched=True)
  model = randomize(build(arc, **options))
  images = random_images()
  by_hand = ByHand(model)
  x = tf.nn.conv2d(images, by_hand.weight("stem_conv/kernel"), 1, "SAME")
  x = by_hand.normalized(x, "stem_conv_bn")
  # Behind the stem and before the head there are the operation's weights.
  rows = [tf.reshape(v.value, [-1, 2]) for v in model.trainable_variables[3:-1]]
  x, _ = operations.get(f"macro/{op}").run(x, tf.concat(rows, 0))
  expected = tf.reduce_mean(x, [1, 2]) @ by_hand.weight("head_dense/kernel")
  found = model(images, training=True)["logits"]
  np.testing.assert_allclose(found, expected, 1e-3, 1e-3)


def test_channels_double_in_the_final_form_alone():
  for as_searched, filters in ((False, (2, 4, 8)), (True, (2, 2, 2))):
    model = build(as_searched=as_searched)
    shapes = [
      model.get_layer(f"layer_{i}_pool_0_reduce").input.shape[1:]
      for i in range(2)
    ]
    shapes.append(model.get_layer("head_pool").input.shape[1:])
    sizes = (8, 4, 2)
    assert shapes == [(s, s, f) for s, f in zip(sizes, filters, strict=True)]


@pytest.mark.parametrize("as_searched", [False, True])
def test_every_decision_changes_the_network(as_searched):
  images, row = random_images(), SPACE.encode(ARC)

  def logits(row):
    model = build(SPACE.decode(row), as_searched=as_searched)
    # By size, so that the same layers begin alike in all networks.
    for variable in model.trainable_variables:
      rng = np.random.default_rng(list(variable.shape))
      value = rng.normal(scale=0.5, size=variable.shape)
      variable.assign(value + variable.path.endswith(("gamma", "beta")))
    return model(images, training=True)["logits"].numpy()

  expected = logits(row)
  for position, decision in enumerate(SPACE.decisions):
    changed = row.copy()
    changed[position] = (changed[position] + 1) % decision.num_options
    difference = np.abs(logits(changed) - expected).max()
    assert difference > 1e-4, decision.name


def test_inference_shares_the_weights():
  model = build()
  inference = macro_child.inference(model)
  images = random_images()
  np.testing.assert_array_equal(inference(images), model(images)["logits"])
  assert {id(v) for v in inference.variables} == {
    id(v) for v in model.variables
  }


def test_evaluates_each_image_alone():
  model = randomize(build(keep_prob=0.5))
  images = random_images()
  together = model(images)["logits"]
  np.testing.assert_allclose(
    model(images[:1])["logits"], together[:1], rtol=1e-4, atol=1e-5
  )
  dropped = [model(images, training=True)["logits"].numpy() for _ in range(2)]
  assert np.any(dropped[0] != dropped[1])


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
  model = build(as_searched=as_searched, keep_prob=0.5)
  images = random_images()
  model(images, training=True)
  model.save(tmp_path / "child.keras")
  loaded = keras.saving.load_model(tmp_path / "child.keras")
  # What is random, too, goes on as it would have gone on.
  for training in (False, True):
    np.testing.assert_allclose(
      loaded(images, training=training)["logits"],
      model(images, training=training)["logits"],
      rtol=1e-5,
      atol=1e-6,
    )
