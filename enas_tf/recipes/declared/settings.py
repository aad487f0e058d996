"""The recipe of a space that a user declares."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from enas_tf import errors
from enas_tf.recipes import base
from enas_tf.settings import controller, data, evaluation, fields, training
from enas_tf.spaces import declared

if TYPE_CHECKING:
  import keras

# build(choices, input_shape, num_classes) -> a model of logits.
Build = Callable[..., "keras.Model"]


@dataclasses.dataclass(frozen=True)
class Phases(fields.Settings):
  """How long a search is; an epoch has no steps on weights."""

  batch_size: int = fields.setting(
    64, "examples in a batch of the training", at_least=1, matters=True
  )
  num_epochs: int = fields.setting(
    4, "phases of the controller", at_least=1, changeable=True, matters=True
  )
  cutout_size: ClassVar[None] = None
  faithful: ClassVar[bool] = False
  prefix: ClassVar[str] = "child_"
  unprefixed: ClassVar[tuple[str, ...]] = ("batch_size", "num_epochs")


@dataclasses.dataclass(frozen=True)
class Child(training.Training, training.Cosine, training.Clipping):
  """The training of a final child."""

  cutout_size: int | None = fields.setting(
    None,
    "side of the square that cutout blanks; without it, there is no cutout",
    at_least=1,
    unit="pixels",
  )
  faithful: ClassVar[bool] = False
  init: ClassVar[str] = "random"
  prefix: ClassVar[str] = "final_"
  unprefixed: ClassVar[tuple[str, ...]] = ()


def register(
  name: str,
  decisions: Mapping[str, Sequence[declared.Option] | declared.Choice],
  build: Build,
) -> None:
  """Makes a search space of images known: decisions, and what they build.

  Its name becomes a word of `search_for`. Its children are trained from scratch
  (`evaluator=from_scratch`) or scored by a function; there are no shared
  weights. Where the program trains them in worker processes, each imports it:
  register at the top of a file, not within a function.

  >>> import keras
  >>> def build(arc, input_shape, num_classes):
  ...   return keras.Sequential([
  ...     keras.Input(input_shape),
  ...     keras.layers.Conv2D(arc["filters"], 3, activation=arc["activation"]),
  ...     keras.layers.GlobalAveragePooling2D(),
  ...     keras.layers.Dense(num_classes),
  ...   ])
  >>> register_space(
  ...   "nets", {"filters": [8, 16], "activation": ["relu", "gelu"]}, build)
  >>> search = enas_tf.Search("nets", data="digits", output_dir=folder)
  >>> search.settings["evaluator"]
  'from_scratch'
  >>> from enas_tf.recipes import base
  >>> base.forget("nets")

  Args:
    name: the word.
    decisions: a list of options, texts or numbers, for the name of each; or a
      `Choice`, which counts only with some options of earlier ones.
    build: build(arc, input_shape, num_classes) returns a new `keras.Model` from
      images, float32 [batch, height, width, channels], to logits [batch,
      num_classes]. `arc` is a dict of the chosen options that count.

  Raises:
    ConfigError: if the declaration makes no sense, or the name is taken.
  """
  if not callable(build):
    raise errors.ConfigError(
      "A space needs a function that builds a Keras model of an arc: give one. "
      f"Received: space={name}, build={build!r}"
    )
  space = declared.declare(name, decisions)

  def make_parts(experiment: base.Experiment, task: Any) -> base.Parts[Any]:
    from enas_tf.recipes.declared import parts  # It loads TensorFlow.

    return parts.Declared(experiment, task, space, build)

  base.register(_recipe(name, make_parts))


def _recipe(name: str, make_parts: base.PartsOf) -> base.Recipe:
  return base.Recipe(
    name=name,
    help="a declared space",
    data=data.ImageData(),
    search=Phases(),
    final=Child(batch_size=64, num_epochs=20),
    controller=controller.Learning(policy="generic", train_steps=4),
    evaluation=evaluation.Evaluation(kind="from_scratch"),
    parts=make_parts,
  )
