"""The networks of a space that a user declares."""

from typing import Any, NoReturn

import keras

from enas_tf import errors, seeds
from enas_tf.layers import initial
from enas_tf.networks import counting
from enas_tf.recipes import base, images
from enas_tf.recipes.declared import settings
from enas_tf.spaces import declared


class Declared(images.ImageParts[declared.DeclaredArc]):
  """The parts of a declared space; it has no supernet.

  Args:
    experiment: see `base.Parts`.
    task: likewise.
    space: that was declared.
    build: from the choices of an arc to a model of logits.
  """

  def __init__(
    self,
    experiment: base.Experiment,
    task: Any,
    space: declared.DeclaredSpace,
    build: settings.Build,
  ) -> None:
    super().__init__(experiment, task)
    if experiment.evaluation.kind == "shared_weights":
      self.make_supernet(0)
    self.space = self.final_space = space
    self._build = build

  def make_supernet(self, seed: int) -> NoReturn:
    """Refuses: the function builds one network, not all of them.

    Args:
      seed: of its weights.

    Raises:
      ConfigError: in any case.
    """
    raise errors.ConfigError(
      "The networks of a declared space share no weights: leave `evaluator` "
      "out, or set `evaluator=from_scratch`. Received: evaluator="
      f"shared_weights, search_for={self.experiment.run.search_for}"
    )

  def make_child(
    self, arc: declared.DeclaredArc, seed: int, total_steps: int
  ) -> keras.Model:
    del total_steps
    with initial.seeded(seeds.derive(seed, "declared")):
      model = self._model(arc)
    pixels = keras.Input(self.task.image_shape, name="images")
    return keras.Model(pixels, {"logits": model(pixels)})

  def inference(self, child: keras.Model) -> keras.Model:
    return keras.Model(child.input, child.output["logits"])

  def count(self, arc: declared.DeclaredArc) -> counting.Counter:
    return counting.of(self._model(arc))

  def _model(self, arc: declared.DeclaredArc) -> keras.Model:
    """Returns what the user's function builds.

    Raises:
      ConfigError: if that is no model of logits.
    """
    shape, num_classes = self.task.image_shape, self.task.num_classes
    model = self._build(arc.choices, shape, num_classes)
    if not isinstance(model, keras.Model):
      raise errors.ConfigError(
        "The function of a declared space returns a keras.Model, from images "
        f"to logits: correct it. Received: {type(model).__name__} for "
        f"{arc.choices}"
      )
    found = getattr(model, "output_shape", None)
    if found != (None, num_classes):
      raise errors.ConfigError(
        "The model of a declared space has one output, logits [batch, "
        f"{num_classes}]: end it by Dense({num_classes}). Received: "
        f"output_shape={found} for {arc.choices}"
      )
    return model
