"""The optimizers of Keras for a final child, by the words that choose them.

L2 is coupled, as in `optimizers`: the loss has l2 * sum(w^2), so that a
gradient has 2 l2 w. AdamW alone decays the weights themselves (Loshchilov and
Hutter 2019, arXiv:1711.05101), by as much: w <- w - lr 2 l2 w. Keras clips
gradients before that.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from enas_tf.training import optimizers, unshared

_CLIPPING = {"norm": "clipnorm", "global": "global_clipnorm"}


class _Coupled(keras.optimizers.Optimizer):
  """Adds coupled L2 to the optimizer of Keras that a subclass also is.

  Args:
    learning_rate: a number or a schedule.
    l2_reg: weight of the sum of all squared weights in the loss.
    **kwargs: of the optimizer of Keras.
  """

  def __init__(
    self, learning_rate: Any, l2_reg: float = 0.0, **kwargs: Any
  ) -> None:
    super().__init__(learning_rate=learning_rate, **kwargs)
    self.l2_reg = l2_reg

  def update_step(
    self, gradient: Any, variable: Any, learning_rate: tf.Tensor
  ) -> None:
    """Moves a variable.

    Args:
      gradient: of the variable.
      variable: that is trained.
      learning_rate: a scalar.
    """
    gradient = tf.convert_to_tensor(gradient) + 2 * self.l2_reg * variable
    super().update_step(gradient, variable, learning_rate)

  def get_config(self) -> dict[str, Any]:
    """Returns the arguments of the constructor."""
    return super().get_config() | {"l2_reg": self.l2_reg}


@keras.saving.register_keras_serializable("enas_tf")
class SGD(_Coupled, keras.optimizers.SGD):
  """Plain gradient descent, with coupled L2."""


@keras.saving.register_keras_serializable("enas_tf")
class Adam(_Coupled, keras.optimizers.Adam):
  """Adam, with coupled L2."""


@keras.saving.register_keras_serializable("enas_tf")
class RMSprop(_Coupled, keras.optimizers.RMSprop):
  """RMSprop, with coupled L2."""


_WORDS = {"sgd": SGD, "adam": Adam, "rmsprop": RMSprop}


def make(settings: Any, rate: Any) -> keras.optimizers.Optimizer:
  """Returns the optimizer of a final child, for Keras `fit` or for `Descent`.

  Args:
    settings: `l2_reg`, `clip_mode` and `grad_bound` of its training, and
      `optimizer`; without that, it is momentum.
    rate: learning rate, a number or a Keras schedule.
  """
  word = getattr(settings, "optimizer", "momentum")
  if word == "momentum":
    return optimizers.for_fit(settings, rate)
  clip = {}
  if settings.clip_mode in _CLIPPING:
    clip[_CLIPPING[settings.clip_mode]] = settings.grad_bound
  if word == "adamw":
    decay = 2 * settings.l2_reg
    return keras.optimizers.AdamW(rate, weight_decay=decay, **clip)
  return _WORDS[word](rate, settings.l2_reg, **clip)


class Descent(unshared.Unshared):
  """Takes the steps of a child that is not trained by `fit`; see `Optimizer`.

  Args:
    child: whose weights are trained; it shares none.
    settings: see `make`.
    schedule: learning rate as a function of the step.
  """

  def __init__(
    self,
    child: keras.Model,
    settings: Any,
    schedule: Callable[[tf.Tensor], tf.Tensor],
  ) -> None:
    self._weights = child.trainable_variables
    super().__init__([each.value for each in self._weights], schedule)
    # Each step has a rate of its own, which is not always the schedule's.
    self._optimizer = make(settings, 0.0)
    self._optimizer.build(self._weights)

  def apply(
    self,
    gradients: Sequence[Any],
    chosen: Sequence[tf.Tensor],
    rate: tf.Tensor | None = None,
  ) -> tf.Tensor:
    """Takes one step.

    Args:
      gradients: of `variables`.
      chosen: nothing; there are no banks.
      rate: of this step; None is the schedule's.

    Returns:
      The norm of all gradients before clipping, without L2, a scalar.
    """
    del chosen
    dense = [
      tf.zeros_like(variable) if each is None else tf.convert_to_tensor(each)
      for each, variable in zip(gradients, self.variables, strict=True)
    ]
    self._optimizer.learning_rate.assign(
      self.learning_rate if rate is None else rate
    )
    self._optimizer.apply(dense, self._weights)
    self.step.assign_add(1)
    return tf.linalg.global_norm(dense)

  def slots(self) -> dict[str, tf.Variable]:
    """Returns everything that a resumed training needs, by name."""
    variables = enumerate(self._optimizer.variables)
    return {
      "descent/step": self.step,
      **{f"descent/{i}": each.value for i, each in variables},
    }
