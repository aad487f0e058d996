"""What all micro networks share: where the cells stand, and their glue."""

import dataclasses
from collections.abc import Sequence

import keras

from enas_tf import seeds
from enas_tf.layers import conv, initial, norm


@dataclasses.dataclass(frozen=True)
class Cell:
  """One cell of the stack.

  Attributes:
    index: its index, from 0.
    is_reduction: whether it downsamples to half of height and width.
    filters: its channels, those after the doubling of a reduction.
    feeds_aux_head: whether the auxiliary head stands on its output.
  """

  index: int
  is_reduction: bool
  filters: int
  feeds_aux_head: bool


def cells(num_layers: int, out_filters: int) -> list[Cell]:
  """Returns num_layers normal and two reduction cells, in order.

  The first reduction stands after a third of the layers, the second after two
  thirds, and the auxiliary head after the cell behind the second.

  Args:
    num_layers: normal cells, at least 1.
    out_filters: channels of the first cells.
  """
  reductions = (num_layers // 3, 2 * (num_layers // 3) + 1)
  return [
    Cell(
      index,
      index in reductions,
      out_filters * 2 ** sum(index >= each for each in reductions),
      index == min(reductions[1] + 1, num_layers + 1),
    )
    for index in range(num_layers + 2)
  ]


class Glue:
  """The layers between the cells, under the names of the original's scopes.

  Args:
    seed: of the network.
    moving_statistics: whether the normalization keeps moving averages (a
      child) or takes the statistics of the batch always (a supernet).
  """

  def __init__(self, seed: int, *, moving_statistics: bool) -> None:
    self._seed = seed
    self._moving_statistics = moving_statistics

  def norm(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Returns the normalized input.

    Args:
      x: float32 [batch, height, width, channels].
      name: what the layer's name begins with.
    """
    return norm.BatchNorm(
      moving_statistics=self._moving_statistics, name=f"{name}_bn"
    )(x)

  def stem(self, images: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    """Returns a 3x3 convolution, normalized, without ReLU.

    Args:
      images: float32 [batch, height, width, channels].
      filters: channels of the output.
    """
    x = keras.layers.Conv2D(
      filters,
      3,
      padding="same",
      use_bias=False,
      kernel_initializer=initial.he_normal(self._seed, "stem_conv"),
      name="stem_conv",
    )(images)
    return self.norm(x, "stem_conv")

  def project(
    self, x: keras.KerasTensor, filters: int, name: str
  ) -> keras.KerasTensor:
    """Returns relu, 1x1 convolution, normalization.

    Args:
      x: float32 [batch, height, width, channels].
      filters: channels of the output.
      name: what the layers' names begin with.
    """
    x = keras.layers.ReLU(name=f"{name}_relu")(x)
    x = keras.layers.Conv2D(
      filters,
      1,
      use_bias=False,
      kernel_initializer=initial.he_normal(self._seed, f"{name}_conv"),
      name=f"{name}_conv",
    )(x)
    return self.norm(x, name)

  def reduce(
    self, x: keras.KerasTensor, filters: int, name: str, relu: bool = False
  ) -> keras.KerasTensor:
    """Returns [relu], factorized reduction, normalization.

    Args:
      x: float32 [batch, height, width, channels].
      filters: channels of the output, even.
      name: what the layers' names begin with.
      relu: whether a ReLU comes first.
    """
    if relu:
      x = keras.layers.ReLU(name=f"{name}_relu")(x)
    reduction = f"{name}_reduce"
    x = conv.FactorizedReduction(
      filters, seeds.derive(self._seed, reduction), name=reduction
    )(x)
    return self.norm(x, name)

  def calibrate(
    self,
    x0: keras.KerasTensor,
    x1: keras.KerasTensor,
    filters: int,
    name: str,
  ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Brings both inputs of a cell to one size and to `filters` channels.

    x0, when larger, is downsampled until it is as large as x1 (once, but for
    two reductions in a row).

    Args:
      x0: the older input, float32 [batch, height, width, channels].
      x1: the newer input, likewise.
      filters: channels of both outputs.
      name: what the layers' names begin with.
    """
    steps = 0
    while x0.shape[1:3] != x1.shape[1:3]:
      suffix = f"_{steps}" if steps else ""
      x0 = self.reduce(x0, filters, f"{name}_pool_x{suffix}", relu=True)
      steps += 1
    if x0.shape[-1] != filters:
      x0 = self.project(x0, filters, f"{name}_pool_x")
    if x1.shape[-1] != filters:
      x1 = self.project(x1, filters, f"{name}_pool_y")
    return x0, x1

  def search_inputs(
    self,
    previous: Sequence[keras.KerasTensor],
    cell: Cell,
    faithful: bool,
  ) -> tuple[tuple[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]:
    """Returns the two inputs of a cell in a search, and what comes after.

    A reduction cell has stride 1 there: its inputs are downsampled before it.

    Args:
      previous: the outputs of the two cells before, the older one first.
      cell: the cell.
      faithful: downsample only the newer one and let the cell read it twice, as
        the original does.

    Returns:
      (x0, x1), and the tensor that is the next cell's older input.
    """
    name = f"layer_{cell.index}"
    x0, x1 = previous
    if not cell.is_reduction:
      return self.calibrate(x0, x1, cell.filters, name), x1
    if faithful:
      reduced = self.reduce(x1, cell.filters, name)
      return self.calibrate(x1, reduced, cell.filters, name), reduced
    # Differs from the original, whose reduction cell loses the older input.
    reduced = self.reduce(x1, cell.filters, name)
    return self.calibrate(x0, reduced, cell.filters, name), x1
