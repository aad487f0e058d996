"""What the parts of all spaces of networks for images share."""

from typing import Any

import keras

from enas_tf.networks import counting
from enas_tf.recipes import base
from enas_tf.tasks import images
from enas_tf.training import keras_optimizers, optimizers


class ImageParts(base.Parts[base.AnyArc]):
  """The parts of a space of networks that classify images."""

  task: images.ImageClassification

  def make_optimizer(
    self, network: keras.Model, settings: Any, schedule: Any
  ) -> optimizers.SupernetMomentum | keras_optimizers.Descent:
    if getattr(settings, "optimizer", "momentum") != "momentum":
      return keras_optimizers.Descent(network, settings, schedule)
    return optimizers.for_supernet(
      network,
      schedule,
      l2_reg=settings.l2_reg,
      clip_mode=settings.clip_mode,
      grad_bound=settings.grad_bound,
    )

  def child_size(self, arc: base.AnyArc) -> base.Size:
    found = self.count(arc)
    return base.Size(found.parameters, found.multiply_adds)

  def count(self, arc: base.AnyArc) -> counting.Counter:
    """Returns the count of the final child of an arc.

    A subclass may know it without the child.

    Args:
      arc: of `final_space`.
    """
    child = self.inference(self.make_child(arc, seed=0, total_steps=1))
    return counting.of(child)
