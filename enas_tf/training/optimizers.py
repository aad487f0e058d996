"""Gradient descent with Nesterov momentum, by the rule of TensorFlow 1.

    m <- mu m + g;  w <- w - lr (g + mu m)

The learning rate is not part of the momentum (Keras's SGD puts it there, and
differs when the rate jumps at a restart). L2 is coupled: the loss has
l2 * sum(w^2), so g has 2 l2 w.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import tensorflow as tf

from enas_tf.layers import shared
from enas_tf.training import unshared

MOMENTUM = 0.9


@keras.saving.register_keras_serializable("enas_tf")
class NesterovMomentum(keras.optimizers.Optimizer):
  """For an ordinary Keras model.

  Args:
    learning_rate: a number or a schedule.
    l2_reg: weight of the sum of all squared weights in the loss.
    **kwargs: of keras.optimizers.Optimizer, for example `clipnorm` (the
      gradient of each variable) or `global_clipnorm` (all together). Keras
      clips before L2 is added; the original, after.
  """

  def __init__(
    self, learning_rate: Any, l2_reg: float = 0.0, **kwargs: Any
  ) -> None:
    super().__init__(learning_rate=learning_rate, **kwargs)
    self.l2_reg = l2_reg

  def build(self, variables: Sequence[keras.Variable]) -> None:
    """Makes the momenta.

    Args:
      variables: that are trained.
    """
    if self.built:
      return
    super().build(variables)
    self._momenta = [
      self.add_variable_from_reference(each, name="momentum")
      for each in variables
    ]

  def update_step(
    self, gradient: Any, variable: keras.Variable, learning_rate: tf.Tensor
  ) -> None:
    """Moves a variable.

    Args:
      gradient: of the variable.
      variable: that is trained.
      learning_rate: a scalar.
    """
    momentum = self._momenta[self._get_variable_index(variable)]
    gradient = tf.convert_to_tensor(gradient) + 2 * self.l2_reg * variable
    momentum.assign(MOMENTUM * momentum + gradient)
    variable.assign_sub(learning_rate * (gradient + MOMENTUM * momentum))

  def get_config(self) -> dict[str, Any]:
    """Returns the arguments of the constructor."""
    return super().get_config() | {"l2_reg": self.l2_reg}


class SupernetMomentum:
  """For a supernet: all weights move at every step, at the cost of a few.

  L2 and momentum move a shared row whose gradient is zero, too. That move is
  linear in the row and its momentum,

      (w, m) <- A (w, m),  A = [[1 - 2 lr l2 (1 + mu), -lr mu^2], [2 l2, mu]],

  with one A for all rows of a step. So a block that a step does not choose is
  left alone and the product of its A is kept; `refresh` applies it when the
  block is chosen again, and `flush` to all. The numbers are those of a dense
  update, and the cost does not grow with the number of shared weights.

  Args:
    dense: variables that every step uses.
    banks: the shared ones.
    schedule: learning rate as a function of the step.
    l2_reg: weight of the sum of all squared weights in the loss.
    clip_mode: "none", "norm" (each gradient alone) or "global".
    grad_bound: the norm that clipping allows. Clipping sees the gradients of
      the weights that the step uses, L2 included.
  """

  def __init__(
    self,
    dense: Sequence[tf.Variable],
    banks: Sequence[shared.Bank],
    schedule: Callable[[tf.Tensor], tf.Tensor],
    *,
    l2_reg: float,
    clip_mode: str = "none",
    grad_bound: float = 5.0,
  ) -> None:
    self._dense = list(dense)
    self._banks = list(banks)
    self._schedule = schedule
    self._l2_reg = l2_reg
    self._clip_mode = clip_mode
    self._grad_bound = grad_bound
    self.step = tf.Variable(0, trainable=False, dtype=tf.int64)
    self._momenta = [_zeros_like(each) for each in self._dense]
    self._bank_momenta = [_zeros_like(each.rows) for each in self._banks]
    # The product of each block, [blocks, 4], one column after the other.
    self._pending = [
      tf.Variable(_identity(len(each.starts) - 1), trainable=False)
      for each in self._banks
    ]

  @property
  def banks(self) -> Sequence[shared.Bank]:
    """The shared variables, of whose blocks a step uses some."""
    return self._banks

  @property
  def variables(self) -> Sequence[tf.Variable]:
    """What gradients are taken with respect to, the dense ones first."""
    return self._dense + [bank.rows.value for bank in self._banks]

  @property
  def learning_rate(self) -> tf.Tensor:
    """The rate of the next step, a scalar."""
    return self._schedule(self.step)

  def refresh(self, chosen: Sequence[tf.Tensor]) -> None:
    """Brings the blocks up to date that this step will use.

    Args:
      chosen: the blocks of each bank, int32 [n], all different.
    """
    for i, (bank, blocks) in enumerate(zip(self._banks, chosen, strict=True)):
      indices = bank.rows_of(blocks)
      self._catch_up(i, indices, tf.gather(bank.block_of_row, indices))
      _write(self._pending[i], blocks, _identity(tf.size(blocks)))

  def flush(self) -> None:
    """Brings all blocks up to date."""
    for i, bank in enumerate(self._banks):
      indices = tf.range(bank.starts[-1])
      self._catch_up(i, indices, bank.block_of_row)
      self._pending[i].assign(_identity(len(bank.starts) - 1))

  def _catch_up(self, i: int, indices: tf.Tensor, blocks: tf.Tensor) -> None:
    weights, momenta = self._banks[i].rows.value, self._bank_momenta[i]
    w, m = tf.gather(weights, indices), tf.gather(momenta, indices)
    product = tf.gather(self._pending[i], blocks)
    ww, mw, wm, mm = tf.split(product, 4, axis=1)  # Each [len(indices), 1].
    _write(weights, indices, ww * w + wm * m)
    _write(momenta, indices, mw * w + mm * m)

  def apply(
    self,
    gradients: Sequence[Any],
    chosen: Sequence[tf.Tensor],
    rate: tf.Tensor | None = None,
  ) -> tf.Tensor:
    """Takes one step.

    Args:
      gradients: of `variables`; those of the banks are IndexedSlices without
        repeated indices.
      chosen: as `refresh` got it.
      rate: of this step; None is the schedule's.

    Returns:
      The norm of all gradients before clipping, a scalar.
    """
    rate = self.learning_rate if rate is None else rate
    factor, mu = tf.constant(2 * self._l2_reg), tf.constant(MOMENTUM)
    gradients, norm = self._clip(
      with_l2(gradient, variable, factor)
      for gradient, variable in zip(gradients, self.variables, strict=True)
    )
    momenta = self._momenta + self._bank_momenta
    for gradient, variable, momentum in zip(
      gradients, self.variables, momenta, strict=True
    ):
      _apply(variable, momentum, gradient, rate, mu)
    self._postpone(chosen, rate)
    self.step.assign_add(1)
    return norm

  def _clip(self, gradients: Iterable[Any]) -> tuple[list[Any], tf.Tensor]:
    clipped = list(gradients)
    norm = tf.linalg.global_norm(clipped)
    if self._clip_mode == "global":
      clipped, _ = tf.clip_by_global_norm(clipped, self._grad_bound, norm)
    elif self._clip_mode == "norm":
      clipped = [tf.clip_by_norm(g, self._grad_bound) for g in clipped]
    return clipped, norm

  def _postpone(self, chosen: Sequence[tf.Tensor], rate: tf.Tensor) -> None:
    """Remembers this step's A for the blocks that it did not choose."""
    l2 = 2 * self._l2_reg
    step = tf.stack(
      [[1 - rate * l2 * (1 + MOMENTUM), l2], [-rate * MOMENTUM**2, MOMENTUM]]
    )
    for pending, blocks in zip(self._pending, chosen, strict=True):
      kept = tf.gather(pending, blocks)  # The identity: refreshed and used.
      columns = tf.reshape(pending, [-1, 2])
      pending.assign(tf.reshape(columns @ step, [-1, 4]))
      _write(pending, blocks, kept)

  def slots(self) -> dict[str, tf.Variable]:
    """Returns everything that a resumed training needs, by name."""
    named = {"momentum/step": self.step}
    for name, variables in (
      ("momentum", self._momenta),
      ("bank_momentum", self._bank_momenta),
      ("pending", self._pending),
    ):
      named |= {f"momentum/{name}/{i}": x for i, x in enumerate(variables)}
    return named


class ClippedDescent(unshared.Unshared):
  """Plain gradient descent, clipped, as language models are trained.

  Of the shared weights of a supernet a step moves those that have a gradient
  alone, L2 included: all of them are far more than a step computes with.

  Args:
    variables: that are trained.
    schedule: learning rate as a function of the step.
    l2_reg: weight of the sum of the squares of all weights that a step uses.
    grad_bound: the norm of all gradients that clipping allows.
  """

  def __init__(
    self,
    variables: Sequence[tf.Variable],
    schedule: Callable[[tf.Tensor], tf.Tensor],
    *,
    l2_reg: float,
    grad_bound: float,
  ) -> None:
    super().__init__(variables, schedule)
    self._l2_reg = l2_reg
    self._grad_bound = grad_bound

  def apply(
    self,
    gradients: Sequence[Any],
    chosen: Sequence[tf.Tensor],
    rate: tf.Tensor | None = None,
  ) -> tf.Tensor:
    """Takes one step.

    Differs from enas_lm, whose L2 leaves the embedding and the first node out
    in its search, and takes fourth powers there.

    Args:
      gradients: of `variables`.
      chosen: nothing; there are no banks.
      rate: of this step; None is the schedule's.

    Returns:
      The norm of all gradients before clipping, a scalar.
    """
    del chosen
    rate = self.learning_rate if rate is None else rate
    factor = tf.constant(2 * self._l2_reg)
    gradients = [
      with_l2(gradient, variable, factor)
      for gradient, variable in zip(gradients, self.variables, strict=True)
    ]
    gradients, norm = tf.clip_by_global_norm(gradients, self._grad_bound)
    for gradient, variable in zip(gradients, self.variables, strict=True):
      if isinstance(gradient, tf.IndexedSlices):
        variable.scatter_sub(
          tf.IndexedSlices(rate * gradient.values, gradient.indices)
        )
      else:
        variable.assign_sub(rate * gradient)
    self.step.assign_add(1)
    return norm

  def slots(self) -> dict[str, tf.Variable]:
    """Returns everything that a resumed training needs, by name."""
    return {"num_steps": self.step}


def for_fit(settings: Any, schedule: Any) -> NesterovMomentum:
  """Returns the optimizer of a final child for images, for Keras `fit`.

  Args:
    settings: `l2_reg`, `clip_mode` and `grad_bound` of its training.
    schedule: learning rate, a number or a Keras schedule.
  """
  keywords = {"norm": "clipnorm", "global": "global_clipnorm"}
  clip = {
    keyword: settings.grad_bound
    for mode, keyword in keywords.items()
    if mode == settings.clip_mode
  }
  return NesterovMomentum(schedule, l2_reg=settings.l2_reg, **clip)


def for_supernet(
  supernet: Any, schedule: Callable[[tf.Tensor], tf.Tensor], **settings: Any
) -> SupernetMomentum:
  """Returns the optimizer of a network that may have `banks`, shared weights.

  Args:
    supernet: the network.
    schedule: learning rate as a function of the step.
    **settings: of `SupernetMomentum`.
  """
  banks = getattr(supernet, "banks", [])
  paths = {bank.rows.path for bank in banks}
  dense = [v.value for v in supernet.trainable_variables if v.path not in paths]
  return SupernetMomentum(dense, banks, schedule, **settings)


def _zeros_like(variable: tf.Variable) -> tf.Variable:
  return tf.Variable(tf.zeros(variable.shape), trainable=False)


def _identity(n: int | tf.Tensor) -> tf.Tensor:
  """Returns n identity matrices, [n, 4]."""
  return tf.tile([[1.0, 0.0, 0.0, 1.0]], [n, 1])


def _write(variable: tf.Variable, indices: tf.Tensor, rows: tf.Tensor) -> None:
  variable.scatter_update(tf.IndexedSlices(rows, indices))


def with_l2(gradient: Any, variable: tf.Variable, factor: tf.Tensor) -> Any:
  """Returns gradient + factor * variable.

  Args:
    gradient: of the variable, dense or IndexedSlices.
    variable: the weights.
    factor: a scalar.
  """
  if gradient is None:
    return factor * variable
  if not isinstance(gradient, tf.IndexedSlices):
    return gradient + factor * variable
  rows = tf.gather(variable, gradient.indices)
  return tf.IndexedSlices(gradient.values + factor * rows, gradient.indices)


def _apply(
  variable: tf.Variable,
  momentum: tf.Variable,
  gradient: Any,
  rate: tf.Tensor,
  mu: tf.Tensor,
) -> None:
  if isinstance(gradient, tf.IndexedSlices):
    tf.raw_ops.ResourceSparseApplyMomentum(
      var=variable.handle,
      accum=momentum.handle,
      lr=rate,
      grad=gradient.values,
      indices=gradient.indices,
      momentum=mu,
      use_nesterov=True,
    )
  else:
    tf.raw_ops.ResourceApplyMomentum(
      var=variable.handle,
      accum=momentum.handle,
      lr=rate,
      grad=gradient,
      momentum=mu,
      use_nesterov=True,
    )
