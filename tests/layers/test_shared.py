import numpy as np
import pytest
import tensorflow as tf

from enas_tf.layers import shared
from tests.layers import cells


def test_bank_by_hand():
  initial = np.arange(12.0).reshape(6, 2)
  bank = shared.Bank([2, 0, 3, 1], 2, initial)
  bank.build()
  assert bank.starts.tolist() == [0, 2, 2, 5, 6]
  assert bank.block_of_row.tolist() == [0, 0, 2, 2, 2, 3]
  np.testing.assert_array_equal(bank.rows, initial)
  blocks = tf.constant([3, 1, 0])
  assert bank.rows_of(blocks).numpy().tolist() == [5, 0, 1]
  np.testing.assert_array_equal(bank(blocks), initial[[5, 0, 1]])
  np.testing.assert_array_equal(bank(tf.constant([2])), initial[2:5])
  parts = [part.numpy().tolist() for part in bank.split(blocks)]
  assert parts == [[[10, 11]], [], [[0, 1], [2, 3]]]


@pytest.fixture
def dictionary():
  return cells.dictionary(cells.build(0), cells.build(8, seed=1))


def test_keys_of_the_dictionary(dictionary):
  keys = list(dictionary)
  assert len(set(keys)) == len(keys) == len(dictionary) == 2 * 10 * 4
  assert keys[:5] == [
    (0, 0, 0, 0, "sep_conv_3x3"),
    (0, 0, 0, 0, "identity"),
    (0, 0, 0, 0, "max_pool_3x3"),
    (0, 0, 0, 0, "conv_1x1"),
    (0, 0, 0, 1, "sep_conv_3x3"),
  ]
  assert keys[-1] == (1, 1, 1, 2, "conv_1x1")
  assert all(key in dictionary for key in keys)


@pytest.mark.parametrize(
  "key",
  [
    (0, 0, 0, 2, "identity"),  # Node 0 reads nodes 0 and 1 alone.
    (0, 0, 0, -1, "identity"),
    (0, 0, 2, 0, "identity"),
    (0, 2, 0, 0, "identity"),
    (0, -1, 0, 0, "identity"),
    (2, 0, 0, 0, "identity"),
    (-1, 0, 0, 0, "identity"),
    (0, 0, 0, 0, "conv_3x3"),
  ],
)
def test_what_is_not_a_key(dictionary, key):
  assert key not in dictionary
  assert dictionary.get(key) is None
  with pytest.raises(KeyError):
    dictionary[key]


def test_entries_cover_the_banks_without_overlap(dictionary):
  for layer in range(2):
    entries = [dictionary[key] for key in dictionary if key[0] == layer]
    rows = np.concatenate(
      [np.arange(entry.rows.start, entry.rows.stop) for entry in entries]
    )
    assert rows.tolist() == list(range(10 * sum(cells.SIZES)))


def test_read_has_the_shapes_of_the_operation(dictionary):
  entry = dictionary[0, 1, 0, 2, "sep_conv_3x3"]
  stage = [(3, 3, 2, 1), (1, 1, 2, 2), (2,), (2,)]
  assert [each.shape for each in entry.read()] == 2 * stage
  assert dictionary[0, 1, 0, 2, "identity"].read() == []


def test_assign_writes_one_entry_alone(dictionary):
  before = {key: entry.read() for key, entry in dictionary.items()}
  key = (1, 0, 1, 1, "conv_1x1")
  values = [np.arange(4.0).reshape(1, 1, 2, 2), [4.0, 5.0], [6.0, 7.0]]
  dictionary[key].assign(values)
  for other, entry in dictionary.items():
    expected = values if other == key else before[other]
    for found, value in zip(entry.read(), expected, strict=True):
      np.testing.assert_array_equal(found, value)


def test_assign_of_an_operation_without_weights(dictionary):
  before = dictionary[0, 0, 0, 0, "sep_conv_3x3"].read()
  dictionary[0, 0, 0, 0, "identity"].assign([])
  after = dictionary[0, 0, 0, 0, "sep_conv_3x3"].read()
  for found, value in zip(after, before, strict=True):
    np.testing.assert_array_equal(found, value)


def test_assign_of_the_wrong_size(dictionary):
  with pytest.raises(ValueError):
    dictionary[0, 0, 0, 0, "conv_1x1"].assign([np.zeros([1, 1, 2, 2])])


def test_assigned_weights_are_what_the_cell_computes_with():
  cell, (x0, x1) = cells.build(), (cells.images(1), cells.images(2))
  before = cell(x0, x1, arc=cells.ARC)
  dictionary = cells.dictionary(cell)
  unused = dictionary[0, 0, 0, 1, "conv_1x1"]
  unused.assign([2 * each for each in unused.read()])
  np.testing.assert_array_equal(cell(x0, x1, arc=cells.ARC), before)
  used = dictionary[0, 1, 0, 2, "conv_1x1"]
  used.assign([np.flip(each) for each in used.read()])
  found = cell(x0, x1, arc=cells.ARC)
  assert np.abs(found - before).max() > 0.01
  np.testing.assert_allclose(
    found, cells.by_hand(cell, cells.ARC, x0, x1), 1e-3, 1e-4
  )
