"""Searches a network for handwritten digits, trains it and uses it.

python examples/digits.py [EPOCHS]
"""

import sys

from sklearn import datasets

import enas_tf

digits = datasets.load_digits()
x, y = (digits.images * 255 / 16).astype("uint8")[..., None], digits.target
search = enas_tf.Search(
  data=(x[360:], y[360:]),
  output_dir="outputs/examples/digits",
  num_epochs=int(sys.argv[1]) if len(sys.argv) > 1 else 20,
  batch_size=32,
  augment="crop",  # By default images are mirrored, too.
  child_num_layers=2,
  child_num_cells=2,
  child_out_filters=8,
  child_lr_max=0.1,
  controller_train_steps=5,
)
search.run()
model = search.train()
print(search.evaluate(test=(x[:360], y[:360])))
print("Seen:", model.predict(x[:9]).argmax(axis=1), "in truth:", y[:9])
