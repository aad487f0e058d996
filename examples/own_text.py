"""Searches a language model for a text of one's own, and goes on with it.

python examples/own_text.py [EPOCHS [FILE]]

Without a file, the text is the beginning of Python's manual.
"""

import pathlib
import sys
from pydoc_data import topics

import tensorflow as tf

import enas_tf

OUTPUTS = pathlib.Path("outputs/examples")


def manual():
  """Writes a text that every Python has."""
  path = OUTPUTS / "manual.txt"
  path.parent.mkdir(parents=True, exist_ok=True)
  text = "\n".join(topics.topics.values())
  path.write_text(text[:100_000], encoding="utf-8")
  return path


def main(epochs=10, path=None):
  search = enas_tf.Search(
    "rnn",
    data=path or manual(),
    output_dir=OUTPUTS / "own_text",
    num_epochs=int(epochs),
    batch_size=8,
    child_num_nodes=4,
    child_hidden_size=64,
    child_drop_x=0.2,
    child_drop_o=0.2,
    controller_train_steps=5,
  )
  search.run()
  search.train()
  print(search.evaluate())
  saved = tf.saved_model.load(search.export() / "saved_model")
  print(saved.continue_text("the", 20, 1.0, [0, 0])["text"].numpy().decode())


if __name__ == "__main__":
  main(*sys.argv[1:])
