"""The micro space: its policy and networks, by its settings."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from enas_tf.controllers import micro_policy
from enas_tf.controllers import policy as policies
from enas_tf.layers import operations
from enas_tf.networks import (
  counting,
  inherit,
  micro_child,
  micro_count,
  micro_skeleton,
  micro_supernet,
)
from enas_tf.recipes import base, images
from enas_tf.spaces import micro


class Micro(images.ImageParts[micro.MicroArc]):
  """Normal and reduction cells of convolutional networks.

  Args:
    experiment: see `base.Parts`.
    task: likewise.
  """

  space: micro.MicroSpace

  def __init__(self, experiment: base.Experiment, task: Any) -> None:
    super().__init__(experiment, task)
    search, final = experiment.search, experiment.final
    self.space = micro.MicroSpace(search.num_cells, search.ops)
    self.final_space = micro.MicroSpace(final.num_cells, final.ops)

  def make_policy(
    self, settings: policies.PolicySettings, seed: int
  ) -> micro_policy.MicroPolicy:
    return micro_policy.MicroPolicy(
      self.space,
      settings,
      op_tanh_reduce=self.experiment.controller.op_tanh_reduce,
      seed=seed,
    )

  def make_supernet(self, seed: int) -> micro_supernet.MicroSupernet:
    child = self.experiment.search
    return micro_supernet.MicroSupernet(
      self.space,
      num_layers=child.num_layers,
      out_filters=child.out_filters,
      image_shape=self.task.image_shape,
      num_classes=self.task.num_classes,
      use_aux_heads=child.use_aux_heads,
      keep_prob=child.keep_prob,
      seed=seed,
      faithful=child.faithful,
    )

  def make_child(
    self, arc: micro.MicroArc, seed: int, total_steps: int
  ) -> keras.Model:
    child = self.experiment.final
    return micro_child.build(
      arc,
      num_layers=child.num_layers,
      out_filters=child.out_filters,
      use_aux_heads=child.use_aux_heads,
      keep_prob=child.keep_prob,
      drop_path_keep_prob=child.drop_path_keep_prob,
      faithful=child.faithful,
      as_searched=child.as_searched,
      image_shape=self.task.image_shape,
      num_classes=self.task.num_classes,
      total_steps=total_steps,
      seed=seed,
    )

  def count(self, arc: micro.MicroArc) -> counting.Counter:
    child = self.experiment.final
    return micro_count.count(
      arc,
      num_layers=child.num_layers,
      out_filters=child.out_filters,
      faithful=child.faithful,
      as_searched=child.as_searched,
      image_shape=self.task.image_shape,
      num_classes=self.task.num_classes,
    )

  def inference(self, child: keras.Model) -> keras.Model:
    return micro_child.inference(child)

  def inherit(
    self,
    child: keras.Model,
    arc: micro.MicroArc,
    variables: Mapping[str, np.ndarray],
  ) -> int:
    return inherit.from_supernet(child, arc, variables)

  def least_weights(self, settings: Any, is_shared: bool) -> int:
    total, nodes = 0, settings.num_cells
    for cell in micro_skeleton.cells(settings.num_layers, settings.out_filters):
      total += 2 * cell.filters**2  # The 1 x 1 convolutions of the inputs.
      if is_shared:  # Node k reads any of k + 2 nodes, twice.
        rows = sum(
          operations.get(each).num_rows(cell.filters) for each in settings.ops
        )
        total += nodes * (nodes + 3) * rows * cell.filters
    return total
