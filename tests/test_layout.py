"""The rules of the architecture that no interpreter checks."""

import ast
import pathlib
import subprocess
import sys

PACKAGE = pathlib.Path(__file__).parent.parent / "enas_tf"
MOST_LINES = 60
# What each package may import of ours, besides the seeds.
ALLOWED = {
  "spaces": {"spaces", "errors"},
  "layers": {"layers", "errors"},
  "networks": {"networks", "layers", "spaces", "errors"},
  "controllers": {"controllers", "spaces", "errors"},
  "evaluators": {"evaluators", "spaces", "networks", "training"},
  "training": {"training", "layers", "networks", "errors"},
  "data": {"data", "errors"},
  "tasks": {"tasks", "data", "training", "layers", "errors", "files"}
  | {"run_folder"},
  "report": {"report", "config", "errors", "files", "spaces"},
}


def modules():
  for path in sorted(PACKAGE.rglob("*.py")):
    yield path, ast.parse(path.read_text())


def imports(tree):
  """Returns what of ours is imported: the package or module below enas_tf."""
  for node in ast.walk(tree):
    if isinstance(node, ast.ImportFrom) and node.module:
      parts = node.module.split(".")
      if parts[0] == "enas_tf":
        yield from parts[1:2] or [alias.name for alias in node.names]


def test_packages_import_what_they_may():
  for path, tree in modules():
    allowed = ALLOWED.get(path.relative_to(PACKAGE).parts[0])
    if allowed is not None:
      assert set(imports(tree)) <= allowed | {"seeds"}, path


def test_only_the_top_knows_flags():
  for path, _ in modules():
    if path.name not in ("flags.py", "main.py"):
      assert "absl import flags" not in path.read_text(), path


def test_functions_fit_a_screen():
  for path, tree in modules():
    for node in ast.walk(tree):
      if isinstance(node, ast.FunctionDef):
        length = node.end_lineno - node.lineno + 1
        assert length <= MOST_LINES, (path, node.name, length)


def test_spaces_load_no_tensorflow():
  names = [path.stem for path in (PACKAGE / "spaces").glob("[a-z]*.py")]
  code = (
    f"import sys\nfrom enas_tf.spaces import {', '.join(names)}\n"
    "assert 'tensorflow' not in sys.modules"
  )
  subprocess.run([sys.executable, "-c", code], check=True)
