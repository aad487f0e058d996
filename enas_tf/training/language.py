"""Losses of language models."""

import tensorflow as tf


def loss(labels, logits):
  """Returns the mean cross-entropy, in nats, a scalar.

  Args:
    labels: int32 [batch, steps].
    logits: [batch, steps, vocab_size].
  """
  return tf.reduce_mean(
    tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
  )


def regularization(
  outputs,
  weights,
  *,
  l2_reg: float,
  alpha: float = 0.0,
  beta: float = 0.0,
  faithful: bool = False,
):
  """Returns what is added to the loss, a scalar.

  Args:
    outputs: the states of the cell, [batch, steps, units].
    weights: tensors that are kept small.
    l2_reg: factor of the sum of their squares.
    alpha: factor of the mean square of the outputs.
    beta: factor of the mean square of their changes, step to step (Merity et
      al. 2017, arXiv:1708.02182, have both).
    faithful: as the search of enas_lm, which meant squares and takes half the
      sum of fourth powers.
  """
  penalty = _half_fourth_powers if faithful else _squares
  total = l2_reg * tf.add_n([penalty(each) for each in weights])
  return total + activity(outputs, alpha=alpha, beta=beta)


def activity(outputs, *, alpha: float, beta: float):
  """Returns the part of `regularization` that looks at the states."""
  total = 0.0
  if alpha:
    total += alpha * _mean_square(outputs)
  if beta:
    total += beta * _mean_square(outputs[:, 1:] - outputs[:, :-1])
  return total


def _squares(x):
  return 2 * tf.nn.l2_loss(x)


def _half_fourth_powers(x):
  return tf.nn.l2_loss(x * x)


def _mean_square(x):
  """Returns the mean of the squares, 0 if there are none."""
  size = tf.cast(tf.size(x), x.dtype)
  return tf.math.divide_no_nan(_squares(x), size)
