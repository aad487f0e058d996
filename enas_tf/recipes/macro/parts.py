"""The macro space: its policy and networks, by its settings."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from enas_tf.controllers import macro_policy
from enas_tf.controllers import policy as policies
from enas_tf.layers import operations
from enas_tf.networks import (
  counting,
  inherit,
  macro_child,
  macro_count,
  macro_supernet,
)
from enas_tf.recipes import base, images
from enas_tf.spaces import macro


class Macro(images.ImageParts[Any]):
  """Whole convolutional networks, layer by layer.

  An arc fixes the number of layers: the final child of an arc that was found
  has as many as the supernet, and grows by its channels alone.

  Args:
    experiment: see `base.Parts`.
    task: likewise.
  """

  policy: Any = macro_policy.MacroPolicy
  # The form with ranges of channels, a subclass, has another one.
  space: Any
  final_space: Any

  def __init__(self, experiment: base.Experiment, task: Any) -> None:
    super().__init__(experiment, task)
    self.space = self.make_space(experiment.search)
    self.final_space = self.make_space(experiment.final)

  def make_space(self, settings: Any) -> Any:
    """Returns the space of a network.

    Args:
      settings: of the network.
    """
    return macro.MacroSpace(settings.num_layers, settings.ops)

  def make_policy(
    self, settings: policies.PolicySettings, seed: int
  ) -> macro_policy.LayerPolicy:
    return self.policy(
      self.space,
      settings,
      skip_target=self.experiment.controller.skip_target,
      seed=seed,
    )

  def make_supernet(self, seed: int) -> keras.Model:
    child = self.experiment.search
    return macro_supernet.MacroSupernet(
      self.space,
      out_filters=child.out_filters,
      image_shape=self.task.image_shape,
      num_classes=self.task.num_classes,
      keep_prob=child.keep_prob,
      seed=seed,
    )

  def make_child(self, arc: Any, seed: int, total_steps: int) -> keras.Model:
    del total_steps  # Nothing in it follows the training.
    return macro_child.build(
      arc, faithful=self.experiment.final.faithful, **self.child_sizes(seed)
    )

  def child_sizes(self, seed: int) -> dict[str, Any]:
    """Returns the arguments of a final child, but for its arc.

    Args:
      seed: of its initial weights and dropouts.
    """
    child = self.experiment.final
    return {
      "out_filters": child.out_filters * child.out_filters_scale,
      "keep_prob": child.keep_prob,
      "as_searched": child.as_searched,
      "image_shape": self.task.image_shape,
      "num_classes": self.task.num_classes,
      "seed": seed,
    }

  def count(self, arc: Any) -> counting.Counter:
    sizes = self.child_sizes(seed=0)
    return macro_count.count(
      arc,
      faithful=self.experiment.final.faithful,
      **{k: v for k, v in sizes.items() if k not in ("keep_prob", "seed")},
    )

  def inference(self, child: keras.Model) -> keras.Model:
    return macro_child.inference(child)

  def inherit(
    self, child: keras.Model, arc: Any, variables: Mapping[str, np.ndarray]
  ) -> int:
    return inherit.from_supernet(child, arc, variables)

  def least_weights(self, settings: Any, is_shared: bool) -> int:
    filters = settings.out_filters
    if not is_shared:  # Each layer has a 1 x 1 convolution.
      filters *= settings.out_filters_scale
      return settings.num_layers * filters**2
    names = (f"macro/{each}" for each in settings.ops)
    rows = sum(operations.get(each).num_rows(filters) for each in names)
    return settings.num_layers * rows * filters
