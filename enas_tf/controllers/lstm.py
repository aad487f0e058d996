"""The pieces that all policies are made of: a stacked LSTM and attention."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from enas_tf import seeds

# ENAS, section 3; the original draws every weight of a controller from it.
INITIAL_RANGE = 0.1

# (c, h) of each layer, [n, units] each.
State = list[tuple[tf.Tensor, tf.Tensor]]


def uniform(shape: tuple[int, ...], name: str, seed: int) -> tf.Variable:
  """Returns a variable that is drawn from U(-0.1, 0.1).

  Args:
    shape: of the variable.
    name: of the variable; no other of the policy has it.
    seed: of the policy, at least 0.
  """
  seed = seeds.derive(seed, name)
  value = keras.random.uniform(shape, -INITIAL_RANGE, INITIAL_RANGE, seed=seed)
  return tf.Variable(value, name=name)


def gumbel(shape: Sequence[int | tf.Tensor], seed: tf.Tensor) -> tf.Tensor:
  """Returns noise; the argmax of logits plus noise is a sample of them.

  Args:
    shape: of the noise.
    seed: int32 [2]; the noise is a function of it.
  """
  uniform = tf.random.stateless_uniform(shape, seed, minval=1e-20)
  return -tf.math.log(-tf.math.log(uniform))


class StackedLSTM(tf.Module):
  """LSTM layers without biases; the gates stand in the order i, f, o, g.

  Args:
    units: of each layer; also the length of the input.
    num_layers: how many layers.
    seed: of the policy.

  Attributes:
    weights: one [2 * units, 4 * units] for each layer.
  """

  def __init__(self, units: int, num_layers: int, seed: int) -> None:
    super().__init__()
    self._units = units
    self.weights = [
      uniform((2 * units, 4 * units), f"lstm/layer_{i}/w", seed)
      for i in range(num_layers)
    ]

  def zero_state(self, n: tf.Tensor) -> State:
    """Returns the state that a run begins with.

    Args:
      n: how many arcs, an int32 scalar.
    """
    zeros = tf.zeros([n, self._units])
    return [(zeros, zeros)] * len(self.weights)

  def __call__(self, x: tf.Tensor, state: State) -> tuple[tf.Tensor, State]:
    """Returns the output, [n, units], and the next state.

    Args:
      x: [n, units].
      state: what the last call returned, or `zero_state`.
    """
    next_state = []
    for weight, (c, h) in zip(self.weights, state, strict=True):
      i, f, o, g = tf.split(tf.concat([x, h], 1) @ weight, 4, axis=1)
      c = tf.sigmoid(i) * tf.tanh(g) + tf.sigmoid(f) * c
      x = tf.sigmoid(o) * tf.tanh(c)
      next_state.append((c, x))
    return x, next_state


class Attention(tf.Module):
  """Scores earlier anchors against a query: v . tanh(w_1 a + w_2 q).

  Args:
    units: length of anchors and queries.
    seed: of the policy.
  """

  def __init__(self, units: int, seed: int) -> None:
    super().__init__()
    self.w_1 = uniform((units, units), "attention/w_1", seed)
    self.w_2 = uniform((units, units), "attention/w_2", seed)
    self.v = uniform((units, 1), "attention/v", seed)

  def key(self, anchor: tf.Tensor) -> tf.Tensor:
    """Returns what `__call__` needs of an anchor, [n, units].

    Args:
      anchor: [n, units].
    """
    return anchor @ self.w_1

  def __call__(self, keys: Sequence[tf.Tensor], query: tf.Tensor) -> tf.Tensor:
    """Returns the scores of anchors, [n, anchors].

    Args:
      keys: of each anchor, [n, units].
      query: [n, units].
    """
    sums = tf.stack(keys, 1) + (query @ self.w_2)[:, None]
    return tf.squeeze(tf.tensordot(tf.tanh(sums), self.v, 1), 2)
