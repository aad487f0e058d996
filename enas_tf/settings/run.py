"""What is done, where it goes, and how it can be repeated."""

import dataclasses

from enas_tf import registry as registries
from enas_tf.settings import fields

MODES = (
  "search",
  "derive",
  "train",
  "import",
  "evaluate",
  "export",
  "baseline",
  "all",
)
STARTING = ("search", "train", "import", "all")  # Those that begin a run.
SPACES = registries.Registry("search space", "search_for")


@dataclasses.dataclass(frozen=True)
class RunSettings(fields.Settings):
  """What is done, where it goes, and how it can be repeated."""

  mode: str = fields.setting(
    "search", "what to do", choices=MODES, of_command=True, matters=True
  )
  search_for: str = fields.setting(
    "micro", "the search space", choices=SPACES, matters=True
  )
  search_settings: tuple[str, ...] = fields.setting(
    (),
    "settings of the final child that are searched together with its arc, each "
    "as NAME=a|b|c, NAME=low..high/step, NAME=low..high or "
    "NAME=log:low..high, such as final_lr_max=log:0.01..0.2; in quotes, for a "
    "shell takes | for itself",
  )
  search_values: int | None = fields.setting(
    None,
    "into how many values a range without steps is cut; by default 16, and "
    "1,000 for `controller=bayesian`",
    at_least=2,
    at_most=10_000,
    only_with={"search_settings": fields.GIVEN},
  )
  output_dir: str = fields.setting(
    "outputs/micro_cifar10",
    "the run's folder; by default one for each space and data set, such as "
    "outputs/micro_cifar10",
    of_command=True,
    matters=True,
  )
  reset_output_dir: bool = fields.setting(
    False,
    "delete the run that stands in `output_dir` first",
    of_command=True,
  )
  import_checkpoint: str | None = fields.setting(
    None,
    "the checkpoint of a final child of the original, or of enas_lm, that "
    '`mode=import` takes in, such as "outputs/model.ckpt-310"',
    of_command=True,
  )
  seed: int = fields.setting(
    0,
    "what all random numbers come from",
    at_least=0,
    below=2**31,
    matters=True,
  )
  deterministic: bool = fields.setting(
    False, "the same bits at every run (slower)"
  )
  save_minutes: float = fields.setting(
    5.0, "minutes from one checkpoint within an epoch to the next", at_least=0
  )
  max_checkpoints_to_keep: int = fields.setting(
    4,
    "checkpoints that are kept of a search and of a training: the newest two, "
    "and older ones at growing distances",
    at_least=2,
    at_most=10_000,
  )
  resume_from: int | None = fields.setting(
    None,
    "the step of the checkpoint to go on from, of those of the search that are "
    "kept or, with `mode=train`, of the training; the newest by default. What "
    "came after it is lost",
    at_least=0,
    of_command=True,
  )
  log_every: int = fields.setting(
    50, "child steps from one line of metrics to the next", at_least=1
  )
  derive_samples: int = fields.setting(
    100,
    "arcs that deriving samples and ranks on one batch",
    at_least=1,
    at_most=1_000_000,
  )
  derive_top: int = fields.setting(
    10,
    "how many of these are ranked on the whole validation split",
    at_least=1,
  )
  derive_train_epochs: int | None = fields.setting(
    None,
    "epochs for which deriving trains the best of these from scratch and ranks "
    "them anew: all for a quarter of the epochs, half of them for half, a "
    "quarter to the end; without it, it trains none",
    at_least=1,
    only_with={"evaluator": ("shared_weights", "from_scratch", "function")},
  )
  derive_train_seeds: int = fields.setting(
    2,
    "trainings of each arc that is trained to the end",
    at_least=1,
    only_with={"derive_train_epochs": fields.GIVEN},
  )
  baseline_arcs: int = fields.setting(
    8, "random arcs that `mode=baseline` compares the best arc with", at_least=1
  )
  baseline_seeds: int = fields.setting(
    5, "trainings of each arc of `mode=baseline`", at_least=1
  )
  baseline_epochs: int | None = fields.setting(
    None,
    "epochs of each training of `mode=baseline`; by default those of the final "
    "training",
    at_least=1,
  )
  debug: bool = fields.setting(
    False,
    "print the traceback of an error that was not foreseen",
    of_command=True,
  )

  def check(self) -> None:
    super().check()
    self.require(
      not self.reset_output_dir or self.mode in STARTING,
      "{reset_output_dir} begins a new run, and this mode needs one that is "
      "there: take it away.",
      "mode",
    )
    self.require(
      self.resume_from is None or self.mode in ("search", "train", "all"),
      "{resume_from} is for what goes on with a search or a training: take it "
      "away.",
      "mode",
      "resume_from",
    )
    self.require(
      self.derive_top <= self.derive_samples,
      "{derive_top} must not be above {derive_samples}.",
      "derive_top",
      "derive_samples",
    )
    self.require(
      self.mode != "import" or bool(self.import_checkpoint),
      "`mode=import` takes in a checkpoint of the original: add "
      "`import_checkpoint=PREFIX`, as outputs/model.ckpt-310.",
      "import_checkpoint",
    )
    self.require(
      bool(self.output_dir), "{output_dir} must name a folder.", "output_dir"
    )
