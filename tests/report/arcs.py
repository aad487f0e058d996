"""Arcs of all kinds, to be drawn."""

from typing import NamedTuple

import numpy as np

from enas_tf.spaces import base, macro, macro_channels, micro, rnn
from tests.spaces import toy

# Each node reads the one before it: as many columns as there can be.
DEEP = micro.MicroSpace().parse(
  "0 0 1 1 2 2 0 3 3 4 1 0 4 1 2 2 5 3 0 4 "
  "0 0 0 0 0 4 2 1 0 3 3 2 2 0 4 4 1 2 5 3"
)


class Drawn(NamedTuple):
  """An arc of which nothing is known but its graphs."""

  drawn: tuple[base.Graph, ...]

  def graphs(self):
    return self.drawn


def _any_graphs(rng):
  """Returns graphs with long names, and edges without any order."""
  labels = (
    "",
    "op",
    "MaximumPooling",
    "a_long_name_of_an_operation",
    "MMMMMMMM",
  )
  graphs = []
  for size in (1, 2, 6):
    edges = [
      base.Edge(
        start, end, str(rng.choice(labels)), str(rng.choice(labels[:2]))
      )
      for end in range(size)
      for start in range(end)
      if rng.random() < 0.7
    ]
    names = tuple(f"WWWWW a long name {i}" for i in range(size))
    title = "a title that is longer than others"
    graphs.append(base.Graph(f"{size} {title}", names, tuple(edges)))
  return tuple(graphs)


def _arcs():
  rng = np.random.default_rng(0)
  long = ("dilated_separable_conv_11x11", "identity")
  return {
    "micro": micro.PUBLISHED["enas_micro"],
    "micro_deep": DEEP,
    # Node i reads node i - 1 and the first input.
    "micro_wrapped": micro.MicroSpace(9).decode(
      2 * [x for i in range(9) for x in (i + 1, 0, 0, 0)]
    ),
    "micro_long_words": micro.MicroSpace(2, long).random(rng),
    "macro": macro.PUBLISHED["enas_macro"],
    "ranges": macro_channels.MacroChannelsSpace(12, 36).random(rng),
    "many_channels": macro_channels.MacroChannelsSpace(3, 4096).random(rng),
    "few_ranges": macro_channels.MacroChannelsSpace(
      2, 24, ("conv_3x3", "max_pool_3x3")
    ).random(rng),
    "rnn": rnn.PUBLISHED["enas_lm"],
    "rnn_first_function": rnn.PUBLISHED["enas_ptb"],
    "toy": toy.ToySpace().random(rng),
    "any": Drawn(_any_graphs(rng)),
  } | {f"random_{i}": micro.MicroSpace().random(rng) for i in range(4)}


ARCS = _arcs()
