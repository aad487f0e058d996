"""The rules of the architecture that no interpreter checks."""

import ast
import fnmatch
import pathlib
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).parent
PACKAGE = TESTS.parent / "enas_tf"
MOST_LINES_OF_A_FUNCTION, MOST_LINES_OF_A_FILE = 60, 400
# Small modules that know nothing of ours; anyone may import them.
ANYWHERE = {"errors", "files", "registry", "seeds", "states"}
# What else each package may import of ours, and single modules of it.
ALLOWED = {
  "spaces": set(),
  # The words that settings take; modules without TensorFlow.
  "settings": {
    "controllers.registry",
    "evaluators.expression",
    "evaluators.registry",
  },
  "layers": set(),
  "data": set(),
  "networks": {"layers", "spaces"},
  "training": {"layers", "networks"},
  # What an export replaces is deleted with the care that a run takes.
  "tasks": {"data", "layers", "own_files", "training"},
  "controllers": {"spaces", "trials"},
  "distributed": set(),
  "evaluators": {
    "distributed",
    "networks",
    "spaces",
    "tasks",
    "training",
    "trials",
  },
  "report": {"spaces", "tasks", "trials"},
  "recipes": {
    "controllers",
    "evaluators",
    "layers",
    "networks",
    "settings",
    "spaces",
    "tasks",
    "training",
  },
}
# What loads no TensorFlow: it stands in errors of the first second.
LIGHT = (
  "__init__.py",
  "distributed/*.py",
  "spaces/*.py",
  "settings/*.py",
  "recipes/__init__.py",
  "recipes/base.py",
  "recipes/experiments.py",
  "recipes/*/__init__.py",
  "recipes/*/settings.py",
)
# Modules without a test file of their own, as patterns, and who tests them.
TESTED_ELSEWHERE = {
  "benchmarks/*.py": "they are measured by hand; they are imported here",
  "benchmarks/quality_*.py": "tests/benchmarks/test_search_quality.py",
  "compat/hints.py": "tests/compat/test_wrong_imports.py",
  "compat/matching.py": "tests/compat/test_original.py, test_enas_lm.py",
  "compat/reading.py": "tests/compat/test_loading.py, test_wrong_imports.py",
  "controllers/policy.py": "the tests of its subclasses",
  "controllers/registry.py": "tests/conformance/test_controllers.py",
  "data/decoding.py": "tests/data/test_folder.py, test_bad_images.py",
  "data/files.py": "tests/data/test_cifar.py, test_bad_archives.py",
  "data/gif.py": "tests/data/test_bad_images.py",
  "data/npz.py": "tests/data/test_bad_archives.py",
  "data/pickles.py": "tests/data/test_bad_archives.py",
  "distributed/base.py": "tests/distributed/test_pool.py",
  "distributed/worker.py": "tests/distributed/test_pool.py",
  "evaluators/base.py": "tests/conformance/test_evaluators.py",
  "evaluators/registry.py": "tests/conformance/test_evaluators.py",
  "evaluators/table_*.py": "tests/evaluators/test_table.py",
  "failures.py": "tests/test_faults.py, tests/bad_inputs/",
  "keras_hook.py": "tests/test_api.py",
  "layers/basic_stages.py": "tests/layers/test_operations.py",
  "layers/composite.py": "tests/layers/test_own_operations.py",
  "layers/initial.py": "tests/test_seeds.py",
  "layers/keras_stages.py": "tests/layers/test_own_operations.py",
  "layers/serializable.py": "tests/runs/test_fit.py",
  "layers/stage_layers.py": "tests/layers/test_operations.py",
  "layers/stages.py": "tests/layers/test_operations.py",
  "models.py": "tests/test_api.py",
  "networks/*_count.py": "tests/networks/test_counting.py",
  "recipes/base.py": "tests/recipes/test_toy.py",
  "recipes/images.py": "tests/networks/test_counts.py, tests/test_main.py",
  "recipes/*/parts.py": "tests/runs/test_assembly.py, tests/test_seeds.py",
  "recipes/*/settings.py": "tests/recipes/test_experiments.py",
  "registry.py": "its examples, run here",
  "report/callbacks.py": "tests/runs/test_search.py",
  "report/notebook.py": "tests/test_api.py",
  "runs/algorithm.py": "tests/runs/test_search.py",
  "runs/child_training.py": "tests/runs/test_children.py",
  "runs/divergence.py": "tests/test_faults.py, tests/runs/",
  "runs/evaluate.py": "tests/test_main.py",
  "runs/export.py": "tests/test_main.py",
  "runs/loading.py": "tests/test_api.py",
  "runs/memory.py": "tests/bad_inputs/test_memory.py",
  "runs/run.py": "tests/test_resume.py",
  "runs/verbs.py": "tests/test_main.py",
  "settings/*.py": "tests/recipes/test_experiments.py",
  "sources.py": "tests/test_api.py",
  "tasks/base.py": "the tests of its subclasses",
  "tasks/saved.py": "tests/tasks/test_saved_text.py",
  "tasks/scores.py": "tests/recipes/table/test_parts.py",
  "tasks/saved_images.py": "tests/test_main.py",
  "training/graphs.py": "tests/runs/test_image_training.py",
  "training/steps.py": "the tests of its subclasses",
  "training/unshared.py": "the tests of its subclasses",
}
# Test files that are of no one module, as patterns, and what they are of.
OF_MANY = {
  "bad_inputs/*": "what a user can get wrong, on the command line",
  "conformance/*": "the interfaces, for all that implement them",
  "compat/test_original_macro.py": "compat/original.py, the macro space",
  "compat/test_wrong_imports.py": "the errors of all of compat/",
  "data/test_bad_*.py": "the errors of all of data/",
  "data/test_large_folder.py": "the memory that a search takes",
  "layers/test_own_operations.py": "operations of a user's",
  "networks/test_macro_inherit.py": "networks/inherit.py, the macro space",
  "networks/test_own_operations.py": "operations of a user's",
  "networks/test_shared.py": "the shared weights of every supernet",
  "recipes/test_toy.py": "a space of a user's",
  "report/test_command_line.py": "what is seen of a whole run",
  "spaces/test_micro_graph.py": "spaces/micro.py, its pictures",
  "test_examples.py": "the examples and the README",
  "test_faults.py": "full disks and killed processes",
  "test_habits.py": "annotations, docstrings and names, counted",
  "test_layout.py": "this file",
  "test_product.py": "structures and settings, searched together",
  "test_repeat.py": "a run that is repeated, bit for bit",
  "test_wheel.py": "what is installed",
  "test_workers.py": "runs/children.py and distributed/, for users",
  "test_resume.py": "a run that is stopped and resumed",
}


def named(path):
  """Returns the dotted name of a module, below enas_tf: "" for itself."""
  parts = path.relative_to(PACKAGE).with_suffix("").parts
  return ".".join(part for part in parts if part != "__init__")


TREES = {
  path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))
}
MODULES = {named(path): path for path in TREES}


def is_type_checking(node):
  return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def statements(node, with_functions):
  """Yields the nodes that run when a module is imported, or ever.

  Those under TYPE_CHECKING never do.
  """
  for child in ast.iter_child_nodes(node):
    if is_type_checking(child):
      children = child.orelse
    elif isinstance(child, ast.FunctionDef) and not with_functions:
      continue
    else:
      yield child
      children = [child]
    for each in children:
      yield from statements(each, with_functions)


def imports(tree, with_functions=True):
  """Returns the modules of ours that are imported, as `named`."""
  for node in statements(tree, with_functions):
    names = []
    if isinstance(node, ast.ImportFrom) and node.module:
      names = [(node.module, alias.name) for alias in node.names]
    elif isinstance(node, ast.Import):
      names = [(alias.name, "") for alias in node.names]
    for module, name in names:
      first, _, rest = module.partition(".")
      if first == "enas_tf":
        whole = ".".join(part for part in (rest, name) if part)
        yield whole if whole in MODULES else rest


def package(module):
  return module.split(".")[0]


def cycle(graph):
  """Returns what imports itself in the end, as one path; [] if nothing does."""
  done = set()

  def visit(node, path):
    if node in path:
      return [*path[path.index(node) :], node]
    if node in done:
      return []
    for each in sorted(graph.get(node, ())):
      if found := visit(each, [*path, node]):
        return found
    done.add(node)
    return []

  return next(filter(None, (visit(node, []) for node in sorted(graph))), [])


def test_cycles_are_found():
  assert cycle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
  assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def test_packages_import_what_they_may():
  """Imports for type checkers alone are free: they name an interface."""
  assert set(ALLOWED) <= {package(module) for module in MODULES}
  for path, tree in TREES.items():
    own = package(named(path))
    if own not in ALLOWED:
      continue
    for module in imports(tree):
      assert (
        package(module) in ANYWHERE | ALLOWED[own] | {own}
        or module in ALLOWED[own]
      ), (path, module)


def test_no_recipe_uses_private_names_of_another():
  for path, tree in TREES.items():
    if package(named(path)) != "recipes":
      continue
    modules = {
      alias.asname or alias.name
      for node in ast.walk(tree)
      if isinstance(node, ast.ImportFrom)
      and (node.module or "").startswith("enas_tf.recipes")
      for alias in node.names
    }
    assert not [name for name in modules if name.startswith("_")], path
    for node in ast.walk(tree):
      if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        is_private = node.attr.startswith("_")
        assert not (is_private and node.value.id in modules), (path, node.attr)


def test_no_cycle_of_files():
  """By what is imported at the top: an import in a function comes later."""
  assert not cycle(
    {
      named(path): set(imports(tree, with_functions=False)) - {named(path)}
      for path, tree in TREES.items()
    }
  )


def test_no_cycle_of_packages():
  """By all imports that ever run, those inside functions included.

  The names that enas_tf itself offers are looked up by their texts.
  """
  graph = {}
  for path, tree in TREES.items():
    own = package(named(path))
    found = {package(module) for module in imports(tree)}
    # The one module of a package that the table above allows alone.
    light = {
      package(module)
      for module in ALLOWED.get(own, ())
      if "." in module and module in set(imports(tree))
    }
    if own:
      graph.setdefault(own, set()).update(found - light - {own, ""})
  assert not cycle(graph)


def test_only_the_top_knows_flags():
  for path in TREES:
    if path.name not in ("flags.py", "main.py"):
      assert "absl import flags" not in path.read_text(), path


def test_functions_fit_a_screen():
  for path, tree in TREES.items():
    for node in ast.walk(tree):
      if isinstance(node, ast.FunctionDef):
        length = node.end_lineno - node.lineno + 1
        assert length <= MOST_LINES_OF_A_FUNCTION, (path, node.name, length)


def test_files_are_short():
  long = {
    named(path): length
    for path in TREES
    if (length := len(path.read_text().splitlines())) > MOST_LINES_OF_A_FILE
  }
  assert not long


def test_settings_spaces_and_recipes_load_no_tensorflow():
  names = [
    f"enas_tf.{name}".rstrip(".")
    for name, path in MODULES.items()
    if any(path.match(str(PACKAGE / pattern)) for pattern in LIGHT)
  ]
  assert len(names) > 20
  code = "import importlib, sys\n" + "".join(
    f"importlib.import_module({name!r})\n"
    f"assert not {{'tensorflow', 'keras'}} & set(sys.modules), {name!r}\n"
    for name in names
  )
  subprocess.run([sys.executable, "-c", code], check=True, cwd=TESTS.parent)


def matching(path, patterns):
  return [each for each in patterns if fnmatch.fnmatch(path, each)]


def test_every_module_is_tested():
  """X.py by test_X.py in the same place, or it is known where."""
  used = set()
  for path in TREES:
    if path.name == "__init__.py":
      continue
    place = path.relative_to(PACKAGE)
    if not (TESTS / place.parent / f"test_{place.name}").exists():
      found = matching(place.as_posix(), TESTED_ELSEWHERE)
      assert found, f"Nothing says what tests {place}."
      used.update(found)
  assert used == set(TESTED_ELSEWHERE), "Some reasons are of the past."


def test_every_test_file_is_of_a_module():
  used = set()
  for path in TESTS.rglob("test_*.py"):
    place = path.relative_to(TESTS)
    tested = PACKAGE / place.parent / place.name.removeprefix("test_")
    if not tested.exists():
      found = matching(place.as_posix(), OF_MANY)
      assert found, f"Nothing says what {place} is of."
      used.update(found)
  assert used == set(OF_MANY), "Some reasons are of the past."


@pytest.mark.parametrize(
  "name", ["registry", "benchmarks.step_time", "benchmarks.subjects"]
)
def test_examples_and_imports(name):
  import doctest
  import importlib

  module = importlib.import_module(f"enas_tf.{name}")
  found = doctest.testmod(module)
  assert not found.failed
  assert found.attempted or name != "registry"
