"""Steps from an arc to others: what searches without gradients are made of.

An arc is a tuple of integers here, so that it can be a key.
"""

from collections.abc import Sequence

import numpy as np

from enas_tf.spaces import base

Arc = tuple[int, ...]


def random(space: base.Space, rng: np.random.Generator) -> Arc:
  """Returns an arc; each decision is uniform over the options it has.

  Args:
    space: of the arc.
    rng: where its random numbers come from.
  """
  return tuple(space.encode(space.random(rng)).tolist())


def mended(space: base.Space, arc: Sequence[int]) -> Arc:
  """Returns an arc whose decisions take the last option where theirs is gone.

  Args:
    space: of the arc.
    arc: integers, one for each decision; too high ones are lowered.
  """
  row: list[int] = []
  for option in arc:
    row.append(min(int(option), space.num_options(row) - 1))
  return tuple(row)


def mutated(space: base.Space, arc: Arc, rng: np.random.Generator) -> Arc:
  """Returns an arc with another option in one decision, chosen evenly.

  Args:
    space: of the arcs.
    arc: is left as it is.
    rng: where the random numbers come from.
  """
  counts = [space.num_options(arc[:i]) for i in range(len(arc))]
  places = [i for i, count in enumerate(counts) if count > 1]
  if not places:
    return arc
  place = places[rng.integers(len(places))]
  step = 1 + int(rng.integers(counts[place] - 1))
  option = (arc[place] + step) % counts[place]
  return mended(space, (*arc[:place], option, *arc[place + 1 :]))


def crossed(
  space: base.Space, arc: Arc, other: Arc, rng: np.random.Generator
) -> Arc:
  """Returns an arc that has each decision from one of two, chosen evenly.

  Args:
    space: of the arcs.
    arc: one parent.
    other: the other one.
    rng: where the random numbers come from.
  """
  return mended(
    space, np.where(rng.random(len(arc)) < 0.5, arc, other).tolist()
  )


def neighbours(space: base.Space, arc: Arc) -> list[Arc]:
  """Returns all arcs that differ in one decision, and in what that takes away.

  Args:
    space: of the arcs.
    arc: the one in the middle, which is not among them.
  """
  found = [
    mended(space, (*arc[:place], option, *arc[place + 1 :]))
    for place in range(len(arc))
    for option in range(space.num_options(arc[:place]))
    if option != arc[place]
  ]
  return list(dict.fromkeys(found))
