"""Ordinary Keras layers as stages of an operation."""

import inspect
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from enas_tf import errors, seeds
from enas_tf.layers import initial, stages

_SIZE = 8  # Height and width, in pixels, of an image that is tried.


class KerasStage(stages.Stage):
  """What a Keras layer computes, with its weights in a bank in a search.

  The weights begin as the layer's initializers say; each copy has a seed of its
  own, by its name (a seed that an initializer was given holds for all copies).
  What the layer does not train, as moving averages, keeps its first value in a
  search: normalization takes the statistics of the batch, as everywhere in a
  supernet, and dropout drops the same numbers at every step.

  Args:
    factory: a function or class that returns a new layer when it is called with
      `filters=`. If it has an argument `strides` or `stride` it is called with
      that where a final child downsamples; else an average pool does it
      before the layer.
  """

  def __init__(self, factory: Callable[..., keras.Layer]) -> None:
    self._factory = factory
    self._stride_name = _stride_name(factory)
    self.spatial = self._stride_name is not None
    # A layer for each number of filters, and what it does not train.
    self._layers: dict[int, keras.Layer] = {}
    self._states: dict[int, list[np.ndarray]] = {}

  def weights(self, filters: int) -> tuple[stages.Weight, ...]:
    """Returns the layer's trainable weights; see `Stage`."""
    variables = self._layer_of(filters).trainable_variables
    return tuple(
      stages.Weight(tuple(variable.shape), "zeros") for variable in variables
    )

  def forward(self, x: tf.Tensor, weights: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns what the layer computes in training; see `Stage`."""
    filters = x.shape[-1]
    layer = self._layer_of(filters)
    pairs = [
      *zip(layer.trainable_variables, weights, strict=True),
      *zip(layer.non_trainable_variables, self._states[filters], strict=True),
    ]
    with keras.StatelessScope(state_mapping=pairs):
      return layer(x, training=True)

  def initialize(
    self, copies: int, filters: int, own_seeds: Sequence[int]
  ) -> list[tf.Tensor]:
    """Returns initial rows, of a new layer for each copy; see `Stage`."""
    weights = self.weights(filters)
    if not weights:
      return []
    rows = []
    for copy in range(copies):
      seed = seeds.derive(own_seeds[0], f"copy_{copy}")
      variables = self._built(filters, seed).trainable_variables
      rows.append(
        [
          weight.pack(variable.value, filters)
          for weight, variable in zip(weights, variables, strict=True)
        ]
      )
    return [tf.stack(each) for each in zip(*rows, strict=True)]

  def layer(
    self, filters: int, stride: int, name: str, seed: int
  ) -> keras.Layer:
    """Returns a new layer of the factory's; see `Stage`."""
    name = f"{name}_layer"
    with initial.seeded(seeds.derive(seed, name)):
      layer = self._new(filters, stride)
    layer.name = name
    return layer

  def _layer_of(self, filters: int) -> keras.Layer:
    """Returns the layer whose weights `forward` puts others for."""
    if filters not in self._layers:
      with tf.init_scope():
        layer = self._built(filters, 0)
        self._check_shape(layer, filters)
        variables = layer.non_trainable_variables
        self._states[filters] = [np.array(each) for each in variables]
        self._layers[filters] = layer
    return self._layers[filters]

  def _built(self, filters: int, seed: int) -> keras.Layer:
    """Returns a new layer with weights."""
    with initial.seeded(seed):
      layer = self._new(filters)
      layer(keras.KerasTensor((None, None, None, filters)))
    return layer

  def _new(self, filters: int, stride: int = 1) -> keras.Layer:
    arguments = {"filters": filters}
    if stride != 1:
      assert self._stride_name is not None  # It is `spatial`.
      arguments[self._stride_name] = stride
    try:
      layer = self._factory(**arguments)
    except TypeError as error:
      raise errors.ConfigError(
        "An operation's function must return a Keras layer when it is called "
        "with `filters=`: let it take that argument. Received: "
        f"{_name(self._factory)} ({error})"
      ) from error
    if not isinstance(layer, keras.Layer):
      raise errors.ConfigError(
        "An operation's function must return a new Keras layer, or be a class "
        f"of them: correct it. Received: {_name(self._factory)}, which returns "
        f"{type(layer).__name__}"
      )
    return layer

  def _check_shape(self, layer: keras.Layer, filters: int) -> None:
    wanted = (1, _SIZE, _SIZE, filters)
    found = layer(keras.KerasTensor(wanted))
    if tuple(getattr(found, "shape", ())) != wanted:
      raise errors.ConfigError(
        "The layer of an operation must keep height and width, and make "
        '`filters` channels: give it padding="same" and filters=filters. '
        f"Received: {_name(self._factory)}, which makes {found} of {wanted}"
      )


def _stride_name(factory: Callable[..., keras.Layer]) -> str | None:
  """Returns what the factory calls its stride, if it takes one."""
  try:
    parameters = inspect.signature(factory).parameters
  except (TypeError, ValueError):  # Written in C.
    return None
  names = (name for name in ("strides", "stride") if name in parameters)
  return next(names, None)


def _name(factory: Callable[..., keras.Layer]) -> str:
  return f"operation={getattr(factory, '__name__', factory)}"
