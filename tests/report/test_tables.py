import numpy as np
import pytest

from enas_tf.report import tables
from enas_tf.spaces import base, macro, macro_channels, micro, rnn
from tests.spaces import toy

SPACE = micro.MicroSpace(num_cells=1)


def test_leaderboard_writes_every_column_as_text():
  row = {
    "rank": 1,
    "valid_accuracy": 0.81239,
    "batch_accuracy": 0.75,
    "parameters": 5373140,
    "multiply_adds": 800000,
    "arc": "0 2 1 4",
  }
  headers, rows = tables.leaderboard([row])
  assert headers == [
    "rank",
    "validation accuracy",
    "accuracy on a batch",
    "parameters",
    "multiply-adds",
    "arc",
  ]
  assert rows == [["1", "0.8124", "0.7500", "5,373,140", "800,000", "0 2 1 4"]]


def test_leaderboard_of_perplexities():
  row = {
    "rank": 1,
    "valid_perplexity": 61.2345,
    "window_perplexity": 1234.5,
    "parameters": 4512,
    "multiply_adds": 4512,
    "arc": "0 2 1 1",
  }
  headers, rows = tables.leaderboard(iter([row, row | {"rank": 2}]))
  assert headers == [
    "rank",
    "validation perplexity",
    "perplexity of a window",
    "parameters",
    "multiply-adds",
    "arc",
  ]
  assert rows[0] == ["1", "61.23", "1234.50", "4,512", "4,512", "0 2 1 1"]
  assert [row[0] for row in rows] == ["1", "2"]


def test_leaderboard_takes_numpy_numbers_and_keeps_the_order():
  rows = [
    {
      "rank": np.int64(rank),
      "valid_accuracy": np.float32(0.5),
      "batch_accuracy": np.float32(0.25),
      "parameters": np.int64(1000),
      "multiply_adds": np.int64(2000),
      "arc": "0",
    }
    for rank in (2, 1)
  ]
  _, cells = tables.leaderboard(rows)
  assert [row[0] for row in cells] == ["2", "1"]
  assert cells[0][1:] == ["0.5000", "0.2500", "1,000", "2,000", "0"]


def test_op_frequencies_count_only_operations():
  # Operations 2, 4, 0, 3 and 2, 2, 2, 0: the other integers are nodes.
  arcs = np.array([[0, 2, 1, 4, 1, 0, 0, 3], [1, 2, 1, 2, 1, 2, 1, 0]])
  assert tables.op_frequencies(arcs, SPACE) == {
    "arcs/op_frequency/sep_conv_3x3": 2 / 8,
    "arcs/op_frequency/sep_conv_5x5": 0.0,
    "arcs/op_frequency/avg_pool_3x3": 4 / 8,
    "arcs/op_frequency/max_pool_3x3": 1 / 8,
    "arcs/op_frequency/identity": 1 / 8,
  }


def test_op_frequencies_sum_to_one():
  space = micro.MicroSpace(ops=("a", "b", "c"))
  rng = np.random.default_rng(0)
  arcs = np.stack([space.encode(space.random(rng)) for _ in range(20)])
  fractions = tables.op_frequencies(arcs, space)
  assert list(fractions) == [f"arcs/op_frequency/{op}" for op in "abc"]
  assert sum(fractions.values()) == pytest.approx(1.0)


def test_op_frequencies_of_the_macro_space():
  # The operations stand before the skip bits of their layer.
  space = macro.MacroSpace(3, ("a", "b", "c"))
  arcs = np.array([[1, 2, 0, 1, 1, 1], [2, 2, 1, 0, 0, 0]])
  assert tables.op_frequencies(arcs, space) == {
    "arcs/op_frequency/a": 1 / 6,
    "arcs/op_frequency/b": 2 / 6,
    "arcs/op_frequency/c": 3 / 6,
  }


def test_op_frequencies_of_the_rnn_space_are_of_functions():
  arcs = np.array([[0, 2, 1, 3], [0, 2, 0, 1]])
  assert tables.op_frequencies(arcs, rnn.RnnSpace(2)) == {
    "arcs/op_frequency/tanh": 0.0,
    "arcs/op_frequency/relu": 1 / 4,
    "arcs/op_frequency/sigmoid": 2 / 4,
    "arcs/op_frequency/identity": 1 / 4,
  }


def test_op_frequencies_of_a_space_that_chooses_no_operations():
  space = macro_channels.MacroChannelsSpace(2, 8, ("conv_3x3", "max_pool_3x3"))
  arc = space.encode(space.random(np.random.default_rng(0)))
  assert tables.op_frequencies(arc[None], space) == {}


def test_op_frequencies_of_a_space_that_nothing_here_knows():
  # Operations 2 and 0, 2 and 1; between them is a pause.
  arcs = np.array([[2, 0, 3, 0], [2, 1, 2, 1]])
  assert tables.op_frequencies(arcs, toy.ToySpace()) == {
    "arcs/op_frequency/my_layer": 1 / 4,
    "arcs/op_frequency/conv_3x3": 1 / 4,
    "arcs/op_frequency/a thing of two names": 2 / 4,
  }


def test_op_frequencies_of_decisions_with_other_options():
  class Space(toy.ToySpace):
    decisions = (
      base.Decision("one", ("a", "b"), "operation"),
      base.Decision("two", ("b", "c", "d"), "operation"),
    )

  arcs = np.array([[0, 0], [1, 0], [1, 1], [1, 0]])
  assert tables.op_frequencies(arcs, Space()) == {
    "arcs/op_frequency/a": 1 / 8,
    "arcs/op_frequency/b": 6 / 8,
    "arcs/op_frequency/c": 1 / 8,
    "arcs/op_frequency/d": 0.0,
  }


def test_distinct_fraction():
  arcs = np.array([[0, 1], [0, 1], [1, 0], [0, 1]])
  assert tables.distinct_fraction(arcs) == 0.5
  assert tables.distinct_fraction(arcs[:1]) == 1.0
