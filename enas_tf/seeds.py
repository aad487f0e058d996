"""Seeds by name: every stream of random numbers has one of its own."""

import zlib

import numpy as np


def derive(seed: int, name: str) -> int:
  """Returns the seed of what has this name under a seed.

  Sums like `seed + 1` would give neighbouring seeds the same numbers in other
  places. Seeds are derived of derived ones: a run's for its networks, a
  network's for its layers, a layer's for its weights.

  Args:
    seed: of the whole, at least 0.
    name: of the part; no two parts of a whole have the same.

  Returns:
    An integer in [0, 2**31), so that it is an int32, too.

  >>> derive(0, "policy")
  1962110060
  """
  words = np.random.SeedSequence([seed, zlib.crc32(name.encode())])
  return int(words.generate_state(1)[0]) >> 1
