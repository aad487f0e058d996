"""Gradient descent with Nesterov momentum, by the rule of TensorFlow 1.

    m <- mu m + g;  w <- w - lr (g + mu m)

The learning rate is not part of the momentum (Keras's SGD puts it there, and
differs when the rate jumps at a restart). L2 is coupled: the loss has
l2 * sum(w^2), so g has 2 l2 w.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from enas_tf.layers import shared

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

  def __init__(self, learning_rate, l2_reg: float = 0.0, **kwargs):
    super().__init__(learning_rate=learning_rate, **kwargs)
    self.l2_reg = l2_reg

  def build(self, variables):
    if self.built:
      return
    super().build(variables)
    self._momenta = [
      self.add_variable_from_reference(each, name="momentum")
      for each in variables
    ]

  def update_step(self, gradient, variable, learning_rate):
    momentum = self._momenta[self._get_variable_index(variable)]
    gradient = tf.convert_to_tensor(gradient) + 2 * self.l2_reg * variable
    momentum.assign(MOMENTUM * momentum + gradient)
    variable.assign_sub(learning_rate * (gradient + MOMENTUM * momentum))

  def get_config(self):
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
    schedule,
    *,
    l2_reg: float,
    clip_mode: str = "none",
    grad_bound: float = 5.0,
  ):
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
  def variables(self) -> list[tf.Variable]:
    """What gradients are taken with respect to, the dense ones first."""
    return self._dense + [bank.rows.value for bank in self._banks]

  @property
  def learning_rate(self):
    return self._schedule(self.step)

  def refresh(self, chosen) -> None:
    """Brings the blocks up to date that this step will use.

    Args:
      chosen: the blocks of each bank, int32 [n], all different.
    """
    for i, (bank, blocks) in enumerate(zip(self._banks, chosen, strict=True)):
      places = bank.rows_of(blocks)
      self._catch_up(i, places, tf.gather(bank.block_of_row, places))
      _write(self._pending[i], blocks, _identity(tf.size(blocks)))

  def flush(self) -> None:
    """Brings all blocks up to date."""
    for i, bank in enumerate(self._banks):
      places = tf.range(bank.starts[-1])
      self._catch_up(i, places, bank.block_of_row)
      self._pending[i].assign(_identity(len(bank.starts) - 1))

  def _catch_up(self, i, places, blocks) -> None:
    weights, momenta = self._banks[i].rows.value, self._bank_momenta[i]
    w, m = tf.gather(weights, places), tf.gather(momenta, places)
    product = tf.gather(self._pending[i], blocks)
    ww, mw, wm, mm = tf.split(product, 4, axis=1)  # Each [len(places), 1].
    _write(weights, places, ww * w + wm * m)
    _write(momenta, places, mw * w + mm * m)

  def apply(self, gradients, chosen):
    """Takes one step.

    Args:
      gradients: of `variables`; those of the banks are IndexedSlices without
        repeated indices.
      chosen: as `refresh` got it.

    Returns:
      The norm of all gradients before clipping, a scalar.
    """
    rate = self.learning_rate
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

  def _clip(self, gradients):
    gradients = list(gradients)
    norm = tf.linalg.global_norm(gradients)
    if self._clip_mode == "global":
      gradients, _ = tf.clip_by_global_norm(gradients, self._grad_bound, norm)
    elif self._clip_mode == "norm":
      gradients = [tf.clip_by_norm(g, self._grad_bound) for g in gradients]
    return gradients, norm

  def _postpone(self, chosen, rate) -> None:
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

  def state(self) -> dict[str, tf.Variable]:
    named = {"step": self.step}
    for name, variables in (
      ("momentum", self._momenta),
      ("bank_momentum", self._bank_momenta),
      ("pending", self._pending),
    ):
      named |= {f"{name}/{i}": each for i, each in enumerate(variables)}
    return named


def _zeros_like(variable) -> tf.Variable:
  return tf.Variable(tf.zeros(variable.shape), trainable=False)


def _identity(n):
  """Returns n identity matrices, [n, 4]."""
  return tf.tile([[1.0, 0.0, 0.0, 1.0]], [n, 1])


def _write(variable, places, rows) -> None:
  variable.scatter_update(tf.IndexedSlices(rows, places))


def with_l2(gradient, variable, factor):
  """Returns gradient + factor * variable."""
  if gradient is None:
    return factor * variable
  if not isinstance(gradient, tf.IndexedSlices):
    return gradient + factor * variable
  rows = tf.gather(variable, gradient.indices)
  return tf.IndexedSlices(gradient.values + factor * rows, gradient.indices)


def _apply(variable, momentum, gradient, rate, mu) -> None:
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
