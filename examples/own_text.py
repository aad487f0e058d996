"""Searches a language model for a text of one's own, and goes on with it.

python examples/own_text.py [FILE [EPOCHS]]

Without a file, it is the text of Python's license.
"""

import pathlib
import sys

import tensorflow as tf

import enas_tf

OUTPUTS = pathlib.Path("outputs/examples")


def license_file():
  """Writes a text that every Python has."""
  path = OUTPUTS / "license.txt"
  path.parent.mkdir(parents=True, exist_ok=True)
  license._Printer__setup()  # What `license()` prints.
  path.write_text("\n".join(license._Printer__lines))
  return path


def main(path=None, epochs=20):
  search = enas_tf.Search(
    "rnn",
    data=path or license_file(),
    output_dir=OUTPUTS / "own_text",
    num_epochs=int(epochs),
    child_num_nodes=4,
    child_hidden_size=64,
    batch_size=8,
    child_drop_x=0.2,
    child_drop_o=0.2,
  )
  search.run()
  search.results_summary()
  search.train()
  print(search.evaluate())
  saved = tf.saved_model.load(search.export() / "saved_model")
  print(saved.continue_text("the", 20, 1.0, [0, 0])["text"].numpy().decode())


if __name__ == "__main__":
  main(*sys.argv[1:])
