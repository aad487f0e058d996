"""The micro space: how its parts are put together."""

from enas_tf.controllers import micro_policy
from enas_tf.layers import operations
from enas_tf.networks import (
  inherit,
  micro_child,
  micro_skeleton,
  micro_supernet,
)
from enas_tf.runs import images
from enas_tf.spaces import micro


class MicroFamily(images.ImageFamily):
  """Normal and reduction cells of convolutional networks."""

  def make_space(self, child):
    return micro.MicroSpace(child.num_cells, child.ops)

  def least_weights(self, child, is_shared):
    total, nodes = 0, child.num_cells
    for cell in micro_skeleton.cells(child.num_layers, child.out_filters):
      total += 2 * cell.filters**2  # The 1 x 1 convolutions of the inputs.
      if is_shared:  # Node k reads any of k + 2 nodes, twice.
        rows = sum(operations.get(x).num_rows(cell.filters) for x in child.ops)
        total += nodes * (nodes + 3) * rows * cell.filters
    return total

  def make_policy(self):
    controller = self.experiment.controller
    return micro_policy.MicroPolicy(
      self.space,
      lstm_size=controller.lstm_size,
      num_layers=controller.num_layers,
      tanh_constant=controller.tanh_constant,
      op_tanh_reduce=controller.op_tanh_reduce,
      temperature=controller.temperature,
      seed=self.seed("policy"),
    )

  def make_supernet(self, dataset):
    child = self.experiment.search
    return micro_supernet.MicroSupernet(
      self.space,
      num_layers=child.num_layers,
      out_filters=child.out_filters,
      image_shape=dataset.image_shape,
      num_classes=dataset.num_classes,
      use_aux_heads=child.use_aux_heads,
      keep_prob=child.keep_prob,
      seed=self.seed("supernet"),
      faithful=child.faithful,
    )

  def make_child(self, arc, dataset, total_steps):
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
      image_shape=dataset.image_shape,
      num_classes=dataset.num_classes,
      total_steps=total_steps,
      seed=self.seed("final child"),
    )

  def inherit(self, model, arc, supernet_variables):
    return inherit.from_supernet(model, arc, supernet_variables)

  inference = staticmethod(micro_child.inference)
