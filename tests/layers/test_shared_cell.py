import numpy as np
import pytest
import tensorflow as tf

from enas_tf.layers import shared_cell
from tests.layers import cells


def test_blocks_are_numbered_by_node_input_previous_and_op():
  cell = cells.build()
  blocks = [
    cell.block(node, side, previous, op)
    for node in range(2)
    for side in range(2)
    for previous in range(node + 2)
    for op in range(len(cells.WORDS))
  ]
  assert blocks == list(range((2 * 2 + 2 * 3) * 4))
  assert np.diff(cell.bank.starts).tolist() == list(cells.SIZES) * 10


@pytest.mark.parametrize(
  "first, blocks, loose",
  [
    # Edges of node 2: 0..3, of node 3: 4..9; 4 operations each.
    (0, [4 * 0 + 0, 4 * 3 + 2, 4 * 6 + 3, 4 * 9 + 0], [3]),
    (8, [4 * 1 + 1, 4 * 3 + 3, 4 * 4 + 0, 4 * 8 + 1], [2, 3]),
  ],
)
def test_chosen_by_hand(first, blocks, loose):
  found = cells.build(first).chosen(cells.ARC)
  assert [each.numpy().tolist() for each in found] == [blocks, loose]
  assert all(each.dtype == tf.int32 for each in found)


@pytest.mark.parametrize("first", [0, 8])
def test_cell_by_hand(first):
  cell, (x0, x1) = cells.build(first), (cells.images(1), cells.images(2))
  rng = np.random.default_rng(0)
  arcs = [
    cells.ARC,
    *[cells.SPACE.encode(cells.SPACE.random(rng)) for _ in range(8)],
  ]
  for arc in map(tf.constant, arcs):
    np.testing.assert_allclose(
      cell(x0, x1, arc=arc), cells.by_hand(cell, arc, x0, x1), 1e-3, 1e-4
    )


def test_cell_is_the_same_in_one_graph():
  cell, (x0, x1) = cells.build(), (cells.images(1), cells.images(2))
  traced = tf.function(lambda arc: cell(x0, x1, arc=arc), autograph=False)
  rng = np.random.default_rng(1)
  for _ in range(4):
    arc = tf.constant(cells.SPACE.encode(cells.SPACE.random(rng)))
    np.testing.assert_allclose(traced(arc), cell(x0, x1, arc=arc), 1e-4, 1e-5)
  assert traced.experimental_get_tracing_count() == 1


def test_graphs_share_an_arc_but_no_tensors():
  cell, arc = cells.build(), tf.identity(cells.ARC)
  for _ in range(2):
    blocks = tf.function(lambda: cell.chosen(arc)[0], autograph=False)()
    np.testing.assert_array_equal(blocks, cell.chosen(cells.ARC)[0])
  np.testing.assert_array_equal(cell.chosen(arc)[0], blocks)


def test_the_cell_reads_its_own_decisions_alone():
  cell, (x0, x1) = cells.build(), (cells.images(1), cells.images(2))
  expected = cell(x0, x1, arc=cells.ARC)
  changes = 0
  for position, decision in enumerate(cells.SPACE.decisions):
    changed = cells.ARC.numpy()
    changed[position] = (changed[position] + 1) % decision.num_options
    found = cell(x0, x1, arc=tf.constant(changed))
    same = np.array_equal(found, expected)
    assert same == (position >= 8), decision.name
    changes += not same
  assert changes == 8


def test_gradients_touch_the_chosen_rows_alone():
  cell, (x0, x1) = cells.build(), (cells.images(1), cells.images(2))
  banks = [bank.rows.value for bank in cell.banks]
  for arc in (cells.ARC, cells.arc_of("1 1 1 2 0 0 2 3  0 0 0 0 0 0 0 0")):
    with tf.GradientTape() as tape:
      loss = tf.reduce_sum(cell(x0, x1, arc=arc) * cells.images(3))
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
  cell, (x0, x1) = cells.build(first), (cells.images(1), cells.images(2))
  variables = [x0, x1, *[bank.rows.value for bank in cell.banks]]
  results = []
  for compute in (
    lambda: cell(x0, x1, arc=cells.ARC),
    lambda: cells.by_hand(cell, cells.ARC, x0, x1),
  ):
    with tf.GradientTape() as tape:
      tape.watch([x0, x1])
      loss = tf.reduce_sum(compute() * cells.images(3))
    gradients = tape.gradient(loss, variables)
    results.append([tf.convert_to_tensor(each) for each in gradients])
  for found, expected in zip(*results, strict=True):
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(found, expected, 1e-3, 1e-3)


def test_initial_weights_are_seeded_and_differ():
  def new(seed):
    cell = shared_cell.SharedCell(2, cells.WORDS, cells.FILTERS, 0, seed)
    cell.build(cells.images().shape)
    return cell

  def rows(seed):
    cell = new(seed)
    return np.concatenate([bank.rows.numpy() for bank in cell.banks])

  np.testing.assert_array_equal(rows(3), rows(3))
  assert np.any(rows(3) != rows(4))
  kernels = [
    entry.read()[1].tobytes()
    for (*_, word), entry in new(0).shared.items()
    if word == "sep_conv_3x3"
  ]
  assert len(set(kernels)) == 10  # No two edges begin alike.
