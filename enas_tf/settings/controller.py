"""Groups of settings of the controller, who proposes arcs."""

import dataclasses
import types
from collections.abc import Mapping
from typing import Any, ClassVar

from enas_tf.controllers import registry
from enas_tf.settings import fields

POLICIES = ("paper", "generic")
IMPROVEMENTS = ("first", "best")
SELECTIONS = ("reward", "pareto")
SAMPLERS = ("tpe", "gp")
BASELINES = ("batch", "moving_average")
UPDATES = ("reinforce", "ppo")
# The condition of settings of a policy and of how it learns.
WITH_POLICY = {"controller": ("reinforce",)}
_PPO = {"controller_update": ("ppo",)}


@dataclasses.dataclass(frozen=True)
class Controller(fields.Settings):
  """Who proposes arcs, and how often it learns."""

  kind: str = fields.setting(
    "reinforce",
    "who proposes arcs: reinforce, the paper's, or another search strategy; "
    "random is the baseline",
    choices=registry.CONTROLLERS,
  )
  training: bool = fields.setting(
    True,
    "whether it learns at all; if not, arcs are sampled as it starts",
    changeable=True,
  )
  num_aggregate: int = fields.setting(
    5, "arcs that one update averages over", at_least=1, at_most=100_000
  )
  train_steps: int = fields.setting(
    30, "updates in a controller phase", at_least=1, changeable=True
  )
  train_every: int = fields.setting(
    1,
    "epochs from one controller phase to the next",
    at_least=1,
    changeable=True,
  )
  warm_start: tuple[str, ...] = fields.setting(
    (),
    "folders of earlier searches, whose best arcs are proposed first; a policy "
    "imitates them before it learns",
  )
  warm_start_arcs: int = fields.setting(
    20, "how many of their arcs at most", at_least=1, at_most=100_000
  )
  prefix: ClassVar[str] = "controller_"
  names: ClassVar[dict[str, str]] = {"kind": "controller"}
  unprefixed: ClassVar[tuple[str, ...]] = ("warm_start", "warm_start_arcs")


@dataclasses.dataclass(frozen=True)
class Policy(fields.Settings):
  """The LSTM policy of a controller that learns."""

  policy: str = fields.setting(
    "paper",
    "paper, that of the search space in the paper, or generic, one for any "
    "space",
    choices=POLICIES,
    only_with=WITH_POLICY,
  )
  lstm_size: int = fields.setting(
    64,
    "units of the LSTM",
    at_least=1,
    at_most=16_384,
    only_with=WITH_POLICY,
  )
  num_layers: int = fields.setting(
    1,
    "layers of the LSTM",
    at_least=1,
    at_most=100,
    only_with=WITH_POLICY,
  )
  tanh_constant: float | None = fields.setting(
    None,
    "bound of the logits; without it, the entropy alone keeps them small",
    above=0,
    only_with=WITH_POLICY,
  )
  temperature: float | None = fields.setting(
    None,
    "what the logits are divided by, before they are bounded",
    above=0,
    only_with=WITH_POLICY,
  )


@dataclasses.dataclass(frozen=True)
class Reinforce(fields.Settings):
  """How REINFORCE learns (ENAS, section 2.2)."""

  lr: float = fields.setting(
    0.0035,
    "learning rate of Adam",
    above=0,
    changeable=True,
    only_with=WITH_POLICY,
  )
  adam_beta_1: float = fields.setting(
    0.0,
    "decay of Adam's mean of gradients",
    at_least=0,
    below=1,
    only_with=WITH_POLICY,
  )
  adam_epsilon: float = fields.setting(
    1e-8,
    "what Adam adds to the root of the mean of squares",
    above=0,
    only_with=WITH_POLICY,
  )
  update: str = fields.setting(
    "reinforce",
    "reinforce, one step for each arc, or ppo, more steps, which are clipped",
    choices=UPDATES,
    only_with=WITH_POLICY,
  )
  ppo_steps: int = fields.setting(
    4, "steps of an update", at_least=1, at_most=1_000, only_with=_PPO
  )
  ppo_clip: float = fields.setting(
    0.2,
    "how far an update may move the probability of an arc, as a fraction of it",
    above=0,
    below=1,
    only_with=_PPO,
  )
  baseline: str = fields.setting(
    "batch",
    "what a reward is compared with: batch, the other arcs of the update, or "
    "moving_average, the original's",
    choices=BASELINES,
    only_with=WITH_POLICY,
  )
  standardize: bool = fields.setting(
    True,
    "whether rewards, less what they are compared with, are divided by their "
    "deviation in the update",
    only_with=WITH_POLICY,
  )
  entropy_weight: float = fields.setting(
    0.2,
    "weight of the entropy, in nats, in the loss; without "
    "controller_standardize, in the reward",
    at_least=0,
    changeable=True,
    only_with=WITH_POLICY,
  )
  bl_dec: float = fields.setting(
    0.99,
    "decay of the moving average of the rewards; of use with it, or with one "
    "arc in an update",
    at_least=0,
    below=1,
    changeable=True,
    only_with=WITH_POLICY,
  )
  # The weight of a penalty, where a policy has one.
  skip_weight: ClassVar[float] = 0.0


# How the original's REINFORCE learns, by public names: what `faithful` brings
# back in all spaces.
ORIGINAL: Mapping[str, Any] = types.MappingProxyType(
  {
    "controller_adam_epsilon": 1e-3,
    "controller_baseline": "moving_average",
    "controller_standardize": False,
    "controller_entropy_weight": 0.0001,
    "evaluator_batch": "own",
  }
)
_WITH_GRADIENT = {"controller": ("gradient",)}
_EVOLUTION = {"controller": ("evolution",)}
_LOCAL = {"controller": ("local",)}


@dataclasses.dataclass(frozen=True)
class Gradient(fields.Settings):
  """How the logits of decisions follow gradients (GDAS)."""

  gradient_lr: float = fields.setting(
    0.03,
    "learning rate of Adam on the logits",
    above=0,
    changeable=True,
    only_with=_WITH_GRADIENT,
  )
  temperature_start: float = fields.setting(
    10.0,
    "temperature of the soft choice that gradients are taken of, at first",
    above=0,
    only_with=_WITH_GRADIENT,
  )
  temperature_end: float = fields.setting(
    0.1, "the same, at last", above=0, only_with=_WITH_GRADIENT
  )
  temperature_steps: int = fields.setting(
    1_000,
    "updates from the first to the last temperature, linearly",
    at_least=1,
    only_with=_WITH_GRADIENT,
  )


@dataclasses.dataclass(frozen=True)
class Evolution(fields.Settings):
  """How a population evolves."""

  population_size: int = fields.setting(
    20,
    "members of the population, the last arcs that were scored",
    at_least=1,
    at_most=100_000,
    only_with=_EVOLUTION,
  )
  tournament_size: int = fields.setting(
    5,
    "members of which the best has a child",
    at_least=1,
    only_with=_EVOLUTION,
  )
  crossover: float = fields.setting(
    0.0,
    "probability that a child has two parents",
    at_least=0,
    at_most=1,
    only_with=_EVOLUTION,
  )
  selection: str = fields.setting(
    "reward",
    "who is in the population: by reward, the last arcs that were scored, or "
    "pareto, the best in reward, parameters and multiply-adds (NSGA-II)",
    choices=SELECTIONS,
    only_with=_EVOLUTION,
  )

  def check(self) -> None:
    super().check()
    self.require(
      self.tournament_size <= self.population_size,
      "A tournament is held among members of the population: make "
      "{tournament_size} at most {population_size}.",
      "tournament_size",
      "population_size",
    )


@dataclasses.dataclass(frozen=True)
class Local(fields.Settings):
  """How a local search climbs."""

  improvement: str = fields.setting(
    "first",
    "where a local search goes: first, to a better neighbour as soon as there "
    "is one, or best, to the best of all",
    choices=IMPROVEMENTS,
    only_with=_LOCAL,
  )
  patience: int | None = fields.setting(
    None,
    "neighbours that it tries before it starts anew; None for all",
    at_least=1,
    only_with=_LOCAL,
  )


@dataclasses.dataclass(frozen=True)
class Bayesian(fields.Settings):
  """Which model Bayesian optimization has."""

  sampler: str = fields.setting(
    "tpe",
    "Optuna's sampler: tpe, Parzen estimators, or gp, a Gaussian process, "
    "which needs PyTorch",
    choices=SAMPLERS,
    only_with={"controller": ("bayesian",)},
  )


@dataclasses.dataclass(frozen=True)
class Fixed(fields.Settings):
  """What a controller that learns nothing proposes."""

  arc: str | None = fields.setting(
    None,
    "the arc of a fixed controller: its integers, its JSON file or its name",
    only_with={"controller": ("fixed",)},
  )


@dataclasses.dataclass(frozen=True)
class Learning(
  Controller, Policy, Reinforce, Gradient, Evolution, Local, Bayesian, Fixed
):
  """What the controllers of all spaces have."""
