"""Rewards that the user writes as an expression of scores and costs.

What is allowed is numbers, names, `+ - * / ^`, parentheses and a few functions.
Python's parser reads it, nothing evaluates it but the few lines here.
"""

import ast
import functools
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from enas_tf import errors

_LONGEST, _DEEPEST = 500, 50  # Characters, and levels of parentheses.
_OPERATORS: dict[type, Callable[..., float]] = {
  ast.Add: operator.add,
  ast.Sub: operator.sub,
  ast.Mult: operator.mul,
  ast.Div: operator.truediv,
  ast.Pow: math.pow,
  ast.USub: operator.neg,
  ast.UAdd: operator.pos,
}
_FUNCTIONS: dict[str, Callable[..., float]] = {
  "abs": abs,
  "exp": math.exp,
  "log": math.log,
  "max": max,
  "min": min,
  "sqrt": math.sqrt,
}
# Functions of two arguments or more.
_OF_SEVERAL = ("max", "min")


class Expression:
  """A formula, such as "accuracy*(multiply_adds/3e8)^-0.07".

  >>> formula = Expression("accuracy * (macs / 100) ^ -0.5")
  >>> formula({"accuracy": 0.8, "macs": 400.0})
  0.4
  >>> sorted(formula.names)
  ['accuracy', 'macs']

  Args:
    text: the formula.

  Attributes:
    text: the formula.
    names: what values it needs.

  Raises:
    ConfigError: if it is none.
  """

  def __init__(self, text: str) -> None:
    self.text = text
    self._names: set[str] = set()
    self._value = self._read(_parsed(text).body, 0)

  @property
  def names(self) -> frozenset[str]:
    """What values it needs."""
    return frozenset(self._names)

  def __call__(self, values: Mapping[str, float]) -> float:
    """Returns its value; NaN where it has none, as the logarithm of 0.

    Args:
      values: by name.
    """
    try:
      return float(self._value(values))
    except (ArithmeticError, ValueError, TypeError):
      return math.nan

  def _read(
    self, node: ast.AST, depth: int
  ) -> Callable[[Mapping[str, float]], Any]:
    """Returns a part of the formula as a function of the values."""
    if depth > _DEEPEST:
      raise _refused(self.text, f"it is more than {_DEEPEST} levels deep")
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
      if not isinstance(node.value, bool):
        number = float(node.value)
        return lambda values: number
    if isinstance(node, ast.Name):
      name = node.id
      self._names.add(name)
      return lambda values: values[name]
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
      found = (node.left, node.right)
      return self._applied(depth, _OPERATORS[type(node.op)], *found)
    if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
      return self._applied(depth, _OPERATORS[type(node.op)], node.operand)
    if isinstance(node, ast.Call) and _is_known(node):
      assert isinstance(node.func, ast.Name)
      return self._applied(depth, _FUNCTIONS[node.func.id], *node.args)
    raise _refused(self.text, f"{ast.unparse(node)} is none of these")

  def _applied(
    self, depth: int, function: Callable[..., float], *nodes: ast.AST
  ) -> Callable[[Mapping[str, float]], Any]:
    parts = [self._read(node, depth + 1) for node in nodes]
    return lambda values: function(*(part(values) for part in parts))


def _is_known(node: ast.Call) -> bool:
  """Returns whether a call is of a known function, with its arguments."""
  if not isinstance(node.func, ast.Name) or node.keywords:
    return False
  name, count = node.func.id, len(node.args)
  is_right = count >= 2 if name in _OF_SEVERAL else count == 1
  return name in _FUNCTIONS and is_right


def _parsed(text: str) -> ast.Expression:
  """Returns the tree of a formula, in which ^ is a power."""
  if len(text) > _LONGEST:
    raise _refused(text, f"it has {len(text)} characters")
  try:
    return ast.parse(text.strip().replace("^", "**"), mode="eval")
  except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
    raise _refused(text, str(error)) from error


@functools.cache
def _grammar() -> str:
  functions = ", ".join(f"{name}()" for name in _FUNCTIONS)
  return f"numbers, names of scores and costs, + - * / ^, (), {functions}"


def _refused(text: str, reason: str) -> errors.ConfigError:
  return errors.ConfigError(
    f"`reward` is a formula of {_grammar()}, of {_LONGEST} characters at most: "
    f"correct it. Received: reward={errors.shorten(text)} ({reason})"
  )
