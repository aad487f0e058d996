"""The macro space with channel ranges: every layer joins all operations.

As in the macro space, the layers stand in a row and have skip connections. But
a layer is not one operation: it concatenates a range of the output channels of
each (the original's `controller_search_whole_channels=False`).
"""

import dataclasses
import functools
import itertools
import operator
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from enas_tf import errors
from enas_tf.spaces import base, macro


class Layer(NamedTuple):
  """One layer; layers are counted from 0.

  Attributes:
    ranges: (start, count) of the output channels that the layer takes from
      each operation, in the order of the arc's `ops`; count is at least 1.
    skips: the bits, as in `macro.Layer`.
  """

  ranges: tuple[tuple[int, int], ...]
  skips: tuple[bool, ...]


@dataclasses.dataclass(frozen=True)
class MacroChannelsArc:
  """A network of layers that join ranges of channels.

  `str(arc)` is the original's string of integers: start and count of each
  operation, then the skip bits, with two spaces between layers.

  >>> ops = ("conv_3x3", "max_pool_3x3")
  >>> space = MacroChannelsSpace(num_layers=2, out_filters=8, ops=ops)
  >>> arc = space.parse("0 8 6 2  3 1 0 4 1")
  >>> arc.layers[1]
  Layer(ranges=((3, 1), (0, 4)), skips=(True,))
  >>> str(arc)
  '0 8 6 2  3 1 0 4 1'

  Attributes:
    layers: from the stem to the classifier.
    out_filters: output channels of a whole operation.
    ops: the names of the operations.
  """

  layers: tuple[Layer, ...]
  out_filters: int
  ops: tuple[str, ...] = macro.PAPER_OPS

  def __str__(self) -> str:
    return "  ".join(
      " ".join(map(str, (*itertools.chain(*ranges), *map(int, skips))))
      for ranges, skips in self.layers
    )

  def to_json(self) -> dict[str, Any]:
    """Returns a value for `json.dumps`; the space's `from_json` reads it."""
    return {
      "space": "macro_channels",
      "out_filters": self.out_filters,
      "ops": list(self.ops),
      "layers": [
        [
          {op: list(each) for op, each in zip(self.ops, ranges, strict=True)},
          [int(bit) for bit in skips],
        ]
        for ranges, skips in self.layers
      ],
    }

  def graphs(self) -> tuple[base.Graph, ...]:
    """Returns the network as a graph, for pictures.

    Each operation is an edge; behind its name is the slice of its channels.
    """
    operations = [
      [
        (op, f"[{start}:{start + count}]")
        for op, (start, count) in zip(self.ops, layer.ranges, strict=True)
      ]
      for layer in self.layers
    ]
    return (macro.graph(self.layers, operations, self.ops),)


@dataclasses.dataclass(frozen=True)
class MacroChannelsSpace(base.Space):
  """All networks of layers that take some channels of each operation.

  An encoded arc has, for each operation of a layer, start and count - 1. How
  many counts there are depends on the start: the range ends at `out_filters`.

  Differs from the original: a count is at most `out_filters` - 1 there, so
  that no layer takes all channels of an operation.

  Attributes:
    num_layers: layers after the stem, at least 1.
    out_filters: output channels of a whole operation, at least 1.
    ops: the names of the operations, in the order of their integers.
  """

  num_layers: int = 12
  out_filters: int = 36
  ops: tuple[str, ...] = macro.PAPER_OPS
  name = "macro_channels"

  def __post_init__(self) -> None:
    macro.check_size(self.num_layers, self.ops)
    if self.out_filters < 1:
      raise errors.ConfigError(
        "An operation needs at least one channel: raise `child_out_filters`. "
        f"Received: out_filters={self.out_filters}"
      )

  @functools.cached_property
  def decisions(self) -> tuple[base.Decision, ...]:
    starts = tuple(range(self.out_filters))
    counts = tuple(range(1, self.out_filters + 1))
    decisions = []
    for i in range(self.num_layers):
      for op in self.ops:
        start, count = f"layer_{i}/{op}/start", f"layer_{i}/{op}/count"
        decisions += [
          base.Decision(start, starts, "channel"),
          base.Decision(count, counts, "channel", shrinks_by=start),
        ]
      decisions += macro.skip_decisions(i)
    return tuple(decisions)

  def encode(self, arc: base.Arc) -> np.ndarray:
    arc = base.expect(arc, MacroChannelsArc)
    layers = [
      (dict(zip(arc.ops, layer.ranges, strict=True)), layer.skips)
      for layer in arc.layers
    ]
    return self._to_row(self._integers_of(arc.out_filters, layers))

  def decode(self, row: base.Row) -> MacroChannelsArc:
    row = [int(value) for value in row]
    self.check(row)
    values = iter(row)
    layers = [
      Layer(
        tuple((next(values), next(values) + 1) for _ in self.ops),
        tuple(map(bool, itertools.islice(values, i))),
      )
      for i in range(self.num_layers)
    ]
    return MacroChannelsArc(tuple(layers), self.out_filters, self.ops)

  def canonical(self, row: base.Row) -> tuple[int, ...]:
    """Returns the row whose ranges begin at channel 0.

    A child has an operation with as many channels as the range; where it began
    says only which of the shared weights these were.

    Args:
      row: `num_decisions` integers.
    """
    starts = {decision.shrinks_by for decision in self.decisions}
    return tuple(
      0 if decision.name in starts else int(value)
      for value, decision in zip(row, self.decisions, strict=True)
    )

  def from_json(self, value: Any) -> MacroChannelsArc:
    try:
      out_filters = operator.index(value["out_filters"])
      layers = [
        (
          {op: tuple(map(operator.index, each)) for op, each in ranges.items()},
          [operator.index(bit) for bit in skips],
        )
        for ranges, skips in value["layers"]
      ]
    except (AttributeError, TypeError, KeyError, ValueError) as error:
      raise errors.ArcError(
        'A macro_channels arc in JSON has the keys "out_filters" and "layers", '
        'a list of layers [{"op": [start, count], ...}, [skip_0, skip_1, ...]] '
        "with skips of 0 or 1: write it as a run's best_arc.json does. "
        f"Received: {value}"
      ) from error
    return self.decode(self._integers_of(out_filters, layers))

  def _integers_of(
    self,
    out_filters: int,
    layers: Sequence[tuple[Mapping[str, Sequence[int]], Sequence[int]]],
  ) -> list[int]:
    """Returns the integers of layers, which may come from outside."""
    if out_filters != self.out_filters:
      raise errors.ArcError(
        f"An arc of this {self.name} space chooses among {self.out_filters} "
        f"channels: change the arc, or set `child_out_filters={out_filters}`. "
        f"Received: out_filters={out_filters}"
      )
    macro.check_skips([skips for _, skips in layers], self.num_layers)
    row = []
    for i, (ranges, skips) in enumerate(layers):
      row += [*self._range_integers(ranges, f"layer_{i}"), *map(int, skips)]
    return row

  def _integers(self, text: str) -> list[int]:
    """Returns the encoded arc: its text has counts, not counts - 1."""
    row = super()._integers(text)
    if len(row) != self.num_decisions:
      return row  # `check` says so.
    for i, decision in enumerate(self.decisions):
      if decision.shrinks_by is not None:
        name = decision.shrinks_by.removesuffix("/start")
        self._check_range(row[i - 1 : i + 1], name)
        row[i] -= 1
    return row

  def _range_integers(
    self, ranges: Mapping[str, Sequence[int]], name: str
  ) -> list[int]:
    """Returns the integers of the ranges of the layer of that name."""
    if set(ranges) != set(self.ops):
      raise errors.ArcError(
        f"A layer takes channels of each operation ({', '.join(self.ops)}): "
        "change the layer, or `child_ops`. "
        f"Received: {name}={', '.join(map(str, ranges))}"
      )
    row = []
    for op in self.ops:
      self._check_range(ranges[op], f"{name}/{op}")
      start, count = ranges[op]
      row += [start, count - 1]
    return row

  def _check_range(self, channels: Sequence[int], name: str) -> None:
    match channels:
      case start, count if 0 <= start < start + count <= self.out_filters:
        return
    raise errors.ArcError(
      "A range of channels is a start and a count of at least 1, and ends at "
      f"{self.out_filters}, the channels there are, or before: change it. "
      f"Received: {name}={list(channels)}"
    )
