"""How arcs are scored, and what the shared weights are trained on."""

import dataclasses
from typing import ClassVar

from enas_tf.evaluators import expression, registry
from enas_tf.settings import fields

CHILD_SAMPLINGS = ("policy", "uniform", "fair")
PRUNERS = ("none", "median", "halving", "hyperband")
SURROGATES = ("none", "forest", "gaussian_process", "ridge")

_SHARED = {"evaluator": ("shared_weights",)}
_TRAINED = {"evaluator": ("from_scratch",)}
_LOOKED_UP = {"evaluator": ("table",)}
_WITH_NETWORKS = {"evaluator": ("shared_weights", "from_scratch", "function")}
_PAID = {"evaluator": ("from_scratch", "table", "function")}


@dataclasses.dataclass(frozen=True)
class Evaluation(fields.Settings):
  """How arcs are scored, and what the shared weights are trained on."""

  kind: str = fields.setting(
    "shared_weights",
    "what scores arcs: shared_weights; from_scratch, a training of each; "
    "table, a file of scores; or function, one of a program",
    choices=registry.EVALUATORS,
  )
  child_sampling: str = fields.setting(
    "policy",
    "the arcs that the shared weights are trained on: those that the policy "
    "likes (the paper), uniform ones, or fair ones, with every option equally "
    "often",
    choices=CHILD_SAMPLINGS,
    only_with=_SHARED,
  )
  child_warmup_epochs: int = fields.setting(
    0,
    "first epochs in which the shared weights are trained on uniform arcs, and "
    "the controller waits",
    at_least=0,
    only_with=_SHARED,
  )
  batch: str = fields.setting(
    "common",
    "the validation batch that a reward comes from: common, one for all arcs "
    "of an update, which differ by nothing else then; or own, another one for "
    "each (the original)",
    choices=("common", "own"),
    only_with=_SHARED,
  )
  batch_size: int | None = fields.setting(
    None,
    "examples (of a text, rows) in the validation batch of a reward; without "
    "it, as many as in a batch of the training, and of images in a common "
    "batch at least 128, or all that there are",
    at_least=1,
    only_with=_SHARED,
  )
  child_epochs: int = fields.setting(
    10,
    "epochs for which a child is trained from scratch to score it",
    at_least=1,
    only_with=_TRAINED,
  )
  fraction: float = fields.setting(
    1.0,
    "fraction of the training batches of an epoch that such a child sees",
    above=0,
    at_most=1,
    only_with=_TRAINED,
  )
  pruner: str = fields.setting(
    "none",
    "when such a child is given up early: never; if it is worse than the "
    "median of the others at its epoch; by successive halving (ASHA); or by "
    "hyperband, halvings that begin early beside ones that begin late",
    choices=PRUNERS,
    only_with=_TRAINED,
  )
  num_workers: int = fields.setting(
    1,
    "processes that train children from scratch at once, here, in deriving "
    "and in `mode=baseline`",
    at_least=1,
    at_most=1_000,
    changeable=True,
  )
  worker_minutes: float | None = fields.setting(
    None,
    "after how long a child's training has failed; without it, never",
    above=0,
    changeable=True,
  )
  worker_children: int = fields.setting(
    25,
    "trainings after which a worker process makes room for a new one, for "
    "TensorFlow does not give all memory back",
    at_least=1,
    changeable=True,
  )
  cached: bool = fields.setting(
    True,
    "whether an arc that was scored before, or one that computes the same, "
    "has that score again",
    only_with=_PAID,
  )
  num_seeds: int = fields.setting(
    1,
    "scorings of each arc, of which the mean is taken",
    at_least=1,
    at_most=1_000,
    only_with=_PAID,
  )
  surrogate: str = fields.setting(
    "none",
    "a regressor that predicts the scores of most arcs, and learns from those "
    "that are measured",
    choices=SURROGATES,
    only_with=_PAID,
  )
  surrogate_start: int = fields.setting(
    20, "arcs that are measured before it predicts", at_least=2, only_with=_PAID
  )
  surrogate_every: int = fields.setting(
    4,
    "one of so many arcs is measured then",
    at_least=1,
    only_with=_PAID,
  )
  table: str | None = fields.setting(
    None,
    "the table of scores: a CSV file with a column for each decision and "
    "columns of scores, or the JSON file of NAS-Bench-Macro",
    changeable=True,  # What stands in it may not.
    only_with=_LOOKED_UP,
  )
  score: str | None = fields.setting(
    None,
    "the column of the table that is maximised; may be left out if there is "
    "only one, or one is called reward, score or mean_acc",
    only_with=_LOOKED_UP,
  )
  decisions: tuple[str, ...] = fields.setting(
    (),
    "the columns of the table that are decisions, or the one that holds whole "
    "arcs; by default those of words or of few whole numbers",
    only_with=_LOOKED_UP,
  )
  max_parameters: float | None = fields.setting(
    None,
    "trainable parameters of a final child; arcs of more are never trained",
    at_least=1,
    only_with=_WITH_NETWORKS,
  )
  max_multiply_adds: float | None = fields.setting(
    None,
    "multiply-adds of a final child for one example (of a text, one token); "
    "arcs of more are never trained",
    at_least=1,
    only_with=_WITH_NETWORKS,
  )
  reward: str | None = fields.setting(
    None,
    "the reward, a formula of scores (accuracy or perplexity, or reward, that "
    "without a formula) and costs (parameters, multiply_adds or macs), such as "
    "accuracy*(macs/3e8)^-0.07",
    only_with=_WITH_NETWORKS,
  )
  prefix: ClassVar[str] = "evaluator_"
  names: ClassVar[dict[str, str]] = {"kind": "evaluator"}
  unprefixed: ClassVar[tuple[str, ...]] = (
    "child_sampling",
    "child_warmup_epochs",
    "child_epochs",
    "num_workers",
    "worker_minutes",
    "worker_children",
    "max_parameters",
    "max_multiply_adds",
    "reward",
  )

  def check(self) -> None:
    super().check()
    if self.reward is not None:
      expression.Expression(self.reward)
