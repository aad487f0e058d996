import itertools

import numpy as np
import pytest
import tensorflow as tf

from enas_tf.layers import dataflow

BOTH = (False, True)


def graph(function):
  """These primitives exist inside graphs alone."""
  return tf.function(function, autograph=False)


def constants(*values):
  return [tf.constant(value) for value in values]


@pytest.mark.parametrize("flag", BOTH)
def test_split_leaves_one_side_alive(flag):
  @graph
  def run(value, flag):
    if_not, if_flag = dataflow.split(value, flag)
    return dataflow.merge(if_not - 1, if_flag + 1)

  assert int(run(*constants(10, flag))) == (11 if flag else 9)


@pytest.mark.parametrize("live", range(3))
def test_merge_answers_with_the_live_one(live):
  @graph
  def run(values, flags):
    return dataflow.merge(*map(dataflow.when, flags, values))

  values = [tf.fill([2], float(i)) for i in range(3)]
  flags = constants(*(i == live for i in range(3)))
  np.testing.assert_array_equal(run(values, flags), [live, live])


def test_merge_of_dead_ones_is_dead():
  @graph
  def run(no, value, instead):
    dead = dataflow.merge(
      dataflow.when(no, value), dataflow.when(no, value + 1)
    )
    return dataflow.merge(2 * dead, instead)

  assert float(run(*constants(False, 1.0, 5.0))) == 5


@pytest.mark.parametrize("flag", BOTH)
def test_what_is_dead_costs_nothing(flag):
  """The operation that fails when it runs does not run."""

  @graph
  def run(value, flag):
    if_not, if_flag = dataflow.split(value, flag)
    return dataflow.merge(
      tf.zeros_like(if_not), tf.debugging.check_numerics(if_flag, "It ran.")
    )

  arguments = constants(np.nan, flag)
  if flag:
    with pytest.raises(tf.errors.InvalidArgumentError, match="It ran"):
      run(*arguments)
  else:
    assert float(run(*arguments)) == 0


def sum_of(values, flags, otherwise):
  total = dataflow.Sum()
  for value, flag in zip(values, flags, strict=True):
    total.add(dataflow.when(flag, value), flag)
  is_empty = ~tf.reduce_any(tf.stack(flags))
  return dataflow.merge(dataflow.when(is_empty, otherwise), total.value)


@pytest.mark.parametrize("flags", itertools.product(BOTH, repeat=3))
def test_sum_of_the_chosen_values(flags):
  values = np.array([[1, 2], [10, 20], [100, 200]], np.float32)
  expected = values[list(flags)].sum(0) if any(flags) else [-1, -1]
  found = graph(sum_of)(
    constants(*values), constants(*flags), tf.constant([-1.0, -1.0])
  )
  np.testing.assert_array_equal(found, expected)


def test_sum_of_nothing_has_no_value():
  assert dataflow.Sum().value is None
