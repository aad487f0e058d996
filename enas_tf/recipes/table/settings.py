"""The table recipe: searches a benchmark that others have measured."""

import dataclasses
from typing import ClassVar

from enas_tf.recipes import base
from enas_tf.settings import controller, evaluation, fields


@dataclasses.dataclass(frozen=True)
class NoData(fields.Settings):
  """No data: the scores are all that there is."""

  data: ClassVar[str] = "table"
  data_path: ClassVar[str | None] = None


@dataclasses.dataclass(frozen=True)
class Length(fields.Settings):
  """How long a search is; an epoch has no steps on weights."""

  num_epochs: int = fields.setting(
    10,
    "phases of the controller",
    at_least=1,
    changeable=True,
    matters=True,
  )
  prefix: ClassVar[str] = "child_"
  unprefixed: ClassVar[tuple[str, ...]] = ("num_epochs",)


@dataclasses.dataclass(frozen=True)
class NoChild(fields.Settings):
  """No final child: there are no networks."""

  prefix: ClassVar[str] = "final_"


RECIPE = base.Recipe(
  name="table",
  help="the arcs of a table of scores, --evaluator_table",
  data=NoData(),
  search=Length(),
  final=NoChild(),
  controller=controller.Learning(num_aggregate=5, train_steps=6),
  parts="enas_tf.recipes.table.parts:Table",
  evaluation=evaluation.Evaluation(kind="table"),
  modes=("search", "derive"),
  task="enas_tf.tasks.scores:ScoresAlone",
)
