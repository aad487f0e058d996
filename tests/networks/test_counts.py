import json

import keras
import pytest

from enas_tf.layers import conv
from enas_tf.networks import counts, micro_child
from enas_tf.spaces import micro
from tests import golden

CASES = [
  case
  for case in json.loads(
    (golden.FOLDER / "micro_final_counts.json").read_text()
  )
  # The larger ones take seconds to build: of these, one arc.
  if case["F"] == 8 or case["arc"] == "published"
]


@pytest.mark.parametrize(
  "case", CASES, ids=lambda c: f"{c['arc']}-{c['num_layers']}-{c['F']}"
)
def test_counts_as_the_original(case):
  arc = micro.MicroSpace().decode(case["normal"] + case["reduce"])
  model = micro_child.build(
    arc,
    num_layers=case["num_layers"],
    out_filters=case["F"],
    use_aux_heads=True,
    image_shape=(32, 32, 3),
    num_classes=10,
  )
  inference = micro_child.inference(model)
  assert counts.parameters(inference) == case["params_no_aux"]
  auxiliary = counts.parameters(model) - counts.parameters(inference)
  assert auxiliary == case["params_aux"]
  assert counts.multiply_adds(inference) == case["macs"]


def test_counts_by_hand():
  image = keras.Input((8, 6, 3))
  x = keras.layers.Conv2D(4, 3, padding="same", use_bias=False)(image)
  x = keras.layers.DepthwiseConv2D(
    5, strides=2, padding="same", use_bias=False
  )(x)
  x = conv.FactorizedReduction(6)(x)
  x = keras.layers.MaxPooling2D(3, 1, padding="same")(x)
  x = keras.layers.GlobalAveragePooling2D()(x)
  x = keras.layers.Dense(10, use_bias=False)(x)
  model = keras.Model(image, x)
  weights = [9 * 3 * 4, 25 * 4, 4 * 6, 6 * 10]
  pixels = [8 * 6, 4 * 3, 2 * 2, 1]
  assert counts.parameters(model) == sum(weights)
  products = [w * p for w, p in zip(weights, pixels, strict=True)]
  assert counts.multiply_adds(model) == sum(products)


def test_moving_averages_are_no_parameters():
  image = keras.Input((8, 8, 3))
  model = keras.Model(image, keras.layers.BatchNormalization()(image))
  assert counts.parameters(model) == 2 * 3
  assert counts.multiply_adds(model) == 0


def test_a_model_within_a_model_counts():
  image = keras.Input((8, 6, 3))
  inner = keras.Sequential(
    [keras.Input((8, 6, 3)), keras.layers.Conv2D(4, 3, use_bias=False)]
  )
  model = keras.Model(image, keras.layers.Flatten()(inner(image)))
  assert counts.multiply_adds(model) == 6 * 4 * 9 * 3 * 4
