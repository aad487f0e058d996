"""The macro recipe: the original's scripts/cifar10_macro_{search,final}.sh."""

import dataclasses
from typing import ClassVar

from enas_tf.recipes import base
from enas_tf.settings import controller, data, fields, training
from enas_tf.spaces import macro


@dataclasses.dataclass(frozen=True)
class Layers(fields.Settings):
  """The layers of a macro network."""

  num_layers: int = fields.setting(
    12,
    "layers behind the stem",
    at_least=1,
    at_most=1_000,
    of_arc=True,
    matters=True,
  )
  ops: tuple[str, ...] = fields.setting(
    macro.PAPER_OPS,
    "the operations that an arc can choose, of "
    f"{', '.join(macro.KNOWN_OPS)} and those that a program registered",
    of_arc=True,
  )


@dataclasses.dataclass(frozen=True)
class Supernet(Layers, training.Images):
  """The supernet of the macro space and its training."""

  prefix: ClassVar[str] = "child_"


@dataclasses.dataclass(frozen=True)
class Child(Layers, training.Images, training.ImageChild):
  """The final child of the macro space and its training."""

  out_filters_scale: int = fields.setting(
    1,
    "the final child has so many times `child_out_filters` channels",
    at_least=1,
    at_most=1_024,
  )
  prefix: ClassVar[str] = "final_"
  unprefixed: ClassVar[tuple[str, ...]] = ()


@dataclasses.dataclass(frozen=True)
class Controller(controller.Learning):
  """The controller of the macro space."""

  skip_target: float = fields.setting(
    0.4,
    "fraction of the skip connections that the penalty aims at",
    above=0,
    below=1,
    only_with=controller.WITH_POLICY,
  )
  # For others a constant of the class; here everybody has a value.
  skip_weight: float = fields.setting(  # type: ignore[misc]
    0.8,
    "weight of the penalty on other fractions, 0 for none",
    at_least=0,
    changeable=True,
    only_with=controller.WITH_POLICY,
  )


SUPERNET = Supernet(
  out_filters=36, batch_size=128, num_epochs=310, l2_reg=2.5e-4
)
CHILD = Child(
  num_layers=24,
  out_filters=96,
  keep_prob=0.5,
  batch_size=100,
  num_epochs=310,
  l2_reg=2e-4,
  lr_min=0.001,
)
CONTROLLER = Controller(train_steps=50)
RECIPE = base.Recipe(
  name="macro",
  help="whole convolutional networks, layer by layer",
  data=data.ImageData(),
  search=SUPERNET,
  final=CHILD,
  controller=CONTROLLER,
  parts="enas_tf.recipes.macro.parts:Macro",
  faithful={
    **controller.ORIGINAL,
    "controller_num_aggregate": 20,
    "controller_lr": 0.001,
    "controller_tanh_constant": 1.5,
  },
)
