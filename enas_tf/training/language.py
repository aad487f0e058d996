"""Losses of language models."""

import tensorflow as tf


def loss(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
  """Returns the mean cross-entropy, in nats, a scalar.

  Args:
    labels: int32 [batch, steps].
    logits: [batch, steps, vocab_size].
  """
  return tf.reduce_mean(
    tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
  )


def activity(
  outputs: tf.Tensor, *, alpha: float, beta: float
) -> tf.Tensor | float:
  """Returns what is added to the loss for the states of the cell, a scalar.

  Args:
    outputs: the states, [batch, steps, units].
    alpha: factor of their mean square.
    beta: factor of the mean square of their changes, step to step (Merity et
      al. 2017, arXiv:1708.02182, have both).
  """
  total = 0.0
  if alpha:
    total += alpha * _mean_square(outputs)
  if beta:
    total += beta * _mean_square(outputs[:, 1:] - outputs[:, :-1])
  return total


def _mean_square(x: tf.Tensor) -> tf.Tensor:
  """Returns the mean of the squares, 0 if there are none."""
  size = tf.cast(tf.size(x), x.dtype)
  return tf.math.divide_no_nan(2 * tf.nn.l2_loss(x), size)
