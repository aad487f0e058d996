"""Groups of settings of a network's training."""

import dataclasses
from typing import ClassVar

from enas_tf.settings import fields

CLIP_MODES = ("none", "norm", "global")
OPTIMIZERS = ("momentum", "sgd", "adam", "adamw", "rmsprop")


@dataclasses.dataclass(frozen=True)
class Training(fields.Settings):
  """The steps of a training."""

  batch_size: int = fields.setting(
    160,
    "examples in a batch of the training",
    at_least=1,
    matters=True,
    searchable=True,
  )
  num_epochs: int = fields.setting(
    150,
    "passes over the training data",
    at_least=1,
    changeable=True,
    matters=True,
  )
  l2_reg: float = fields.setting(
    1e-4,
    "weight of the sum of the squared weights in the loss",
    at_least=0,
    changeable=True,
    searchable=True,
  )
  grad_bound: float = fields.setting(
    5.0,
    "the norm that clipping allows",
    above=0,
    changeable=True,
    searchable=True,
    searchable_with={"clip_mode": CLIP_MODES[1:]},
  )
  unprefixed: ClassVar[tuple[str, ...]] = (
    "batch_size",
    "num_epochs",
    "faithful",
  )


@dataclasses.dataclass(frozen=True)
class Decay(fields.Settings):
  """Learning rate: exponential decay."""

  lr: float = fields.setting(
    0.1,
    "learning rate before the exponential decay",
    above=0,
    changeable=True,
    searchable=True,
    searchable_with={"lr_cosine": (False,)},
  )
  lr_min: float = fields.setting(
    0.0005,
    "learning rate just before a restart; also the floor of the decay",
    at_least=0,
    changeable=True,
    searchable=True,
  )
  lr_dec_every: int = fields.setting(
    100, "epochs from one decay to the next", at_least=1, changeable=True
  )
  lr_dec_rate: float = fields.setting(
    0.1,
    "factor of a decay",
    above=0,
    changeable=True,
    searchable=True,
    searchable_with={"lr_cosine": (False,)},
  )
  # What a network has whose settings lack the cosine.
  lr_cosine: ClassVar[bool] = False


@dataclasses.dataclass(frozen=True)
class Cosine(Decay):
  """Learning rate: cosine with restarts."""

  # A constant of the parent; here everybody has a value.
  lr_cosine: bool = fields.setting(  # type: ignore[misc]
    True,
    "cosine schedule with restarts; else exponential decay",
    changeable=True,
    searchable=True,
  )
  lr_max: float = fields.setting(
    0.05,
    "learning rate at a restart",
    above=0,
    changeable=True,
    searchable=True,
    searchable_with={"lr_cosine": (True,)},
  )
  lr_T_0: int = fields.setting(  # noqa: N815 The original's name.
    10, "epochs until the first restart", at_least=1, changeable=True
  )
  lr_T_mul: int = fields.setting(  # noqa: N815
    2,
    "how many times longer each period is than the one before",
    at_least=1,
    changeable=True,
  )

  def check(self) -> None:
    super().check()
    self.require(
      not self.lr_cosine or self.lr_min <= self.lr_max,
      "{lr_min} must not be above {lr_max}.",
      "lr_min",
      "lr_max",
    )


@dataclasses.dataclass(frozen=True)
class Clipping(fields.Settings):
  """Clipping of gradients."""

  clip_mode: str = fields.setting(
    "none",
    "none, norm (each gradient) or global (all together)",
    choices=CLIP_MODES,
    changeable=True,
    searchable=True,
  )


@dataclasses.dataclass(frozen=True)
class Images(Training, Cosine, Clipping):
  """Networks for images, and their training."""

  keep_prob: float = fields.setting(
    0.9,
    "fraction of the features that dropout keeps before the classifier",
    above=0,
    at_most=1,
    searchable=True,
  )
  cutout_size: int | None = fields.setting(
    None,
    "side of the square that cutout blanks; without it, or with 0, there is no "
    "cutout",
    at_least=0,
    unit="pixels",
    searchable=True,
  )
  faithful: bool = fields.setting(
    False, "bring back the defects of the original that its numbers need"
  )
  out_filters: int = fields.setting(
    20,
    "channels of the first layers, even; doubled at a reduction (not in the "
    "macro space's search)",
    at_least=2,
    at_most=16_384,
    matters=True,
    searchable=True,
  )

  def check(self) -> None:
    super().check()
    self.require(
      self.out_filters % 2 == 0,
      "{out_filters} must be even (a factorized reduction makes each half of "
      "its channels on a path of its own).",
      "out_filters",
    )


@dataclasses.dataclass(frozen=True)
class Start(fields.Settings):
  """What a final child begins with."""

  init: str = fields.setting(
    "random",
    "random, or supernet: start from the shared weights",
    choices=("random", "supernet"),
  )


@dataclasses.dataclass(frozen=True)
class ImageChild(Start):
  """What only a final child for images has."""

  optimizer: str = fields.setting(
    "momentum",
    "momentum, Nesterov's by the rule of TensorFlow 1 (the original's), or "
    "Keras's sgd, adam, adamw or rmsprop; the last three ask for lower "
    "learning rates",
    choices=OPTIMIZERS,
    searchable=True,
  )
  mixup: float = fields.setting(
    0.0,
    "alpha of mixup: each image of the training is blended with another by a "
    "weight of Beta(alpha, alpha), and so are their labels; 0 for none",
    at_least=0,
    at_most=1_000,
    searchable=True,
  )

  as_searched: bool = fields.setting(
    False,
    "build the final child exactly as the supernet computes it, instead of as "
    "the original's final network",
  )
