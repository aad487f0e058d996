import keras
import pytest

from enas_tf.networks import micro_skeleton


@pytest.mark.parametrize(
  ("num_layers", "reductions", "aux"),
  [
    (1, [0, 1], 2),
    (2, [0, 1], 2),
    (3, [1, 3], 4),
    (5, [1, 3], 4),
    # The original's sizes: search, and final.
    (6, [2, 5], 6),
    (15, [5, 11], 12),
  ],
)
def test_where_the_cells_stand(num_layers, reductions, aux):
  cells = micro_skeleton.cells(num_layers, 4)
  assert [cell.index for cell in cells] == list(range(num_layers + 2))
  assert [cell.index for cell in cells if cell.is_reduction] == reductions
  assert [cell.index for cell in cells if cell.feeds_aux_head] == [aux]
  for cell in cells:
    past = sum(cell.index >= each for each in reductions)
    assert cell.filters == 4 * 2**past


def calibrated(shape_0, shape_1, filters):
  glue = micro_skeleton.Glue(seed=0, moving_statistics=True)
  inputs = keras.Input(shape_0), keras.Input(shape_1)
  outputs = glue.calibrate(*inputs, filters, "layer_1")
  names = {layer.name for layer in keras.Model(inputs, outputs).layers}
  return [x.shape[1:] for x in outputs], names


@pytest.mark.parametrize(
  ("shape_0", "shape_1", "layers"),
  [
    ((8, 8, 4), (8, 8, 4), set()),
    ((8, 8, 6), (8, 8, 4), {"layer_1_pool_x_conv"}),
    ((8, 8, 4), (8, 8, 6), {"layer_1_pool_y_conv"}),
    ((16, 16, 2), (8, 8, 4), {"layer_1_pool_x_reduce"}),
    ((15, 13, 2), (8, 7, 4), {"layer_1_pool_x_reduce"}),
    (
      (32, 32, 4),
      (8, 8, 4),
      {"layer_1_pool_x_reduce", "layer_1_pool_x_1_reduce"},
    ),
  ],
)
def test_calibrates_inputs_to_one_shape(shape_0, shape_1, layers):
  shapes, names = calibrated(shape_0, shape_1, 4)
  assert shapes == [(*shape_1[:2], 4)] * 2
  weighty = {name for name in names if name.endswith(("_conv", "_reduce"))}
  assert weighty == layers


def search_reduction(faithful):
  """Returns (x0's source, x1's source, what comes next) of a reduction."""
  glue = micro_skeleton.Glue(seed=0, moving_statistics=False)
  older, newer = keras.Input((8, 8, 4)), keras.Input((8, 8, 4))
  cell = micro_skeleton.Cell(1, True, 8, False)
  (x0, x1), following = glue.search_inputs((older, newer), cell, faithful)
  assert x0.shape[1:] == x1.shape[1:] == (4, 4, 8)

  def reads(tensor, source):
    try:
      keras.Model(source, tensor)
    except ValueError:
      return False
    return True

  source = ["older" if reads(x, older) else "newer" for x in (x0, x1)]
  return source, following, (newer, x1)


def test_search_reduction_reads_both_inputs():
  source, following, (newer, _) = search_reduction(faithful=False)
  assert source == ["older", "newer"]
  assert following is newer


def test_faithful_search_reduction_reads_the_newer_input_twice():
  source, following, (_, x1) = search_reduction(faithful=True)
  assert source == ["newer", "newer"]
  assert following is x1


@pytest.mark.parametrize("faithful", [False, True])
def test_search_keeps_the_inputs_of_a_normal_cell(faithful):
  glue = micro_skeleton.Glue(seed=0, moving_statistics=False)
  older, newer = keras.Input((8, 8, 4)), keras.Input((8, 8, 4))
  cell = micro_skeleton.Cell(0, False, 4, False)
  (x0, x1), following = glue.search_inputs((older, newer), cell, faithful)
  assert x0 is older
  assert x1 is newer
  assert following is newer
