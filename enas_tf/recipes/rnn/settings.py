"""The RNN recipe: that of google-research's enas_lm."""

import dataclasses
from typing import Any, ClassVar

from enas_tf.recipes import base
from enas_tf.settings import controller, data, fields, training
from enas_tf.spaces import rnn


@dataclasses.dataclass(frozen=True)
class Cell(fields.Settings):
  """A recurrent cell, and the language model around it."""

  num_nodes: int = fields.setting(
    9,
    "nodes of the cell behind the first",
    at_least=1,
    at_most=500,
    of_arc=True,
  )
  functions: tuple[str, ...] = fields.setting(
    rnn.ENAS_LM_FUNCTIONS,
    "the activation functions, in the order of their integers, of "
    f"{', '.join(rnn.KNOWN_FUNCTIONS)}",
    of_arc=True,
  )
  hidden_size: int = fields.setting(
    200,
    "units of the state and of an embedded word",
    at_least=1,
    at_most=65_536,
    searchable=True,
  )
  output: str = fields.setting(
    "all",
    "what the new state is the mean of: all nodes but the first, or the loose "
    "ends",
    choices=("all", "loose"),
    searchable=True,
  )


@dataclasses.dataclass(frozen=True)
class Text(training.Training, training.Decay):
  """How a language model is trained; all dropouts are the same at all steps."""

  bptt_steps: int = fields.setting(
    35,
    "steps that are unrolled for one gradient",
    at_least=1,
    at_most=100_000,
    searchable=True,
  )
  random_bptt: bool = fields.setting(
    True,
    "whether that many are only usual: the number is drawn anew for each "
    "gradient, and the learning rate is scaled with it",
    searchable=True,
  )
  drop_e: float = fields.setting(
    0.1,
    "dropout of whole words of the embedding",
    at_least=0,
    below=1,
    searchable=True,
  )
  drop_i: float = fields.setting(
    0.2,
    "dropout of embedded inputs",
    at_least=0,
    below=1,
    searchable=True,
  )
  drop_x: float = fields.setting(
    0.75,
    "dropout of the input of the cell",
    at_least=0,
    below=1,
    searchable=True,
  )
  drop_l: float = fields.setting(
    0.25,
    "dropout of the state of every node",
    at_least=0,
    below=1,
    searchable=True,
  )
  drop_o: float = fields.setting(
    0.75,
    "dropout before the softmax",
    at_least=0,
    below=1,
    searchable=True,
  )
  alpha: float = fields.setting(
    0.0,
    "weight of the mean squared state in the loss",
    at_least=0,
    searchable=True,
  )
  beta: float = fields.setting(
    1.0,
    "weight of the mean squared change of the state in the loss",
    at_least=0,
    searchable=True,
  )
  faithful: bool = fields.setting(
    False, "bring back the defects of the original that its numbers need"
  )
  # All gradients are clipped together, always.
  clip_mode: ClassVar[str] = "global"


@dataclasses.dataclass(frozen=True)
class Supernet(Cell, Text):
  """The supernet of the RNN space and its training."""

  prefix: ClassVar[str] = "child_"


@dataclasses.dataclass(frozen=True)
class Child(Cell, Text, training.Start):
  """The final language model and its training."""

  optimizer: str = fields.setting(
    "sgd",
    "sgd, plain descent (enas_lm's), momentum, Nesterov's, or Keras's adam, "
    "adamw or rmsprop; all but sgd ask for lower learning rates",
    choices=training.OPTIMIZERS,
    searchable=True,
  )
  average_after: int = fields.setting(
    0,
    "the weights are averaged from the epoch on whose validation perplexity is "
    "above the best of all but the last so many epochs; 0 for never",
    at_least=0,
    at_most=10_000_000,
  )
  prefix: ClassVar[str] = "final_"
  unprefixed: ClassVar[tuple[str, ...]] = ()


@dataclasses.dataclass(frozen=True)
class Controller(controller.Learning):
  """The controller of the RNN space."""

  reward: str = fields.setting(
    "ppl",
    "ppl, a constant over the perplexity of a validation window, or "
    "ppl_squared, over its square",
    choices=("ppl", "ppl_squared"),
  )
  reward_constant: float = fields.setting(
    80.0, "what is divided by the perplexity", above=0
  )


_TRAINING: dict[str, Any] = {
  "l2_reg": 8e-7,
  "lr": 20.0,
  "lr_min": 0.0,
  "lr_dec_rate": 1.0,
}
RECIPE = base.Recipe(
  name="rnn",
  help="recurrent cells of language models",
  data=data.TextData(),
  search=Supernet(batch_size=128, num_epochs=600, grad_bound=0.1, **_TRAINING),
  final=Child(
    num_nodes=8,
    hidden_size=800,
    output="loose",
    drop_e=0.125,
    drop_i=0.175,
    drop_x=0.725,
    drop_l=0.225,
    alpha=0.7,
    beta=0.0,
    batch_size=64,
    num_epochs=3000,
    grad_bound=0.25,
    average_after=10,
    **_TRAINING,
  ),
  controller=Controller(train_steps=25),
  parts="enas_tf.recipes.rnn.parts:Rnn",
  faithful={
    **controller.ORIGINAL,
    "controller_num_aggregate": 10,
    "controller_lr": 5e-5,
    # With its small weights, a large epsilon would stop all learning.
    "controller_adam_beta_1": 0.9,
    "controller_adam_epsilon": 1e-8,
    "controller_tanh_constant": 2.25,
    "controller_temperature": 5.0,
    "controller_entropy_weight": 1e-5,
    "controller_bl_dec": 0.999,
  },
)
