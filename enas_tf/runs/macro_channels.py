"""The macro space with channel ranges: how its parts are put together."""

from enas_tf import errors
from enas_tf.controllers import macro_channels_policy
from enas_tf.networks import macro_channels_child, macro_channels_supernet
from enas_tf.runs import macro
from enas_tf.spaces import macro_channels


class MacroChannelsFamily(macro.MacroFamily):
  """Networks whose layers join a range of channels of every operation."""

  policy = macro_channels_policy.MacroChannelsPolicy

  def make_space(self, child):
    # The ranges are those of the search, however large the child becomes.
    filters = self.experiment.search.out_filters
    return macro_channels.MacroChannelsSpace(
      child.num_layers, filters, child.ops
    )

  def make_supernet(self, dataset):
    child = self.experiment.search
    return macro_channels_supernet.MacroChannelsSupernet(
      self.space,
      image_shape=dataset.image_shape,
      num_classes=dataset.num_classes,
      keep_prob=child.keep_prob,
      seed=self.seed("supernet"),
    )

  def make_child(self, arc, dataset, total_steps):
    del total_steps  # Nothing in it follows the training.
    return macro_channels_child.build(
      arc, **self._child_settings(self.experiment.final, dataset)
    )

  def inherit(self, model, arc, supernet_variables):
    raise errors.ConfigError(
      "A child with channel ranges begins with random weights: leave "
      "`child_init` out. Received: child_init=supernet"
    )


def choose(experiment) -> macro.MacroFamily:
  """Returns the family that `controller_search_whole_channels` asks for."""
  is_whole = experiment.controller.search_whole_channels
  return (macro.MacroFamily if is_whole else MacroChannelsFamily)(experiment)
