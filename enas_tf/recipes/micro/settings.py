"""The micro recipe: the original's scripts/cifar10_micro_{search,final}.sh."""

import dataclasses
from typing import ClassVar

from enas_tf.recipes import base
from enas_tf.settings import controller, data, fields, training
from enas_tf.spaces import micro


@dataclasses.dataclass(frozen=True)
class Cells(fields.Settings):
  """The cells of a micro network."""

  num_layers: int = fields.setting(
    6,
    "normal cells; two reduction cells come on top",
    at_least=1,
    at_most=1_000,
    matters=True,
    searchable=True,
  )
  num_cells: int = fields.setting(
    5,
    "nodes in a cell (the original's word)",
    at_least=1,
    at_most=100,
    of_arc=True,
  )
  ops: tuple[str, ...] = fields.setting(
    micro.PAPER_OPS,
    "the operations that an arc can choose, of "
    f"{', '.join(micro.KNOWN_OPS)} and those that a program registered",
    of_arc=True,
  )
  use_aux_heads: bool = fields.setting(
    True,
    "whether an auxiliary classifier helps the training",
    searchable=True,
  )


@dataclasses.dataclass(frozen=True)
class Supernet(Cells, training.Images):
  """The supernet of the micro space and its training."""

  prefix: ClassVar[str] = "child_"


@dataclasses.dataclass(frozen=True)
class Child(Cells, training.Images, training.ImageChild):
  """The final child of the micro space and its training."""

  drop_path_keep_prob: float = fields.setting(
    1.0,
    "fraction of the paths that the last cell keeps at the end of the training",
    above=0,
    at_most=1,
    searchable=True,
  )
  prefix: ClassVar[str] = "final_"
  unprefixed: ClassVar[tuple[str, ...]] = ()


@dataclasses.dataclass(frozen=True)
class Controller(controller.Learning):
  """The controller of the micro space."""

  op_tanh_reduce: float = fields.setting(
    1.0,
    "how many times smaller the bound of the operations' logits is",
    above=0,
    only_with=controller.WITH_POLICY,
  )

  def check(self) -> None:
    super().check()
    self.require(
      self.op_tanh_reduce == 1 or self.tanh_constant is not None,
      "{op_tanh_reduce} makes a bound smaller, and logits have none: give "
      "{tanh_constant}, too.",
      "op_tanh_reduce",
      "tanh_constant",
    )


RECIPE = base.Recipe(
  name="micro",
  help="normal and reduction cells of convolutional networks",
  data=data.ImageData(),
  search=Supernet(),
  final=Child(
    num_layers=15,
    out_filters=36,
    keep_prob=0.8,
    drop_path_keep_prob=0.6,
    batch_size=144,
    num_epochs=630,
    l2_reg=2e-4,
    lr_min=0.0001,
  ),
  controller=Controller(),
  parts="enas_tf.recipes.micro.parts:Micro",
  faithful={
    **controller.ORIGINAL,
    "controller_num_aggregate": 10,
    "controller_tanh_constant": 1.10,
    "controller_op_tanh_reduce": 2.5,
  },
)
