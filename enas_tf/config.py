"""Every setting of a run, as frozen dataclasses that validate themselves.

The defaults here are the only defaults: the flags take theirs from these
classes, and the recipe classes say what differs from one recipe to the next.
"""

import dataclasses
import math
import types
import typing
from typing import ClassVar

from enas_tf import errors

# No whole number is larger: TensorFlow and the files count on it.
_LARGEST = 2**31 - 1

MODES = ("search", "derive", "train", "import", "evaluate", "export", "all")
STARTING = ("search", "train", "import", "all")  # Those that begin a run.
DATA_NAMES = (
  "cifar10",
  "cifar100",
  "mnist",
  "fashion_mnist",
  "digits",
  "folder",
  "ptb",
  "text",
  "pydoc",
)
TEXT_NAMES = ("ptb", "text", "pydoc")
AUGMENTATIONS = ("auto", "none", "crop", "crop_flip")
CLIP_MODES = ("none", "norm", "global")
CHILD_INITS = ("random", "supernet")
CONTROLLERS = ("reinforce", "random")
SEARCH_SPACES = ("micro", "macro", "rnn")
OUTPUTS = ("all", "loose")
REWARDS = ("ppl", "ppl_squared")

# Settings of a child whose flags have no prefix, as in the original.
UNPREFIXED = ("batch_size", "num_epochs", "faithful")
# The fields, of any section, that take one word out of a few.
CHOICES = {
  "mode": MODES,
  "search_for": (*SEARCH_SPACES, "enas"),  # The original's word for "rnn".
  "data": DATA_NAMES,
  "augment": AUGMENTATIONS,
  "clip_mode": CLIP_MODES,
  "init": CHILD_INITS,
  "kind": CONTROLLERS,
  "output": OUTPUTS,
  "reward": REWARDS,
}


def _require(condition: bool, message: str, **received) -> None:
  if not condition:
    values = ", ".join(f"{key}={value}" for key, value in received.items())
    raise errors.ConfigError(f"{message} Received: {values}")


def _require_choice(value: str, choices: tuple[str, ...], flag: str) -> None:
  _require(
    value in choices,
    f"`{flag}` is one of {', '.join(choices)}.",
    **{flag: value},
  )


def _require_bounded(settings, prefix: str, most: dict[str, int]) -> None:
  """Refuses numbers that no network and no file can stand for.

  Args:
    settings: a dataclass.
    prefix: of its flags.
    most: the largest value of some attributes; the others have a general one.
  """
  for field in dataclasses.fields(settings):
    value = getattr(settings, field.name)
    flag = prefix + field.name
    if field.name in UNPREFIXED:
      flag = field.name
    if isinstance(value, float):
      _require(
        math.isfinite(value),
        f"`{flag}` must be a finite number.",
        **{flag: value},
      )
    elif isinstance(value, int):
      bound = most.get(field.name, _LARGEST)
      _require(
        value <= bound, f"`{flag}` must be at most {bound:,}.", **{flag: value}
      )


@dataclasses.dataclass(frozen=True)
class DataConfig:
  """Which images or text, and how they are fed.

  Attributes:
    data: the name of the data set, one of DATA_NAMES.
    data_path: a folder or file with the data; None downloads it.
    image_size: height and width that the images of `--data=folder` are resized
      to, in pixels; None takes the size of the first image.
    vocab_size: words of `--data=text` and pydoc that are told apart; the others
      are <unk>.
    valid_fraction: share of the training images, the last ones, that the
      search holds out for the rewards, in (0, 1).
    augment: "crop_flip" (pad by an eighth, random crop, random mirror image),
      "crop", "none", or "auto": what suits the data set.
    eval_batch_size: images in a batch of an evaluation, at least 1.
  """

  data: str = "cifar10"
  data_path: str | None = None
  image_size: int | None = None
  vocab_size: int = 10_000
  valid_fraction: float = 0.1
  augment: str = "auto"
  eval_batch_size: int = 100

  def __post_init__(self):
    _require_bounded(self, "", {})
    _require_choice(self.data, DATA_NAMES, "data")
    _require_choice(self.augment, AUGMENTATIONS, "augment")
    _require(
      self.data != "folder" or self.data_path is not None,
      "`data=folder` reads images of your own: add `data_path=DIR`, a folder "
      "with a subfolder for each class.",
      data_path=self.data_path,
    )
    _require(
      self.data != "digits" or self.data_path is None,
      "`data=digits` lies inside scikit-learn: take `data_path` away.",
      data_path=self.data_path,
    )
    _require(
      self.data not in ("ptb", "text") or self.data_path is not None,
      "`data=ptb` and `data=text` need `data_path`: the folder of "
      "ptb.train.txt and the others, or a text file or a folder of them. Or "
      "try `data=pydoc`, which needs none.",
      data=self.data,
    )
    _require(
      self.data != "pydoc" or self.data_path is None,
      "`data=pydoc` is the text inside of Python: take `data_path` away.",
      data_path=self.data_path,
    )
    _require(
      self.vocab_size >= 10,
      "`vocab_size` must be at least 10.",
      vocab_size=self.vocab_size,
    )
    _require(
      self.image_size is None or self.data == "folder",
      "`image_size` is for `data=folder`, the other data sets have a size of "
      "their own: take it away.",
      image_size=self.image_size,
    )
    _require(
      self.image_size is None or self.image_size >= 8,
      "`image_size` must be at least 8 pixels.",
      image_size=self.image_size,
    )
    _require(
      0 < self.valid_fraction < 1,
      "`valid_fraction` must be between 0 and 1.",
      valid_fraction=self.valid_fraction,
    )
    _require(
      self.eval_batch_size >= 1,
      "`eval_batch_size` must be at least 1.",
      eval_batch_size=self.eval_batch_size,
    )


# Beyond these, a network takes more memory than any machine has, or more days
# to be built than anybody waits.
_MOST_OF_CHILD = {
  "num_layers": 1_000,
  "num_cells": 100,
  "num_nodes": 500,
  "out_filters": 16_384,
  "out_filters_scale": 1_024,
  "hidden_size": 65_536,
  "bptt_steps": 100_000,
  "average_after": 10_000_000,
}
_MOST_OF_CONTROLLER = {
  "lstm_size": 16_384,
  "num_layers": 100,
  "num_aggregate": 100_000,
}


@dataclasses.dataclass(frozen=True)
class ChildConfig:
  """A child network (or the supernet of all of them) and how it is trained.

  The defaults are the original's micro search recipe
  (scripts/cifar10_micro_search.sh). A subclass is another recipe; `unused`
  names the attributes that mean nothing there, `unused_data` those of the data,
  `fixed_by_arc` those of a final child that the arc of a search decides.

  Attributes:
    num_layers: layers, at least 1; in the micro space these are the normal
      cells, and two reduction cells come on top.
    num_cells: nodes in a cell, at least 1 (the original's word).
    out_filters: channels of the first layers, even; doubled at a reduction
      (not in the macro space's search).
    out_filters_scale: the final child has so many times `out_filters`.
    ops: the words of the operations in the space.
    use_aux_heads: whether an auxiliary classifier helps the training.
    keep_prob: share of the features that dropout keeps before the classifier.
    drop_path_keep_prob: share of the paths that the last cell keeps at the end
      of the training (final child only).
    cutout_size: side in pixels of the square that cutout blanks, or None.
    batch_size: images in a batch of the training.
    num_epochs: passes over the training images.
    l2_reg: weight of the sum of the squared weights in the loss.
    lr_cosine: cosine schedule with restarts; else exponential decay.
    lr_max: rate at a restart.
    lr_min: rate just before a restart; also the floor of the decay.
    lr_T_0: epochs until the first restart.
    lr_T_mul: how many times longer each period is than the one before.
    lr: rate before the exponential decay.
    lr_dec_every: epochs from one decay to the next.
    lr_dec_rate: factor of a decay.
    clip_mode: "none", "norm" (each gradient) or "global" (all together).
    grad_bound: the norm that clipping allows.
    faithful: bring back the defects of the original that its numbers need.
    as_searched: build the final child exactly as the supernet computes it,
      instead of as the original's final network (final child only).
    init: "random", or "supernet": start from the shared weights (final child
      only).
  """

  num_layers: int = 6
  num_cells: int = 5
  out_filters: int = 20
  out_filters_scale: int = 1
  ops: tuple[str, ...] = (
    "sep_conv_3x3",
    "sep_conv_5x5",
    "avg_pool_3x3",
    "max_pool_3x3",
    "identity",
  )
  use_aux_heads: bool = True
  keep_prob: float = 0.9
  drop_path_keep_prob: float = 1.0
  cutout_size: int | None = None
  batch_size: int = 160
  num_epochs: int = 150
  l2_reg: float = 1e-4
  lr_cosine: bool = True
  lr_max: float = 0.05
  lr_min: float = 0.0005
  lr_T_0: int = 10  # noqa: N815 The original's name.
  lr_T_mul: int = 2  # noqa: N815
  lr: float = 0.1
  lr_dec_every: int = 100
  lr_dec_rate: float = 0.1
  clip_mode: str = "none"
  grad_bound: float = 5.0
  faithful: bool = False
  as_searched: bool = False
  init: str = "random"
  unused: ClassVar[tuple[str, ...]] = ("out_filters_scale",)
  fixed_by_arc: ClassVar[tuple[str, ...]] = ()
  # What may change when a training goes on.
  changeable: ClassVar[tuple[str, ...]] = (
    "num_epochs",
    "l2_reg",
    "lr_cosine",
    "lr_max",
    "lr_min",
    "lr_T_0",
    "lr_T_mul",
    "lr",
    "lr_dec_every",
    "lr_dec_rate",
    "clip_mode",
    "grad_bound",
  )
  reads_text: ClassVar[bool] = False
  unused_data: ClassVar[tuple[str, ...]] = ("vocab_size",)

  def __post_init__(self):
    _require_bounded(self, "child_", _MOST_OF_CHILD)
    for name in (
      "num_layers",
      "num_cells",
      "batch_size",
      "num_epochs",
      "out_filters_scale",
      "lr_T_0",
      "lr_T_mul",
      "lr_dec_every",
    ):
      flag = name if name in UNPREFIXED else f"child_{name}"
      value = getattr(self, name)
      _require(value >= 1, f"`{flag}` must be at least 1.", **{flag: value})
    _require(
      self.out_filters >= 2 and self.out_filters % 2 == 0,
      "`child_out_filters` must be even and at least 2 (a factorized "
      "reduction makes each half of its channels on a path of its own).",
      child_out_filters=self.out_filters,
    )
    for name in ("keep_prob", "drop_path_keep_prob"):
      value = getattr(self, name)
      _require(
        0 < value <= 1,
        f"`child_{name}` must be in (0, 1].",
        **{f"child_{name}": value},
      )
    _require(
      self.cutout_size is None or self.cutout_size >= 1,
      "`child_cutout_size` must be at least 1 pixel.",
      child_cutout_size=self.cutout_size,
    )
    for name in ("l2_reg", "lr_min"):
      value = getattr(self, name)
      _require(
        value >= 0,
        f"`child_{name}` must not be negative.",
        **{f"child_{name}": value},
      )
    for name in ("lr_max", "lr", "lr_dec_rate", "grad_bound"):
      value = getattr(self, name)
      _require(
        value > 0,
        f"`child_{name}` must be greater than 0.",
        **{f"child_{name}": value},
      )
    _require(
      not self.lr_cosine or self.lr_min <= self.lr_max,
      "`child_lr_min` must not be above `child_lr_max`.",
      child_lr_min=self.lr_min,
      child_lr_max=self.lr_max,
    )
    _require_choice(self.clip_mode, CLIP_MODES, "child_clip_mode")
    _require_choice(self.init, CHILD_INITS, "child_init")


@dataclasses.dataclass(frozen=True)
class MicroFinalConfig(ChildConfig):
  """The original's recipe of the final micro child (cifar10_micro_final.sh)."""

  num_layers: int = 15
  out_filters: int = 36
  keep_prob: float = 0.8
  drop_path_keep_prob: float = 0.6
  batch_size: int = 144
  num_epochs: int = 630
  l2_reg: float = 2e-4
  lr_min: float = 0.0001


@dataclasses.dataclass(frozen=True)
class MacroSearchConfig(ChildConfig):
  """The original's macro search recipe (scripts/cifar10_macro_search.sh)."""

  num_layers: int = 12
  out_filters: int = 36
  ops: tuple[str, ...] = (
    "conv_3x3",
    "sep_conv_3x3",
    "conv_5x5",
    "sep_conv_5x5",
    "avg_pool_3x3",
    "max_pool_3x3",
  )
  use_aux_heads: bool = False
  batch_size: int = 128
  num_epochs: int = 310
  l2_reg: float = 2.5e-4
  unused: ClassVar[tuple[str, ...]] = (
    "num_cells",
    "use_aux_heads",
    "drop_path_keep_prob",
  )


@dataclasses.dataclass(frozen=True)
class MacroFinalConfig(MacroSearchConfig):
  """The original's recipe of the final macro child (cifar10_macro_final.sh)."""

  num_layers: int = 24
  out_filters: int = 96
  keep_prob: float = 0.5
  batch_size: int = 100
  l2_reg: float = 2e-4
  lr_min: float = 0.001
  fixed_by_arc: ClassVar[tuple[str, ...]] = ("num_layers",)


@dataclasses.dataclass(frozen=True)
class RnnSearchConfig(ChildConfig):
  """enas_lm's recipe of the search for a recurrent cell.

  The dropout rates are 1 minus what is kept.

  Attributes:
    num_nodes: nodes of the cell behind the first, at least 1.
    functions: the words of the activation functions, in the order of their
      integers.
    hidden_size: units of the state and of an embedded word.
    output: what the new state is the mean of: "all" nodes but the first, or
      the "loose" ends.
    bptt_steps: steps that are unrolled for one gradient.
    random_bptt: whether that many are only usual: the number is drawn anew for
      each gradient, and the learning rate is scaled with it.
    average_after: the weights are averaged from the epoch on whose validation
      perplexity is above the best of all but the last so many epochs; 0 for
      never (final child only).
    drop_e: dropout of whole words of the embedding.
    drop_i: dropout of embedded inputs, the same at all steps.
    drop_x: dropout of the input of the cell, the same at all steps.
    drop_l: dropout of the state of every node, the same at all steps.
    drop_o: dropout before the softmax, the same at all steps.
    alpha: weight of the mean squared state in the loss.
    beta: weight of the mean squared change of the state in the loss.
  """

  num_nodes: int = 9
  functions: tuple[str, ...] = ("tanh", "relu", "sigmoid", "identity")
  hidden_size: int = 200
  output: str = "all"
  bptt_steps: int = 35
  random_bptt: bool = True
  average_after: int = 0
  drop_e: float = 0.1
  drop_i: float = 0.2
  drop_x: float = 0.75
  drop_l: float = 0.25
  drop_o: float = 0.75
  alpha: float = 0.0
  beta: float = 1.0
  batch_size: int = 128
  num_epochs: int = 600
  l2_reg: float = 8e-7
  lr_cosine: bool = False
  lr: float = 20.0
  lr_min: float = 0.0
  lr_dec_rate: float = 1.0
  clip_mode: str = "global"
  grad_bound: float = 0.1
  unused: ClassVar[tuple[str, ...]] = (
    "num_layers",
    "num_cells",
    "ops",
    "lr_cosine",
    "clip_mode",
    "init",
    "out_filters",
    "out_filters_scale",
    "use_aux_heads",
    "keep_prob",
    "drop_path_keep_prob",
    "cutout_size",
    "as_searched",
  )
  reads_text: ClassVar[bool] = True
  unused_data: ClassVar[tuple[str, ...]] = (
    "image_size",
    "valid_fraction",
    "augment",
    "eval_batch_size",
  )

  def __post_init__(self):
    super().__post_init__()
    for name in ("num_nodes", "hidden_size", "bptt_steps"):
      value = getattr(self, name)
      _require(
        value >= 1,
        f"`child_{name}` must be at least 1.",
        **{f"child_{name}": value},
      )
    for name in ("drop_e", "drop_i", "drop_x", "drop_l", "drop_o"):
      value = getattr(self, name)
      _require(
        0 <= value < 1,
        f"`child_{name}` must be in [0, 1).",
        **{f"child_{name}": value},
      )
    for name in ("alpha", "beta", "average_after"):
      value = getattr(self, name)
      _require(
        value >= 0,
        f"`child_{name}` must not be negative.",
        **{f"child_{name}": value},
      )
    _require_choice(self.output, OUTPUTS, "child_output")


@dataclasses.dataclass(frozen=True)
class RnnFinalConfig(RnnSearchConfig):
  """enas_lm's recipe of the final language model."""

  num_nodes: int = 8
  hidden_size: int = 800
  output: str = "loose"
  drop_e: float = 0.125
  drop_i: float = 0.175
  drop_x: float = 0.725
  drop_l: float = 0.225
  alpha: float = 0.7
  beta: float = 0.0
  batch_size: int = 64
  num_epochs: int = 3000
  grad_bound: float = 0.25
  average_after: int = 10


@dataclasses.dataclass(frozen=True)
class ControllerConfig:
  """The policy that proposes arcs, and how it learns.

  The defaults are the original's of the micro search.

  Attributes:
    kind: "reinforce", the paper's, or "random", the baseline.
    training: whether it learns at all; if not, arcs are sampled as it starts.
    lstm_size: units of the LSTM.
    num_layers: layers of the LSTM.
    lr: learning rate of Adam.
    adam_beta_1: decay of Adam's mean of gradients.
    adam_epsilon: what Adam adds to the root of the mean of squares.
    tanh_constant: bound of the logits, or None for none.
    op_tanh_reduce: how many times smaller the bound of the op logits is.
    temperature: what the logits are divided by, or None.
    entropy_weight: weight of the entropy, in nats, in the reward.
    bl_dec: decay of the baseline, the moving average of the rewards.
    search_whole_channels: whether a layer of the macro space is one operation;
      if not, it joins a range of channels of every operation.
    reward: "ppl", a constant over the perplexity of a validation window, or
      "ppl_squared", over its square.
    reward_constant: what is divided by the perplexity.
    skip_target: share of the skip connections that the penalty aims at.
    skip_weight: weight of the penalty on other shares, 0 for none.
    num_aggregate: arcs that one update averages over.
    train_steps: updates in a controller phase.
    train_every: epochs from one controller phase to the next.
  """

  kind: str = "reinforce"
  training: bool = True
  lstm_size: int = 64
  num_layers: int = 1
  lr: float = 0.0035
  adam_beta_1: float = 0.0
  adam_epsilon: float = 1e-3
  tanh_constant: float | None = 1.10
  op_tanh_reduce: float = 2.5
  temperature: float | None = None
  entropy_weight: float = 0.0001
  bl_dec: float = 0.99
  search_whole_channels: bool = True
  reward: str = "ppl"
  reward_constant: float = 80.0
  skip_target: float = 0.4
  skip_weight: float = 0.0
  num_aggregate: int = 10
  train_steps: int = 30
  train_every: int = 1
  unused: ClassVar[tuple[str, ...]] = (
    "search_whole_channels",
    "reward",
    "reward_constant",
    "skip_target",
    "skip_weight",
  )
  # What may change when a search goes on.
  changeable: ClassVar[tuple[str, ...]] = (
    "training",
    "lr",
    "entropy_weight",
    "bl_dec",
    "skip_weight",
    "train_steps",
    "train_every",
  )

  def __post_init__(self):
    _require_bounded(self, "controller_", _MOST_OF_CONTROLLER)
    _require_choice(self.kind, CONTROLLERS, "controller_kind")
    _require_choice(self.reward, REWARDS, "controller_reward")
    _require(
      self.reward_constant > 0,
      "`controller_reward_constant` must be greater than 0.",
      controller_reward_constant=self.reward_constant,
    )
    for name in (
      "lstm_size",
      "num_layers",
      "num_aggregate",
      "train_steps",
      "train_every",
    ):
      value = getattr(self, name)
      _require(
        value >= 1,
        f"`controller_{name}` must be at least 1.",
        **{f"controller_{name}": value},
      )
    _require(
      0 <= self.adam_beta_1 < 1,
      "`controller_adam_beta_1` must be in [0, 1).",
      controller_adam_beta_1=self.adam_beta_1,
    )
    for name in (
      "lr",
      "adam_epsilon",
      "op_tanh_reduce",
      "tanh_constant",
      "temperature",
    ):
      value = getattr(self, name)
      _require(
        value is None or value > 0,
        f"`controller_{name}` must be greater than 0.",
        **{f"controller_{name}": value},
      )
    _require(
      self.entropy_weight >= 0,
      "`controller_entropy_weight` must not be negative.",
      controller_entropy_weight=self.entropy_weight,
    )
    _require(
      0 <= self.bl_dec < 1,
      "`controller_bl_dec` must be in [0, 1).",
      controller_bl_dec=self.bl_dec,
    )
    _require(
      0 < self.skip_target < 1,
      "`controller_skip_target` must be between 0 and 1.",
      controller_skip_target=self.skip_target,
    )
    _require(
      self.skip_weight >= 0,
      "`controller_skip_weight` must not be negative.",
      controller_skip_weight=self.skip_weight,
    )


@dataclasses.dataclass(frozen=True)
class MacroControllerConfig(ControllerConfig):
  """The original's of the macro search."""

  lr: float = 0.001
  tanh_constant: float | None = 1.5
  num_aggregate: int = 20
  train_steps: int = 50
  skip_weight: float = 0.8
  unused: ClassVar[tuple[str, ...]] = (
    "op_tanh_reduce",
    "reward",
    "reward_constant",
  )


@dataclasses.dataclass(frozen=True)
class RnnControllerConfig(ControllerConfig):
  """enas_lm's."""

  lr: float = 5e-5
  # With its small weights, a large epsilon would stop all learning.
  adam_beta_1: float = 0.9
  adam_epsilon: float = 1e-8
  tanh_constant: float | None = 2.25
  temperature: float | None = 5.0
  entropy_weight: float = 1e-5
  bl_dec: float = 0.999
  train_steps: int = 25
  unused: ClassVar[tuple[str, ...]] = (
    "op_tanh_reduce",
    "search_whole_channels",
    "skip_target",
    "skip_weight",
  )


@dataclasses.dataclass(frozen=True)
class RunConfig:
  """What is done, where it goes and how it can be repeated.

  Attributes:
    mode: the verb, one of MODES.
    search_for: the search space.
    output_dir: the run's folder; by default one for each space and data set,
      such as outputs/micro_cifar10.
    reset_output_dir: delete the run that stands in `output_dir` first.
    import_checkpoint: the checkpoint of a final child of the original, or of
      enas_lm, that `--mode=import` takes in: "outputs/model.ckpt-310".
    seed: what all random numbers come from.
    deterministic: the same bits at every run (slower).
    save_minutes: minutes from one checkpoint within an epoch to the next.
    max_checkpoints_to_keep: checkpoints that are kept of a search and of a
      training: the newest two, and older ones at growing distances.
    resume_from: the step of the checkpoint to go on from, of those of the
      search that are kept or, with `--mode=train`, of the training; the newest
      by default. What came after it is lost.
    log_every: child steps from one line of metrics to the next.
    derive_samples: arcs that deriving samples and ranks on one batch.
    derive_top: how many of these are ranked on the whole validation split.
    debug: print the traceback of an error that was not foreseen.
  """

  mode: str = "search"
  search_for: str = "micro"
  output_dir: str = "outputs/micro_cifar10"
  reset_output_dir: bool = False
  import_checkpoint: str | None = None
  seed: int = 0
  deterministic: bool = False
  save_minutes: float = 5.0
  max_checkpoints_to_keep: int = 4
  resume_from: int | None = None
  log_every: int = 50
  derive_samples: int = 100
  derive_top: int = 10
  debug: bool = False

  def __post_init__(self):
    _require_bounded(
      self, "", {"derive_samples": 1_000_000, "max_checkpoints_to_keep": 10_000}
    )
    _require(
      self.max_checkpoints_to_keep >= 2,
      "`max_checkpoints_to_keep` must be at least 2: one may be damaged.",
      max_checkpoints_to_keep=self.max_checkpoints_to_keep,
    )
    _require(
      self.resume_from is None or self.resume_from >= 0,
      "`resume_from` is the step of a checkpoint.",
      resume_from=self.resume_from,
    )
    _require_choice(self.mode, MODES, "mode")
    _require(
      not self.reset_output_dir or self.mode in STARTING,
      "`reset_output_dir` begins a new run, and this mode needs one that is "
      "there: take it away.",
      mode=self.mode,
    )
    _require(
      self.resume_from is None or self.mode in ("search", "train", "all"),
      "`resume_from` is for what goes on with a search or a training: take it "
      "away.",
      mode=self.mode,
      resume_from=self.resume_from,
    )
    _require_choice(self.search_for, SEARCH_SPACES, "search_for")
    for name in ("log_every", "derive_samples", "derive_top"):
      value = getattr(self, name)
      _require(value >= 1, f"`{name}` must be at least 1.", **{name: value})
    _require(
      self.derive_top <= self.derive_samples,
      "`derive_top` must not be above `derive_samples`.",
      derive_top=self.derive_top,
      derive_samples=self.derive_samples,
    )
    _require(
      0 <= self.seed < 2**31,
      "`seed` must be in [0, 2147483648).",
      seed=self.seed,
    )
    _require(
      self.save_minutes >= 0,
      "`save_minutes` must not be negative.",
      save_minutes=self.save_minutes,
    )
    _require(
      self.mode != "import" or bool(self.import_checkpoint),
      "`mode=import` takes in a checkpoint of the original: add "
      "`import_checkpoint=PREFIX`, as outputs/model.ckpt-310.",
      import_checkpoint=self.import_checkpoint,
    )
    _require(
      bool(self.output_dir),
      "`output_dir` must name a folder.",
      output_dir=repr(self.output_dir),
    )


@dataclasses.dataclass(frozen=True)
class ExperimentConfig:
  """Everything a verb is handed.

  Attributes:
    run: what is done and where it goes.
    data: the images.
    search: the supernet and its training.
    final: the final child and its training.
    controller: the policy and its training.
    fixed_arc: the arc to train, evaluate or export, as text; None takes the
      one that the search in `run.output_dir` found.
  """

  run: RunConfig = RunConfig()
  data: DataConfig = DataConfig()
  search: ChildConfig = ChildConfig()
  final: ChildConfig = MicroFinalConfig()
  controller: ControllerConfig = ControllerConfig()
  fixed_arc: str | None = None

  def __post_init__(self):
    is_text = self.data.data in TEXT_NAMES
    _require(
      is_text == self.search.reads_text,
      "`search_for=rnn` takes a text (`data=ptb`, text or pydoc), the others "
      "take images.",
      search_for=self.run.search_for,
      data=self.data.data,
    )
    _require(
      self.run.mode != "import" or self.fixed_arc is not None,
      "`mode=import` needs the arc of the checkpoint, which its weights do not "
      "tell: add `child_fixed_arc`.",
      child_fixed_arc=self.fixed_arc,
    )


# What each word of `search_for` begins with.
RECIPES = {
  "micro": ExperimentConfig(),
  "macro": ExperimentConfig(
    run=RunConfig(search_for="macro"),
    search=MacroSearchConfig(),
    final=MacroFinalConfig(),
    controller=MacroControllerConfig(),
  ),
  "rnn": ExperimentConfig(
    run=RunConfig(search_for="rnn"),
    data=DataConfig(data="pydoc"),
    search=RnnSearchConfig(),
    final=RnnFinalConfig(),
    controller=RnnControllerConfig(),
  ),
}


def from_dict(value: dict) -> ExperimentConfig:
  """Returns the configuration that `dataclasses.asdict` wrote to JSON.

  Raises:
    TypeError: if a setting is of another type than it should be.
  """
  recipe = RECIPES[value["run"]["search_for"]]
  sections = {}
  for field in dataclasses.fields(ExperimentConfig):
    section = value[field.name]
    if isinstance(section, dict):
      kind = type(getattr(recipe, field.name))
      given = {
        name: tuple(each) if isinstance(each, list) else each
        for name, each in section.items()
      }
      _check_types(kind, given)
      section = kind(**given)
    sections[field.name] = section
  _check_types(ExperimentConfig, sections)
  return ExperimentConfig(**sections)


def _check_types(kind: type, values: dict) -> None:
  """Raises TypeError if a value is not of its field's type."""
  for field in dataclasses.fields(kind):
    if field.name in values and not _is_of(values[field.name], field.type):
      raise TypeError(f"{field.name}={values[field.name]!r}, not {field.type}")


def _is_of(value: object, kind: type) -> bool:
  if isinstance(kind, types.UnionType):
    return any(_is_of(value, each) for each in typing.get_args(kind))
  if typing.get_origin(kind) is tuple:
    return isinstance(value, tuple) and all(isinstance(x, str) for x in value)
  if isinstance(value, bool):
    return kind is bool
  return isinstance(value, (int, float) if kind is float else kind)
