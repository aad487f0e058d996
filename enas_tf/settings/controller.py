"""Groups of settings of the controller, who proposes arcs."""

import dataclasses
from typing import ClassVar

from enas_tf.controllers import registry
from enas_tf.settings import fields

POLICIES = ("paper", "generic")


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
    10, "arcs that one update averages over", at_least=1, at_most=100_000
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
  prefix: ClassVar[str] = "controller_"
  names: ClassVar[dict[str, str]] = {"kind": "controller"}


@dataclasses.dataclass(frozen=True)
class Policy(fields.Settings):
  """The LSTM policy of a controller that learns."""

  policy: str = fields.setting(
    "paper",
    "paper, that of the search space in the paper, or generic, one for any "
    "space",
    choices=POLICIES,
  )
  lstm_size: int = fields.setting(
    64, "units of the LSTM", at_least=1, at_most=16_384
  )
  num_layers: int = fields.setting(
    1, "layers of the LSTM", at_least=1, at_most=100
  )
  tanh_constant: float | None = fields.setting(
    1.10, "bound of the logits", above=0
  )
  temperature: float | None = fields.setting(
    None, "what the logits are divided by", above=0
  )


@dataclasses.dataclass(frozen=True)
class Reinforce(fields.Settings):
  """How REINFORCE learns (ENAS, section 2.2)."""

  lr: float = fields.setting(
    0.0035, "learning rate of Adam", above=0, changeable=True
  )
  adam_beta_1: float = fields.setting(
    0.0, "decay of Adam's mean of gradients", at_least=0, below=1
  )
  adam_epsilon: float = fields.setting(
    1e-3, "what Adam adds to the root of the mean of squares", above=0
  )
  entropy_weight: float = fields.setting(
    0.0001,
    "weight of the entropy, in nats, in the reward",
    at_least=0,
    changeable=True,
  )
  bl_dec: float = fields.setting(
    0.99,
    "decay of the baseline, the moving average of the rewards",
    at_least=0,
    below=1,
    changeable=True,
  )
  # The weight of a penalty, where a policy has one.
  skip_weight: ClassVar[float] = 0.0


@dataclasses.dataclass(frozen=True)
class Learning(Controller, Policy, Reinforce):
  """What the controllers of all spaces have."""
