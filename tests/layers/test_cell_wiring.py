import tensorflow as tf

from enas_tf.layers import cell_wiring
from tests.layers import cells


def test_wiring_by_hand():
  # Node 2 reads 0 (op 1) and 1 (op 2), node 3 reads 2 (op 3) and 0 (op 0).
  wiring = cell_wiring.Wiring(tf.constant([0, 1, 1, 2, 2, 3, 0, 0]), 2)
  assert wiring.previous.numpy().tolist() == [0, 1, 2, 0]
  assert wiring.ops.numpy().tolist() == [1, 2, 3, 0]
  assert wiring.loose.numpy().tolist() == [3]
  op, previous, reads = wiring.edges[2]
  assert (int(op), int(previous)) == (3, 2)
  assert [bool(each) for each in reads] == [False, False, True, False]
  flags, indices = zip(*wiring.loose_ends, strict=True)
  assert [bool(each) for each in flags] == [False, False, False, True]
  assert int(indices[3]) == 0


def test_cells_of_a_kind_share_their_wiring_in_a_graph():
  parts = cell_wiring.CommonParts(2, cells.WORDS)
  arc, same = cells.ARC, tf.identity(cells.ARC)
  first = parts.wiring(arc, 0)
  assert parts.wiring(arc, 8) is not first  # Of the other kind of cell.
  assert parts.wiring(arc, 0) is first
  assert parts.wiring(same, 0) is not first

  @tf.function(autograph=False)
  def inside():
    assert parts.wiring(arc, 0) is not first
    assert parts.wiring(arc, 0) is parts.wiring(arc, 0)
    return parts.wiring(arc, 0).loose

  outside = parts.wiring(arc, 0).loose
  assert inside().numpy().tolist() == outside.numpy().tolist()


def test_functions_are_made_once():
  parts = cell_wiring.CommonParts(2, cells.WORDS)
  shape = tf.TensorShape([4, 4, 2])
  assert parts.functions.of(shape) is parts.functions.of(shape)
