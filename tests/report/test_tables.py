import numpy as np
import pytest

from enas_tf.report import tables
from enas_tf.spaces import micro

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
  shares = tables.op_frequencies(arcs, space)
  assert list(shares) == [f"arcs/op_frequency/{op}" for op in "abc"]
  assert sum(shares.values()) == pytest.approx(1.0)


def test_distinct_share():
  arcs = np.array([[0, 1], [0, 1], [1, 0], [0, 1]])
  assert tables.distinct_share(arcs) == 0.5
  assert tables.distinct_share(arcs[:1]) == 1.0
