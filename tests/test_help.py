"""What `--help` tells."""

import subprocess
import sys

from enas_tf import flags, help
from enas_tf.layers import highway, operations
from enas_tf.recipes import base
from enas_tf.spaces import macro, micro, rnn

LINES = help.text("The intro.", flags.OTHERS).splitlines()


def test_it_begins_with_what_matters():
  first = LINES[LINES.index("What matters first:") :]
  names = [line for line in first if line.startswith("  --")][:10]
  words = "mode search_for output_dir seed data data_path batch_size num_epochs"
  found = " ".join(name.strip(" -").partition("=")[0] for name in names)
  assert found == f"{words} child_out_filters child_num_layers"
  assert first[first.index(names[-1]) :].index("") < 6  # There are no more.


def test_choices_are_spelt_out():
  built_in = set(operations._BUILT_IN)  # Other tests register their own.
  assert set(micro.KNOWN_OPS) == {x for x in built_in if "/" not in x}
  known = {f"macro/{word}" for word in macro.KNOWN_OPS}
  assert known == {x for x in built_in if x.startswith("macro/")}
  assert set(rnn.KNOWN_FUNCTIONS) == set(highway.FUNCTIONS)
  text = " ".join(" ".join(LINES).split())
  for words in (micro.KNOWN_OPS, macro.KNOWN_OPS, rnn.KNOWN_FUNCTIONS):
    assert ", ".join(words) in text
  for recipe in base.every():
    assert recipe.name in text
  for arc in ("enas_micro", "enas_macro", "enas_lm"):
    assert arc in text


def test_it_fits_a_terminal_and_loads_no_tensorflow():
  code = """
import sys
from enas_tf import main
sys.argv = ["enas_tf", "--help"]
try:
  main.run()
except SystemExit as end:
  assert end.code == 0
assert "tensorflow" not in sys.modules
"""
  done = subprocess.run(
    [sys.executable, "-c", code], capture_output=True, text=True, check=True
  )
  lines = done.stdout.splitlines()
  assert len(lines) > 200
  assert max(map(len, lines)) <= 80
  assert lines[0].startswith("Efficient Neural Architecture Search")
