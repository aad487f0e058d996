"""Measures habits of the code: annotations, docstrings, named arguments.

Run `python -m tests.test_habits` to print the numbers. How things are counted:

* Functions: every `def` of the package, nested ones and methods included. One
  is fully annotated if each parameter but `self` and `cls` and the return have
  an annotation.
* Public definitions: classes, functions and methods without a leading
  underscore, outside of functions and of private classes. Properties count,
  as do overriding methods.
* A public method without a docstring that overrides one of a base class within
  the package inherits the docstring of the nearest base, as `inspect.getdoc`
  and editors do. "with docstring" counts such methods as documented; "of their
  own" beside it does not, and asks only what stands in the file.
* Arguments: of the public definitions that have a docstring and parameters,
  those whose `Args:` section names every parameter, `*` and `**` included. A
  class has the parameters of its `__init__`, which `Args:` may describe in
  either docstring. An override whose own docstring has no `Args:` inherits
  those of the base in the first number; in "of their own" it does not, and
  those that have no docstring of their own are not asked.
"""

import ast
import pathlib
import re
from collections.abc import Iterator
from typing import NamedTuple

PACKAGE = pathlib.Path(__file__).parent.parent / "enas_tf"
LEAST_ANNOTATED = 0.95
LEAST_DOCUMENTED = 0.95
LEAST_NAMED = 0.80

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Public(NamedTuple):
  """A public definition, its owner (a class) and where it stands."""

  where: str
  node: Function | ast.ClassDef
  owner: ast.ClassDef | None


class Counts(NamedTuple):
  """How many of how many, and where the others are."""

  good: int
  total: int
  bad: list[str]

  @property
  def fraction(self) -> float:
    return self.good / max(1, self.total)


def trees() -> Iterator[tuple[str, ast.Module]]:
  for path in sorted(PACKAGE.rglob("*.py")):
    yield str(path.relative_to(PACKAGE)), ast.parse(path.read_text())


def parameters(function: Function, is_method: bool) -> list[ast.arg]:
  """Returns the parameters of a function but `self` and `cls`."""
  arguments = function.args
  found = [*arguments.posonlyargs, *arguments.args]
  is_static = any(
    isinstance(item, ast.Name) and item.id == "staticmethod"
    for item in function.decorator_list
  )
  if is_method and not is_static:
    found = found[1:]
  found += arguments.kwonlyargs
  return found + [a for a in (arguments.vararg, arguments.kwarg) if a]


def functions() -> Iterator[tuple[str, Function, bool]]:
  """Yields where each function stands, its node and whether it is a method."""
  for path, tree in trees():
    for parent in ast.walk(tree):
      for node in ast.iter_child_nodes(parent):
        if isinstance(node, Function):
          is_method = isinstance(parent, ast.ClassDef)
          yield f"{path}:{node.lineno} {node.name}", node, is_method


def is_annotated(function: Function, is_method: bool) -> bool:
  if function.returns is None:
    return False
  return all(a.annotation for a in parameters(function, is_method))


def public_definitions() -> list[Public]:
  """Returns the public definitions of the package."""
  found = []

  def collect(path: str, body: list, owner: ast.ClassDef | None) -> None:
    for node in body:
      if isinstance(node, ast.If | ast.Try):
        collect(path, node.body, owner)
      if not isinstance(node, Function | ast.ClassDef):
        continue
      if node.name.startswith("_"):
        continue
      found.append(Public(f"{path}:{node.lineno} {node.name}", node, owner))
      if isinstance(node, ast.ClassDef):
        collect(path, node.body, node)

  for path, tree in trees():
    collect(path, tree.body, None)
  return found


def classes() -> dict[str, list[ast.ClassDef]]:
  """Returns the classes of the package, private ones included, by name."""
  found: dict[str, list[ast.ClassDef]] = {}
  for _, tree in trees():
    for node in ast.walk(tree):
      if isinstance(node, ast.ClassDef):
        found.setdefault(node.name, []).append(node)
  return found


def base_names(owner: ast.ClassDef) -> list[str]:
  """Returns the last words of the names of a class's bases."""
  names = []
  for base in owner.bases:
    base = base.value if isinstance(base, ast.Subscript) else base
    if isinstance(base, ast.Attribute):
      names.append(base.attr)
    elif isinstance(base, ast.Name):
      names.append(base.id)
  return names


def bases(
  owner: ast.ClassDef, known: dict[str, list[ast.ClassDef]]
) -> list[ast.ClassDef]:
  """Returns a class's bases within the package, the nearest first."""
  found, waiting = [], [owner]
  while waiting:
    for name in base_names(waiting.pop(0)):
      for base in known.get(name, []):
        if base is not owner and base not in found:
          found.append(base)
          waiting.append(base)
  return found


def method_of(owner: ast.ClassDef, name: str) -> Function | None:
  for node in owner.body:
    if isinstance(node, Function) and node.name == name:
      return node
  return None


def texts(
  public: Public, known: dict[str, list[ast.ClassDef]], inherit: bool
) -> list[str]:
  """Returns the docstrings that speak for a definition, its own first."""
  own = ast.get_docstring(public.node)
  found = [own] if own else []
  if inherit and public.owner is not None:
    for base in bases(public.owner, known):
      method = method_of(base, public.node.name)
      text = ast.get_docstring(method) if method else None
      if text:
        return [*found, text]
  return found


def named_arguments(text: str) -> set[str]:
  """Returns the parameters that the `Args:` section of a docstring names."""
  section = re.search(r"^Args:\n((?:[ ]+.*\n|\n)*)", text + "\n", re.M)
  if section is None:
    return set()
  names = set()
  for line in section.group(1).splitlines():
    match = re.match(r" {2,4}(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: \(.*\))?:", line)
    if match:
      names |= {name.strip("* ") for name in match.group(1).split(",")}
  return names


def wanted_arguments(public: Public) -> tuple[set[str], list[str]]:
  """Returns the parameters to name, and further texts that may name them."""
  if isinstance(public.node, Function):
    found = parameters(public.node, public.owner is not None)
    return {a.arg for a in found}, []
  start = method_of(public.node, "__init__")
  if start is None:
    return set(), []
  text = ast.get_docstring(start)
  return {a.arg for a in parameters(start, True)}, [text] if text else []


def annotated() -> Counts:
  bad, total = [], 0
  for where, node, is_method in functions():
    total += 1
    if not is_annotated(node, is_method):
      bad.append(where)
  return Counts(total - len(bad), total, bad)


def documented(inherit: bool = True) -> Counts:
  known, publics = classes(), public_definitions()
  bad = [each.where for each in publics if not texts(each, known, inherit)]
  return Counts(len(publics) - len(bad), len(publics), bad)


def named(inherit: bool = True) -> Counts:
  known = classes()
  bad, total = [], 0
  for public in public_definitions():
    found = texts(public, known, inherit)
    wanted, more = wanted_arguments(public)
    if not found or not wanted:
      continue
    total += 1
    if not any(wanted <= named_arguments(text) for text in found + more):
      bad.append(public.where)
  return Counts(total - len(bad), total, bad)


def test_functions_are_annotated():
  counts = annotated()
  assert counts.fraction >= LEAST_ANNOTATED, counts.bad


def test_public_definitions_have_docstrings():
  counts = documented()
  assert counts.fraction >= LEAST_DOCUMENTED, counts.bad


def test_docstrings_name_arguments():
  for counts in (named(), named(inherit=False)):
    assert counts.fraction >= LEAST_NAMED, counts.bad


def test_args_sections_are_read():
  text = "Does.\n\nArgs:\n  x: A number.\n    go: on\n  y, z: Two.\n\nReturns:"
  assert named_arguments(text) == {"x", "y", "z"}


def main() -> None:
  """Prints the numbers."""
  for name, counts in (
    ("functions fully annotated", annotated()),
    ("public definitions with docstring", documented()),
    ("... of their own", documented(inherit=False)),
    ("with parameters, all named in Args", named()),
    ("... of their own", named(inherit=False)),
  ):
    line = f"{counts.good} of {counts.total} ({counts.fraction:.1%})"
    print(f"{name}: {line}")


if __name__ == "__main__":
  main()
