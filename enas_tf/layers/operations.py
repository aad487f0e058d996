"""The catalogue of operations that an arc can name.

An operation is a sequence of stages (ReLU, convolution, normalization, pool).
It is written once and used twice: `layers()` gives the stages as ordinary
Keras layers for a final child; a supernet runs `run` on weights that it
gathered from its shared bank and, backward, first `input_gradient` and then
`weight_gradient`, so that the gradient of the input can leave before those of
the weights are done (see mixed.Mixed).

`register` adds an operation of one's own: an ordinary Keras layer is enough.

    operations.register(
      "swish_conv",
      lambda filters, strides=1: keras.layers.Conv2D(
        filters, 3, strides, padding="same", activation="swish"
      ),
    )
"""

import re
from collections.abc import Sequence
from typing import Any

import keras

from enas_tf import errors, seeds
from enas_tf.layers import (
  composite,
  conv,
  keras_stages,
  norm,
  stage_layers,
  stages,
)
from enas_tf.layers.basic_stages import (
  Conv,
  Depthwise,
  Normalize,
  Pool,
  Relu,
)

Operation = composite.Operation
_own: dict[str, Operation] = stage_layers.registered


class Identity(Operation):
  """The input itself; with stride 2 a child puts a factorized reduction."""

  def layers(
    self, filters: int, stride: int = 1, name: str = "", seed: int = 0
  ) -> list[keras.Layer]:
    """Returns no layer, or a factorized reduction; see `Operation`."""
    if stride == 1:
      return []
    name = f"{name}reduce"
    return [
      conv.FactorizedReduction(filters, seeds.derive(seed, name), name=name),
      norm.BatchNorm(name=f"{name}_bn"),
    ]


class MacroOperation(Operation):
  """An operation of the macro space.

  It begins with a 1x1 convolution, and its ReLU comes last (ENAS, section 2.3;
  the original's general_child.py).

  Args:
    stages: what comes behind the first convolution.
    normalized: whether normalization and ReLU follow.
  """

  EPSILON = 1e-3  # Of the second normalization, as in the original.

  def __init__(
    self, stages: Sequence[stages.Stage], normalized: bool = True
  ) -> None:
    last = (Normalize(self.EPSILON), Relu()) if normalized else ()
    super().__init__((Conv(1), Normalize(), Relu(), *stages, *last))


def register(name: str, thing: Any) -> None:
  """Adds an operation of one's own to the micro and the macro space.

  It keeps height, width and channels. A supernet holds its weights in the
  shared bank, a final child in ordinary Keras layers. In the macro space's
  final child it comes whole behind the layer's first 1x1 convolution.

  >>> import keras
  >>> def conv_7x7(filters):
  ...   return keras.layers.Conv2D(filters, 7, padding="same")
  >>> register_operation("conv_7x7", conv_7x7)
  >>> enas_tf.Search(child_ops=["conv_7x7", "identity"], output_dir=folder)
  Search(space='micro', epochs=0 of 150)

  Args:
    name: what it is called in arcs and in `child_ops`: letters, digits and
      "_". One of a user's own that has it already is replaced.
    thing: one of

      - a function, or a class of Keras layers, that returns a new Keras layer
        when it is called with `filters=`, see `keras_stages.KerasStage`;
      - a class, or an object, with the method `forward(x, weights)` and, if it
        has weights, `weights(filters)`, see `stages.Stage`;
      - an `Operation` of several stages.

  Raises:
    ConfigError: if the name is taken or malformed, or the thing is none of
      these.
  """
  if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII):
    raise errors.ConfigError(
      "The name of an operation is made of letters, digits and _, a letter "
      f"first: choose such a name. Received: name={name!r}"
    )
  if name in _BUILT_IN:
    raise errors.ConfigError(
      "An operation of that name is registered already: choose another. "
      f"Received: name={name}"
    )
  operation = _operation_of(name, thing)
  operation.name = name
  _own[name] = operation


def _operation_of(name: str, thing: Any) -> Operation:
  """Returns a new operation; see `register`."""
  is_layer = isinstance(thing, type) and issubclass(thing, keras.Layer)
  if isinstance(thing, type) and not is_layer and hasattr(thing, "forward"):
    thing = thing()
  if isinstance(thing, type) and issubclass(thing, Operation):
    thing = thing()
  if isinstance(thing, stages.Stage):
    return Operation([thing])
  if not isinstance(thing, type) and hasattr(thing, "forward"):
    return Operation([stages.ForwardStage(thing)])
  if isinstance(thing, Operation):
    return Operation(thing.stages)
  if callable(thing) and not isinstance(thing, keras.Layer):
    return Operation([keras_stages.KerasStage(thing)])
  raise errors.ConfigError(
    "An operation is a function or class that returns a Keras layer when it "
    "is called with `filters=`, or a class with the method `forward`: give "
    f"one of them. Received: {name}={thing!r}"
  )


def get(name: str) -> Operation:
  """Returns the operation of that name.

  Args:
    name: as in `child_ops`; those of the macro space begin with "macro/",
      and a user's own operations are found under both.

  Raises:
    ConfigError: if there is none.
  """
  own = _own.get(name.removeprefix("macro/"))
  if own is not None:
    return own
  if name not in _BUILT_IN:
    raise errors.ConfigError(
      f"No operation is called {name!r}: correct `child_ops`. Known are "
      f"{', '.join([*_BUILT_IN, *_own])}. Received: op={name}"
    )
  return _BUILT_IN[name]


def names(space: str = "micro") -> tuple[str, ...]:
  """Returns the names of all operations that suit a search space.

  Args:
    space: "micro" or "macro"; those of the macro space have the same names,
      after "macro/".
  """
  is_macro = space == "macro"
  built_in = [w for w in _BUILT_IN if w.startswith("macro/") == is_macro]
  return (*built_in, *[f"macro/{w}" if is_macro else w for w in _own])


def _separable(kernel_size: int) -> Operation:
  """Returns two stacked separable convolutions (ENAS, appendix B)."""
  return Operation(2 * (Relu(), Depthwise(kernel_size), Conv(1), Normalize()))


def _dilated(kernel_size: int) -> Operation:
  depthwise = Depthwise(kernel_size, dilation=2)
  return Operation((Relu(), depthwise, Conv(1), Normalize()))


def _convolution(kernel_size: int) -> Operation:
  return Operation((Relu(), Conv(kernel_size), Normalize()))


_BUILT_IN: dict[str, Operation] = {
  "sep_conv_3x3": _separable(3),
  "sep_conv_5x5": _separable(5),
  "sep_conv_7x7": _separable(7),
  "avg_pool_3x3": Operation([Pool("avg", 3)]),
  "max_pool_3x3": Operation([Pool("max", 3)]),
  "identity": Identity(),
  "dil_conv_3x3": _dilated(3),
  "dil_conv_5x5": _dilated(5),
  "conv_1x1": _convolution(1),
  "conv_3x3": _convolution(3),
  "conv_5x5": _convolution(5),
  "max_pool_5x5": Operation([Pool("max", 5)]),
  "macro/conv_3x3": MacroOperation([Conv(3)]),
  "macro/sep_conv_3x3": MacroOperation([Depthwise(3), Conv(1)]),
  "macro/conv_5x5": MacroOperation([Conv(5)]),
  "macro/sep_conv_5x5": MacroOperation([Depthwise(5), Conv(1)]),
  "macro/sep_conv_7x7": MacroOperation([Depthwise(7), Conv(1)]),
  "macro/dil_conv_3x3": MacroOperation([Depthwise(3, 2), Conv(1)]),
  "macro/dil_conv_5x5": MacroOperation([Depthwise(5, 2), Conv(1)]),
  "macro/conv_1x1": MacroOperation([], normalized=False),
  "macro/avg_pool_3x3": MacroOperation([Pool("avg", 3)], normalized=False),
  "macro/max_pool_3x3": MacroOperation([Pool("max", 3)], normalized=False),
}
for _name, _operation in _BUILT_IN.items():
  _operation.name = _name
