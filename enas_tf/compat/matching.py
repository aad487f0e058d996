"""Matches variables of the original with those of a network, strictly."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from enas_tf import errors

# The scopes of a network's weights, and of the policy's.
CHILD = ("child", "language_model")
CONTROLLER = ("controller",)
# What is no weight: the slots of optimizers, the bookkeeping of moving averages
# and enas_lm's states and averages; and all that is a single number, a counter.
_BOOKKEEPING = re.compile(
  r"(.*/)?(Momentum|Adam(_1)?|RMSProp(_1)?|Adagrad|ExponentialMovingAverage"
  r"|biased|local_step)"
  r"|init_states/.*|(average|backup)/\d+"
)
_SHOWN = 5


class Difference(NamedTuple):
  """What a network and variables do not agree in.

  Attributes:
    missing: names of the network alone.
    unused: names of the variables alone.
    wrong: names of both, with other shapes.
  """

  missing: list[str]
  unused: list[str]
  wrong: list[str]


def weights(
  variables: Mapping[str, Any], scopes: tuple[str, ...] = CHILD
) -> dict[str, np.ndarray]:
  """Returns the weights among variables, by their names in their scope.

  Args:
    variables: arrays by the original's names, with or without a scope ("child/"
      and so on) before and ":0" behind.
    scopes: whose weights; those of other scopes are left aside.
  """
  found = {}
  for name, value in variables.items():
    name = name.removesuffix(":0")
    scope, _, rest = name.partition("/")
    if scope in (*CHILD, *CONTROLLER):
      if scope not in scopes:
        continue
      name = rest
    if np.ndim(value) and not _BOOKKEEPING.fullmatch(name):
      found[name] = np.asarray(value)
  return found


def compare(
  wanted: Mapping[str, tuple[int, ...]], given: Mapping[str, np.ndarray]
) -> Difference:
  """Returns the `Difference` of shapes and arrays, by name.

  The moving averages of a normalization that keeps none here, as those of a
  supernet, are not unused: nothing but their evaluation would read them.

  Args:
    wanted: shapes by name, of a network.
    given: arrays by name.
  """
  unused = [
    name
    for name in given.keys() - wanted.keys()
    if re.sub(r"/moving_(mean|variance)$", "/scale", name) not in wanted
  ]
  return Difference(
    sorted(wanted.keys() - given.keys()),
    sorted(unused),
    sorted(
      name
      for name, shape in wanted.items()
      if name in given and given[name].shape != shape
    ),
  )


def check(
  wanted: Mapping[str, tuple],
  given: Mapping[str, np.ndarray],
  difference: Difference,
  *,
  source: str,
  hint: str = "",
) -> None:
  """Raises CheckpointError unless all weights are used and have a value.

  Args:
    wanted: shapes by name.
    given: arrays by name.
    difference: of these.
    source: whose variables these are.
    hint: what the difference comes from, a sentence.
  """
  if any(difference):
    only_unused = not (difference.missing or difference.wrong)
    wrong = [
      f"{name} {given[name].shape} instead of {wanted[name]}"
      for name in difference.wrong
    ]
    raise errors.CheckpointError(
      f"The variables are of another network: {hint or 'build ours '}"
      + ("" if hint else f"with the sizes and the arc that {source} had")
      + (", or give allow_unused=True to leave the rest" if only_unused else "")
      + f". Received: missing={_few(difference.missing)}, "
      f"other shapes={_few(wrong)}, left over={_few(difference.unused)}"
    )
  bad = sorted(name for name in wanted if not _is_finite(given[name]))
  if bad:
    raise errors.CheckpointError(
      "Weights of the checkpoint are not numbers (NaN or infinite): take an "
      f"earlier checkpoint. Received: variables={_few(bad)}"
    )


def _is_finite(value: np.ndarray) -> bool:
  return np.issubdtype(value.dtype, np.number) and np.isfinite(value).all()


def _few(names: list[str]) -> str:
  return f"{names[:_SHOWN]} ({len(names)})"
