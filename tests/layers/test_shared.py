import numpy as np
import pytest
import tensorflow as tf

from enas_tf.layers import mixed, operations, shared, shared_cell
from enas_tf.spaces import micro

FILTERS = 2
WORDS = ("sep_conv_3x3", "identity", "max_pool_3x3", "conv_1x1")
SPACE = micro.MicroSpace(2, WORDS)
# Rows of 2 numbers: sep_conv_3x3 has 2 (9 + 2 + 2), conv_1x1 has 2 + 2.
SIZES = (26, 0, 0, 4)


def images(seed=0, batch=3, size=4):
  rng = np.random.default_rng(seed)
  return tf.constant(rng.normal(size=(batch, size, size, FILTERS)), tf.float32)


def build(first=0, seed=0):
  """Returns a cell whose weights are all different."""
  cell = shared_cell.SharedCell(2, WORDS, FILTERS, first, seed, name="cell")
  cell.build(images().shape)
  rng = np.random.default_rng(seed)
  for bank in cell.banks:
    bank.rows.assign(rng.normal(size=bank.rows.shape))
  return cell


def arc_of(text):
  return tf.constant(SPACE.encode(SPACE.parse(text)))


# The normal cell: node 2 reads 0 and 1, node 3 reads 2 twice. The reduction
# cell: nobody reads node 2.
ARC = arc_of("0 0 1 2 2 3 2 0  1 1 1 3 0 0 1 1")


def by_hand(cell, arc, x0, x1):
  """Computes a cell in the plain way, one node after the other."""
  dictionary = shared.SharedDictionary([cell])
  decoded = SPACE.decode(arc.numpy())
  description = decoded.reduction if cell.first else decoded.normal
  nodes = [x0, x1]
  for i, node in enumerate(description):
    results = []
    for side, (previous, word) in enumerate((node[:2], node[2:])):
      entry = dictionary[0, i, side, previous, word]
      rows = cell.bank.rows.value[entry.rows]
      y, _ = operations.get(word).forward(nodes[previous], rows)
      results.append(y)
    nodes.append(results[0] + results[1])
  loose = micro.loose_ends(description)
  kernels = tf.reshape(cell.output_bank.rows.value, [-1, FILTERS, FILTERS])
  loose = micro.loose_ends(description)
  x = sum(tf.nn.relu(nodes[i]) @ kernels[i] for i in loose)
  mean, variance = tf.nn.moments(x, [0, 1, 2])
  return (x - mean) / tf.sqrt(variance + 1e-5)


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


def test_mixed_out_of_range_runs_the_last():
  rows = tf.random.stateless_normal([4, FILTERS], (0, 0))
  last = mixed.mixed(images(), tf.constant(3), rows, WORDS)
  for op in (-1, 4):
    found = mixed.mixed(images(), tf.constant(op), rows, WORDS)
    np.testing.assert_array_equal(found, last)


def test_mixed_takes_any_batch_in_one_trace():
  x = images(batch=5)
  rows = tf.zeros([0, FILTERS])
  for batch in (1, 2, 5):
    found = mixed.mixed(x[:batch], tf.constant(1), rows, WORDS)
    np.testing.assert_array_equal(found, x[:batch])
  function = mixed.functions_of(WORDS, x.shape[1:]).forward
  assert function.experimental_get_tracing_count() == 1


def test_blocks_are_numbered_by_node_input_previous_and_op():
  cell = build()
  blocks = [
    cell.block(node, side, previous, op)
    for node in range(2)
    for side in range(2)
    for previous in range(node + 2)
    for op in range(len(WORDS))
  ]
  assert blocks == list(range((2 * 2 + 2 * 3) * 4))
  assert np.diff(cell.bank.starts).tolist() == list(SIZES) * 10


@pytest.mark.parametrize(
  "first, blocks, loose",
  [
    # Edges of node 2: 0..3, of node 3: 4..9; 4 operations each.
    (0, [4 * 0 + 0, 4 * 3 + 2, 4 * 6 + 3, 4 * 9 + 0], [3]),
    (8, [4 * 1 + 1, 4 * 3 + 3, 4 * 4 + 0, 4 * 8 + 1], [2, 3]),
  ],
)
def test_chosen_by_hand(first, blocks, loose):
  found = build(first).chosen(ARC)
  assert [each.numpy().tolist() for each in found] == [blocks, loose]
  assert all(each.dtype == tf.int32 for each in found)


@pytest.mark.parametrize("first", [0, 8])
def test_cell_by_hand(first):
  cell, (x0, x1) = build(first), (images(1), images(2))
  rng = np.random.default_rng(0)
  arcs = [ARC, *[SPACE.encode(SPACE.random(rng)) for _ in range(8)]]
  for arc in map(tf.constant, arcs):
    np.testing.assert_allclose(
      cell(x0, x1, arc=arc), by_hand(cell, arc, x0, x1), 1e-3, 1e-4
    )


def test_cell_is_the_same_in_one_graph():
  cell, (x0, x1) = build(), (images(1), images(2))
  traced = tf.function(lambda arc: cell(x0, x1, arc=arc), autograph=False)
  rng = np.random.default_rng(1)
  for _ in range(4):
    arc = tf.constant(SPACE.encode(SPACE.random(rng)))
    np.testing.assert_allclose(traced(arc), cell(x0, x1, arc=arc), 1e-4, 1e-5)
  assert traced.experimental_get_tracing_count() == 1


def test_the_cell_reads_its_own_decisions_alone():
  cell, (x0, x1) = build(), (images(1), images(2))
  expected = cell(x0, x1, arc=ARC)
  changes = 0
  for position, decision in enumerate(SPACE.decisions):
    changed = ARC.numpy()
    changed[position] = (changed[position] + 1) % decision.num_options
    found = cell(x0, x1, arc=tf.constant(changed))
    same = np.array_equal(found, expected)
    assert same == (position >= 8), decision.name
    changes += not same
  assert changes == 8


def test_gradients_touch_the_chosen_rows_alone():
  cell, (x0, x1) = build(), (images(1), images(2))
  banks = [bank.rows.value for bank in cell.banks]
  for arc in (ARC, arc_of("1 1 1 2 0 0 2 3  0 0 0 0 0 0 0 0")):
    with tf.GradientTape() as tape:
      loss = tf.reduce_sum(cell(x0, x1, arc=arc) * images(3))
    gradients = tape.gradient(loss, banks)
    for gradient, bank, blocks in zip(
      gradients, cell.banks, cell.chosen(arc), strict=True
    ):
      assert isinstance(gradient, tf.IndexedSlices)
      touched = gradient.indices.numpy()
      # Without repetitions, as the optimizer needs them.
      assert len(set(touched)) == len(touched)
      assert set(touched) == set(bank.rows_of(blocks).numpy())
      assert np.isfinite(gradient.values).all()
      assert np.abs(gradient.values).max() > 0


@pytest.mark.parametrize("first", [0, 8])
def test_gradients_are_those_of_the_plain_computation(first):
  cell, (x0, x1) = build(first), (images(1), images(2))
  variables = [x0, x1, *[bank.rows.value for bank in cell.banks]]
  results = []
  for compute in (
    lambda: cell(x0, x1, arc=ARC),
    lambda: by_hand(cell, ARC, x0, x1),
  ):
    with tf.GradientTape() as tape:
      tape.watch([x0, x1])
      loss = tf.reduce_sum(compute() * images(3))
    gradients = tape.gradient(loss, variables)
    results.append([tf.convert_to_tensor(each) for each in gradients])
  for found, expected in zip(*results, strict=True):
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(found, expected, 1e-3, 1e-3)


def test_initial_weights_are_seeded_and_differ():
  def new(seed):
    cell = shared_cell.SharedCell(2, WORDS, FILTERS, 0, seed)
    cell.build(images().shape)
    return cell

  def rows(seed):
    cell = new(seed)
    return np.concatenate([bank.rows.numpy() for bank in cell.banks])

  np.testing.assert_array_equal(rows(3), rows(3))
  assert np.any(rows(3) != rows(4))
  dictionary = shared.SharedDictionary([new(0)])
  kernels = [
    entry.read()[1].tobytes()
    for entry in dictionary.values()
    if entry.word == "sep_conv_3x3"
  ]
  assert len(set(kernels)) == 10  # No two edges begin alike.


@pytest.fixture
def dictionary():
  return shared.SharedDictionary([build(0), build(8, seed=1)])


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
    assert rows.tolist() == list(range(10 * sum(SIZES)))


def test_read_has_the_shapes_of_the_operation(dictionary):
  entry = dictionary[0, 1, 0, 2, "sep_conv_3x3"]
  assert entry.word == "sep_conv_3x3"
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
  cell, (x0, x1) = build(), (images(1), images(2))
  before = cell(x0, x1, arc=ARC)
  dictionary = shared.SharedDictionary([cell])
  unused = dictionary[0, 0, 0, 1, "conv_1x1"]
  unused.assign([2 * each for each in unused.read()])
  np.testing.assert_array_equal(cell(x0, x1, arc=ARC), before)
  used = dictionary[0, 1, 0, 2, "conv_1x1"]
  used.assign([np.flip(each) for each in used.read()])
  found = cell(x0, x1, arc=ARC)
  assert np.abs(found - before).max() > 0.01
  np.testing.assert_allclose(found, by_hand(cell, ARC, x0, x1), 1e-3, 1e-4)
