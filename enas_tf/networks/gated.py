"""Supernets whose choices can be weighed, so that a loss has their gradients.

A gate is a number that what a decision chose is multiplied by. At 1 it changes
nothing, and the gradient of the loss with respect to it tells whether more of
the choice, or less, would be better (Dong and Yang, 2019).
"""

from typing import Any

import keras

from enas_tf.spaces import base


class GatedModel(keras.Model):
  """A functional model whose input "gates" may be left out; it is then None."""

  def __call__(self, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
    return super().__call__({"gates": None} | inputs, *args, **kwargs)


def gates_input(space: base.Space) -> keras.KerasTensor:
  """Returns the input for the gates of an arc, float32 [num_decisions].

  Args:
    space: of the arcs.
  """
  return keras.Input(
    batch_shape=(space.num_decisions,), optional=True, name="gates"
  )
