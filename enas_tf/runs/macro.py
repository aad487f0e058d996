"""The macro space: how its parts are put together."""

import dataclasses

from enas_tf.controllers import macro_policy
from enas_tf.layers import operations
from enas_tf.networks import inherit, macro_child, macro_supernet
from enas_tf.runs import images
from enas_tf.spaces import macro


class MacroFamily(images.ImageFamily):
  """Whole convolutional networks, layer by layer.

  An arc fixes the number of layers: the final child of an arc that was found
  here has as many as the supernet, and grows by `--child_out_filters` alone.
  """

  policy = macro_policy.MacroPolicy

  def __init__(self, experiment):
    if experiment.fixed_arc is None:
      final = dataclasses.replace(
        experiment.final, num_layers=experiment.search.num_layers
      )
      experiment = dataclasses.replace(experiment, final=final)
    super().__init__(experiment)

  def make_space(self, child):
    return macro.MacroSpace(child.num_layers, child.ops)

  def least_weights(self, child, is_shared):
    filters = child.out_filters * child.out_filters_scale
    if not is_shared:  # Each layer has a 1 x 1 convolution.
      return child.num_layers * filters**2
    words = (f"macro/{word}" for word in child.ops)
    rows = sum(operations.get(word).num_rows(filters) for word in words)
    return child.num_layers * rows * filters

  def make_policy(self):
    controller = self.experiment.controller
    return self.policy(
      self.space,
      lstm_size=controller.lstm_size,
      num_layers=controller.num_layers,
      tanh_constant=controller.tanh_constant,
      temperature=controller.temperature,
      skip_target=controller.skip_target,
      faithful=self.experiment.search.faithful,
      seed=self.seed("policy"),
    )

  def make_supernet(self, dataset):
    child = self.experiment.search
    return macro_supernet.MacroSupernet(
      self.space,
      out_filters=child.out_filters,
      image_shape=dataset.image_shape,
      num_classes=dataset.num_classes,
      keep_prob=child.keep_prob,
      seed=self.seed("supernet"),
    )

  def make_child(self, arc, dataset, total_steps):
    del total_steps  # Nothing in it follows the training.
    child = self.experiment.final
    return macro_child.build(
      arc, faithful=child.faithful, **self._child_settings(child, dataset)
    )

  def _child_settings(self, child, dataset):
    return dict(
      out_filters=child.out_filters * child.out_filters_scale,
      keep_prob=child.keep_prob,
      as_searched=child.as_searched,
      image_shape=dataset.image_shape,
      num_classes=dataset.num_classes,
      seed=self.seed("final child"),
    )

  def inherit(self, model, arc, supernet_variables):
    return inherit.from_supernet(model, arc, supernet_variables)

  inference = staticmethod(macro_child.inference)
