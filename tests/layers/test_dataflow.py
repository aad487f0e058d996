import functools
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


def sum_of(start, values, flags, otherwise, always=(False,) * 3):
  """Returns the sum, of flags of which some are true `always`."""
  total = dataflow.Sum(start)
  for value, flag, is_always in zip(values, flags, always, strict=True):
    if is_always:
      total.add(value)
    else:
      total.add(dataflow.when(flag, value), flag)
  if start is not None or any(always):
    return total.value
  is_empty = ~tf.reduce_any(tf.stack(flags))
  return dataflow.merge(dataflow.when(is_empty, otherwise), total.value)


VALUES = np.array([[1, 2], [10, 20], [100, 200]], np.float32)


@pytest.mark.parametrize("flags", itertools.product(BOTH, repeat=3))
def test_sum_of_the_chosen_values(flags):
  expected = VALUES[list(flags)].sum(0) if any(flags) else [-1, -1]
  found = graph(sum_of)(
    None, constants(*VALUES), constants(*flags), tf.constant([-1.0, -1.0])
  )
  np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("always", itertools.product(BOTH, repeat=3))
@pytest.mark.parametrize("start", [None, [1000.0, 2000.0]])
def test_sum_with_what_is_always_added(start, always):
  """In any place: first, between flags, last, or as the start."""
  start = start and tf.constant(start)
  otherwise = tf.constant([-1.0, -1.0])
  run = graph(functools.partial(sum_of, always=always))
  for flags in itertools.product(BOTH, repeat=3):
    found = run(start, constants(*VALUES), constants(*flags), otherwise)
    chosen = np.logical_or(always, flags)
    expected = VALUES[chosen].sum(0) + (0 if start is None else start)
    if start is None and not chosen.any():
      expected = otherwise
    np.testing.assert_array_equal(found, expected, str(flags))


def test_sum_without_flags_makes_no_choices():
  """What is always added needs neither Switch nor Merge."""

  @graph
  def run(values):
    total = dataflow.Sum(values[0])
    for value in values[1:]:
      total.add(value)
    return total.value

  concrete = run.get_concrete_function(constants(*VALUES))
  kinds = {operation.type for operation in concrete.graph.get_operations()}
  assert not kinds & {"Switch", "Merge"}
  np.testing.assert_array_equal(concrete(constants(*VALUES)), [111, 222])


def test_sum_of_nothing_has_no_value():
  assert dataflow.Sum().value is None


def test_sum_begins_with_its_value():
  start = tf.constant(3.0)
  assert dataflow.Sum(start).value is start
