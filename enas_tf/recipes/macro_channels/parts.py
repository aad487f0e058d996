"""The macro space with channel ranges: its policy and networks."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from enas_tf.controllers import macro_channels_policy
from enas_tf.networks import macro_channels_child, macro_channels_supernet
from enas_tf.recipes import base
from enas_tf.recipes.macro import parts as macro
from enas_tf.spaces import macro_channels


class MacroChannels(macro.Macro):
  """Networks whose layers join a range of channels of every operation."""

  policy = macro_channels_policy.MacroChannelsPolicy

  def make_space(self, settings: Any) -> macro_channels.MacroChannelsSpace:
    # The ranges are those of the search, however large the child becomes.
    filters = self.experiment.search.out_filters
    return macro_channels.MacroChannelsSpace(
      settings.num_layers, filters, settings.ops
    )

  def make_supernet(self, seed: int) -> keras.Model:
    return macro_channels_supernet.MacroChannelsSupernet(
      self.space,
      image_shape=self.task.image_shape,
      num_classes=self.task.num_classes,
      keep_prob=self.experiment.search.keep_prob,
      seed=seed,
    )

  def make_child(
    self,
    arc: macro_channels.MacroChannelsArc,
    seed: int,
    total_steps: int,
  ) -> keras.Model:
    del total_steps
    return macro_channels_child.build(arc, **self.child_sizes(seed))

  def inherit(
    self, child: keras.Model, arc: Any, variables: Mapping[str, np.ndarray]
  ) -> int:
    # Its supernet has no bank of shared weights to choose from.
    return base.Parts.inherit(self, child, arc, variables)
