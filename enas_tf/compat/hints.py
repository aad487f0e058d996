"""Says what a difference between a network and variables comes from."""

import re
from collections.abc import Mapping

import numpy as np

from enas_tf.compat import matching, reading

# Of a kind of network, where a name like that stands in a `Difference`.
_SIGNS = (
  (
    reading.MICRO_SEARCH,
    "missing",
    r"layer_\d+/calibrate/pool_x/.*",
    "a reduction cell of the original's search reads one tensor twice; build "
    "ours likewise, with faithful=True (`faithful`)",
  ),
  (
    reading.MACRO_FINAL,
    "missing",
    r"layer_\d+/conv_\dx\d/w_depth",
    "the original's final macro child has plain convolutions where separable "
    "ones were searched; build ours likewise, with faithful=True (`faithful`)",
  ),
  (
    None,
    "missing",
    r"aux_head/.*",
    "they are without an auxiliary head; build ours likewise, with "
    "use_aux_heads=False (`child_use_aux_heads=False`)",
  ),
  (
    None,
    "wrong",
    r"aux_head/avg_pool/w",
    "they are for images of another size; build ours for these",
  ),
  (
    None,
    "unused",
    r"aux_head/.*",
    "they are with an auxiliary head; build ours likewise, with "
    "use_aux_heads=True (`child_use_aux_heads`)",
  ),
)


def hint(
  wanted: Mapping[str, tuple],
  given: Mapping[str, np.ndarray],
  difference: matching.Difference,
) -> str:
  """Returns what the difference comes from, or "".

  Args:
    wanted: shapes by name, of the network.
    given: arrays by name.
    difference: of these.
  """
  if not any(difference):
    return ""
  shapes = {name: value.shape for name, value in given.items()}
  ours, theirs = reading.kind(wanted), reading.kind(shapes)
  if ours != theirs and ours and theirs:
    return f"they are of a {theirs}, ours of a {ours}"
  pattern = r"(?:rnn_cell/)?layer_(\d+)/"
  counts = [reading.count(names, pattern) for names in (wanted, shapes)]
  if counts[0] != counts[1] and all(counts):
    return f"they have {counts[1]} layers, ours has {counts[0]}"
  for word, field, sign, text in _SIGNS:
    names = getattr(difference, field)
    if word in (None, ours) and any(re.fullmatch(sign, n) for n in names):
      return text
  return ""
