"""A search space of a user's own: a folder's worth, and one line.

Networks of one hidden layer, whose activation and width are searched.
"""

import dataclasses
from typing import ClassVar

import keras
import numpy as np

from enas_tf.networks import gated
from enas_tf.recipes import base, images
from enas_tf.settings import controller, data, fields, training
from enas_tf.spaces import base as spaces

ACTIVATIONS = ("relu", "tanh", "sigmoid")
WIDTHS = (2, 8, 32)


@dataclasses.dataclass(frozen=True)
class ToyArc:
  """One hidden layer."""

  activation: str
  width: int

  def __str__(self):
    return f"{ACTIVATIONS.index(self.activation)} {WIDTHS.index(self.width)}"

  def to_json(self):
    return {"space": "toy", "activation": self.activation, "width": self.width}

  def graphs(self):
    edge = spaces.Edge(0, 1, self.activation, f"{self.width} units")
    edges = (edge, spaces.Edge(1, 2))
    return (spaces.Graph("toy", ("pixels", "hidden", "out"), edges),)


@dataclasses.dataclass(frozen=True)
class ToySpace(spaces.Space):
  """All of them."""

  name = "toy"

  @property
  def decisions(self):
    return (
      spaces.Decision("activation", ACTIVATIONS, "operation"),
      spaces.Decision("width", WIDTHS),
    )

  def encode(self, arc):
    row = [ACTIVATIONS.index(arc.activation), WIDTHS.index(arc.width)]
    return np.array(row, np.int32)

  def decode(self, row):
    self.check(row)
    return ToyArc(ACTIVATIONS[row[0]], WIDTHS[row[1]])

  def from_json(self, value):
    return ToyArc(value["activation"], value["width"])


@dataclasses.dataclass(frozen=True)
class Supernet(training.Training, training.Decay, training.Clipping):
  """The supernet of the toy space and its training."""

  toy_scale: float = fields.setting(
    1.0, "what the pixels are multiplied by", above=0
  )
  cutout_size: ClassVar[None] = None
  faithful: ClassVar[bool] = False
  prefix: ClassVar[str] = "child_"


@dataclasses.dataclass(frozen=True)
class Child(Supernet):
  """The final child of the toy space and its training."""

  init: ClassVar[str] = "random"
  prefix: ClassVar[str] = "final_"
  unprefixed: ClassVar[tuple[str, ...]] = ()


@keras.saving.register_keras_serializable("tests")
class Chosen(keras.layers.Layer):
  """Applies the chosen activation to as many units as are chosen."""

  def call(self, x, arc, gates=None):
    one_hot = keras.ops.one_hot(arc[0], len(ACTIVATIONS))
    results = [keras.activations.get(name)(x) for name in ACTIVATIONS]
    y = sum(one_hot[i] * result for i, result in enumerate(results))
    width = keras.ops.take(keras.ops.array(WIDTHS), arc[1])
    mask = keras.ops.arange(WIDTHS[-1]) < width
    y *= keras.ops.cast(mask, y.dtype)
    return y if gates is None else y * gates[0] * gates[1]


class ToyParts(images.ImageParts):
  """The parts of the toy space."""

  def __init__(self, experiment, task):
    super().__init__(experiment, task)
    self.space = self.final_space = ToySpace()

  def make_supernet(self, seed):
    pixels, x = self._input(self.experiment.search)
    arc = keras.Input(batch_shape=(2,), dtype="int32", name="arc")
    gates = gated.gates_input(self.space)
    x = self._dense(WIDTHS[-1], seed, "hidden")(x)
    x = Chosen()(x, arc=arc, gates=gates)
    logits = self._dense(self.task.num_classes, seed + 1, "head")(x)
    inputs = {"images": pixels, "arc": arc, "gates": gates}
    return gated.GatedModel(inputs, {"logits": logits})

  def make_child(self, arc, seed, total_steps):
    pixels, x = self._input(self.experiment.final)
    x = self._dense(arc.width, seed, "hidden")(x)
    x = keras.layers.Activation(arc.activation)(x)
    logits = self._dense(self.task.num_classes, seed + 1, "logits")(x)
    return keras.Model(pixels, {"logits": logits})

  def inference(self, child):
    return keras.Model(child.input, child.output["logits"])

  def _input(self, settings):
    pixels = keras.Input(self.task.image_shape, name="images")
    scaled = keras.layers.Rescaling(settings.toy_scale)(pixels)
    return pixels, keras.layers.Flatten()(scaled)

  def _dense(self, units, seed, name):
    initializer = keras.initializers.GlorotUniform(seed)
    return keras.layers.Dense(units, kernel_initializer=initializer, name=name)


RECIPE = base.Recipe(
  name="toy",
  help="networks of one hidden layer",
  data=data.ImageData(data="digits"),
  search=Supernet(batch_size=32, num_epochs=2, l2_reg=0.0),
  final=Child(batch_size=32, num_epochs=2, l2_reg=0.0),
  controller=controller.Learning(num_aggregate=2, train_steps=3),
  parts=ToyParts,
)
