"""The RNN space: its policy and networks, by its settings."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from enas_tf.controllers import policy as policies
from enas_tf.controllers import rnn_policy
from enas_tf.networks import inherit, rnn_child, rnn_supernet
from enas_tf.recipes import base
from enas_tf.spaces import rnn
from enas_tf.tasks import language
from enas_tf.training import keras_optimizers, optimizers

_SIZES = (
  "hidden_size",
  "output",
  "drop_e",
  "drop_i",
  "drop_x",
  "drop_l",
  "drop_o",
)


class Rnn(base.Parts[rnn.RnnArc]):
  """Recurrent cells of language models.

  Args:
    experiment: see `base.Parts`.
    task: likewise.
  """

  task: language.LanguageModelling
  space: rnn.RnnSpace

  def __init__(self, experiment: base.Experiment, task: Any) -> None:
    super().__init__(experiment, task)
    search, final = experiment.search, experiment.final
    self.space = rnn.RnnSpace(search.num_nodes, search.functions)
    self.final_space = rnn.RnnSpace(final.num_nodes, final.functions)

  def _sizes(self, settings: Any) -> dict[str, Any]:
    """Returns the arguments of the networks that set their sizes."""
    sizes = {name: getattr(settings, name) for name in _SIZES}
    return sizes | {"vocab_size": self.task.vocab_size}

  def make_policy(
    self, settings: policies.PolicySettings, seed: int
  ) -> rnn_policy.RnnPolicy:
    return rnn_policy.RnnPolicy(self.space, settings, seed=seed)

  def make_supernet(self, seed: int) -> rnn_supernet.RnnSupernet:
    return rnn_supernet.RnnSupernet(
      self.space, seed=seed, **self._sizes(self.experiment.search)
    )

  def make_child(
    self, arc: rnn.RnnArc, seed: int, total_steps: int
  ) -> keras.Model:
    del total_steps  # Nothing in it follows the training.
    return rnn_child.build(arc, seed=seed, **self._sizes(self.experiment.final))

  def inherit(
    self,
    child: keras.Model,
    arc: rnn.RnnArc,
    variables: Mapping[str, np.ndarray],
  ) -> int:
    return inherit.from_supernet(child, arc, variables)

  def make_optimizer(
    self, network: keras.Model, settings: Any, schedule: Any
  ) -> optimizers.ClippedDescent | keras_optimizers.Descent:
    if getattr(settings, "optimizer", "sgd") != "sgd":
      return keras_optimizers.Descent(network, settings, schedule)
    return optimizers.ClippedDescent(
      [v.value for v in network.trainable_variables],
      schedule,
      l2_reg=settings.l2_reg,
      grad_bound=settings.grad_bound,
    )

  def child_size(self, arc: rnn.RnnArc) -> base.Size:
    units = self.experiment.final.hidden_size
    products = 2 * units * units * (2 + len(arc.nodes))
    # The embedding is the softmax too.
    total = products + self.task.vocab_size * units
    return base.Size(total, total)

  def least_weights(self, settings: Any, is_shared: bool) -> int:
    nodes = settings.num_nodes
    edges = nodes
    if is_shared:
      edges = len(settings.functions) * nodes * (nodes + 1) // 2
    units, words = settings.hidden_size, self.task.vocab_size
    return units * (words + 2 * units * (edges + 2))
