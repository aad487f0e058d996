"""A space of our own: what a new one has to say, and no more."""

import dataclasses

import numpy as np

from enas_tf import errors
from enas_tf.spaces import base

OPS = ("my_layer", "conv_3x3", "a thing of two names")


@dataclasses.dataclass(frozen=True)
class ToyArc:
  """Two operations, one behind the other, and a pause between them."""

  row: tuple[int, ...]

  def __str__(self) -> str:
    return " ".join(map(str, self.row))

  def to_json(self):
    return {"space": "toy", "row": list(self.row)}

  def graphs(self):
    first, start, count, second = self.row
    edges = (
      base.Edge(0, 1, OPS[first]),
      base.Edge(1, 2, OPS[second], f"from {start}, {count + 1} long"),
      base.Edge(0, 3),
      base.Edge(2, 3),
    )
    return (base.Graph('my "toy"', ("in", "between", "end", "out"), edges),)


@dataclasses.dataclass(frozen=True)
class ToySpace(base.Space):
  """All toy arcs."""

  name = "toy"

  @property
  def decisions(self):
    return (
      base.Decision("first/op", OPS, "operation"),
      base.Decision("pause/start", (0, 1, 2, 3)),
      base.Decision("pause/count", (1, 2, 3, 4), shrinks_by="pause/start"),
      base.Decision("second/op", OPS, "operation"),
    )

  def encode(self, arc):
    base.expect(arc, ToyArc)
    self.check(arc.row)
    return np.array(arc.row, np.int32)

  def decode(self, row):
    self.check(row)
    return ToyArc(tuple(map(int, row)))

  def from_json(self, value):
    if not isinstance(value, dict) or "row" not in value:
      raise errors.ArcError(f'A toy arc has a "row". Received: {value}')
    return self.decode(value["row"])
