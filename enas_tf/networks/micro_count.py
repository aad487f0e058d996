"""How large a micro child is; the steps are those of `micro_child`."""

from enas_tf.layers import operations
from enas_tf.networks import counting, micro_skeleton
from enas_tf.spaces import micro


def count(
  arc: micro.MicroArc,
  *,
  num_layers: int,
  out_filters: int,
  image_shape: tuple[int, int, int],
  num_classes: int,
  faithful: bool = False,
  as_searched: bool = False,
) -> counting.Counter:
  """Returns the count of a child, without its auxiliary head.

  Args:
    arc: the arc.
    num_layers: see `micro_child.build`, as for all arguments below.
    out_filters: channels of the first cells.
    image_shape: (height, width, channels) of an image, in pixels.
    num_classes: logits per image.
    faithful: with the defects of the original.
    as_searched: as the supernet computes it.
  """
  counter = _MicroCounter()
  x = counting.Shape(*image_shape)
  x = counter.normalize(counter.convolve(x, 3 * out_filters, 3))
  previous = (x, x)
  for cell in micro_skeleton.cells(num_layers, out_filters):
    nodes = arc.reduction if cell.is_reduction else arc.normal
    if as_searched:
      previous = counter.searched_cell(previous, cell, nodes, faithful)
    else:
      previous = counter.final_cell(previous, cell, nodes)
  counter.classify(previous[1], num_classes)
  return counter


_Pair = tuple[counting.Shape, counting.Shape]


class _MicroCounter(counting.Counter):
  """Counts the cells as `micro_child` and `micro_skeleton.Glue` build them."""

  def calibrate(
    self, x0: counting.Shape, x1: counting.Shape, filters: int
  ) -> _Pair:
    while x0.size != x1.size:
      x0 = self.reduce(x0, filters)
    if x0.channels != filters:
      x0 = self.project(x0, filters)
    if x1.channels != filters:
      x1 = self.project(x1, filters)
    return x0, x1

  def final_cell(
    self,
    previous: _Pair,
    cell: micro_skeleton.Cell,
    nodes: tuple[micro.Node, ...],
  ) -> _Pair:
    x0, x1 = self.calibrate(*previous, cell.filters)
    x1 = self.project(x1, cell.filters)
    values = self._run_nodes([x0, x1], nodes, stride=1 + cell.is_reduction)
    ends = [values[i] for i in micro.loose_ends(nodes)]
    size = min(each.size for each in ends)
    loose = [
      each if each.size == size else self.reduce(each, cell.filters)
      for each in ends
    ]
    return previous[1], counting.concatenated(loose)

  def searched_cell(
    self,
    previous: _Pair,
    cell: micro_skeleton.Cell,
    nodes: tuple[micro.Node, ...],
    faithful: bool,
  ) -> _Pair:
    x0, x1 = previous
    older = x1
    if cell.is_reduction:
      reduced = self.reduce(x1, cell.filters)
      x0, x1 = (x1, reduced) if faithful else (x0, reduced)
      older = reduced if faithful else older
    x0, x1 = self.calibrate(x0, x1, cell.filters)
    values = self._run_nodes([x0, x1], nodes, stride=1)
    loose = [values[i] for i in micro.loose_ends(nodes)]
    return older, self.project(counting.concatenated(loose), cell.filters)

  def _run_nodes(
    self,
    values: list[counting.Shape],
    nodes: tuple[micro.Node, ...],
    stride: int,
  ) -> list[counting.Shape]:
    for node in nodes:
      for index, op in (
        (node.index_1, node.op_1),
        (node.index_2, node.op_2),
      ):
        here = stride if index < 2 else 1
        result = self.operate(operations.get(op), values[index], here)
      values.append(result)
    return values
