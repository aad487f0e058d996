"""What the parts of all spaces of networks for images share."""

from enas_tf.networks import counts
from enas_tf.recipes import base
from enas_tf.spaces import base as spaces


class ImageParts(base.Parts):
  """The parts of a space of networks that classify images."""

  def child_size(self, arc: spaces.Arc) -> base.Size:
    child = self.inference(self.make_child(arc, seed=0, total_steps=1))
    return base.Size(counts.parameters(child), counts.multiply_adds(child))
