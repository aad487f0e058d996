"""Networks that no machine holds are refused before they are built.

The limit only makes a test that fails a small one.
"""

import pytest

from tests.bad_inputs import commands as commands_lib

GIB = 2**30
MICRO = "--search_for=micro --data=digits"
MACRO = "--search_for=macro --data=digits"
RNN = "--search_for=rnn --data=pydoc"
ROWS = [
  (f"{MICRO} --child_out_filters=16384", "--child_out_filters"),
  (f"{MICRO} --child_num_cells=100 --child_out_filters=512", "num_cells"),
  (f"{MICRO} --child_num_layers=1000 --child_out_filters=512", "num_layers"),
  (f"{MACRO} --child_out_filters=16384", "--child_out_filters"),
  (f"{MACRO} --child_num_layers=1000 --child_out_filters=1024", "num_layers"),
  (
    f"{MICRO} --mode=train --child_fixed_arc=enas_micro "
    "--child_out_filters=16384",
    "final child.*--final_out_filters",
  ),
  (
    f"{MICRO} --mode=train --child_fixed_arc=enas_micro "
    "--final_out_filters=16384",
    "final child.*--final_out_filters",
  ),
  (f"{RNN} --child_hidden_size=65536", "--child_hidden_size"),
  (f"{RNN} --child_num_nodes=500 --child_hidden_size=4096", "num_nodes"),
  (
    f"{RNN} --mode=train --child_fixed_arc=enas_lm --child_hidden_size=65536",
    "final child.*--final_hidden_size",
  ),
  (
    f"{MICRO} --controller_lstm_size=16384 --controller_num_layers=100",
    "--controller_lstm_size or --controller_num_layers",
  ),
]


@pytest.mark.parametrize(("flags", "words"), ROWS)
def test_sizes(commands, tmp_path, flags, words):
  outcome = commands_lib.refuse(
    commands, tmp_path, flags.split(), words, most_memory=6 * GIB
  )
  assert "GiB of memory or more" in outcome.stderr
