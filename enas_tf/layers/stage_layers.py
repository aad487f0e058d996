"""A Keras layer for stages that have none of their own."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from enas_tf import errors, seeds
from enas_tf.layers import stages

# The operations of a user's own, by their names: what a saved layer names.
registered: dict[str, Any] = {}


@keras.saving.register_keras_serializable("enas_tf")
class StageLayer(keras.layers.Layer):
  """Runs a stage that has no Keras layer of its own, in a final child.

  It is loaded where the operation is registered.

  Args:
    operation: the name of the operation.
    stage: index of the stage in it.
    filters: channels of the input and of the output.
    seed: of the initial weights.
    **kwargs: of a Keras layer, such as `name`.
  """

  def __init__(
    self, operation: str, stage: int, filters: int, seed: int = 0, **kwargs: Any
  ) -> None:
    super().__init__(**kwargs)
    self._stage = _stage(operation, stage)
    self._config: dict[str, Any] = {
      "operation": operation,
      "stage": stage,
      "filters": filters,
      "seed": seed,
    }

  def build(self, input_shape: Sequence[int | None]) -> None:
    """Makes the weights; the arguments give their shapes.

    Args:
      input_shape: shape of the input, [batch, height, width, filters].
    """
    del input_shape
    filters, seed = self._config["filters"], self._config["seed"]
    for i, weight in enumerate(self._stage.weights(filters)):
      name = f"weight_{i}"
      rows = weight.initialize(1, filters, seeds.derive(seed, name))
      variable = self.add_weight(
        shape=weight.shape,
        initializer=lambda shape, dtype, w=weight, r=rows: w.unpack(r[0]),
        name=name,
      )
      setattr(self, name, variable)

  def call(self, x: tf.Tensor) -> tf.Tensor:
    """Returns what the stage computes of [batch, height, width, filters].

    Args:
      x: float32 [batch, height, width, filters].
    """
    number = len(self.trainable_variables)
    weights = [getattr(self, f"weight_{i}").value for i in range(number)]
    return self._stage.forward(x, weights)

  def compute_output_spec(self, x: keras.KerasTensor) -> keras.KerasTensor:
    """Returns the shape of the output, which is that of the input.

    Args:
      x: see `call`.
    """
    return keras.KerasTensor(x.shape, x.dtype)

  def get_config(self) -> dict[str, Any]:
    """Returns the arguments."""
    return super().get_config() | self._config


def _stage(operation: str, stage: int) -> stages.Stage:
  if operation not in registered:
    raise errors.ConfigError(
      "The network has an operation of a user's own: register it "
      "(`register_operation`) before the network is loaded. Received: "
      f"operation={operation}"
    )
  return registered[operation].stages[stage]
