"""Searches a network for handwritten digits, trains it and uses it."""

import sys

from sklearn import datasets

import enas_tf

digits = datasets.load_digits()
x, y = (digits.images * 15.9375).astype("uint8")[..., None], digits.target
search = enas_tf.Search(
  data=(x[360:], y[360:]),
  output_dir="outputs/examples/digits",
  num_epochs=int(sys.argv[1]) if len(sys.argv) > 1 else 20,
  child_num_layers=2,
  child_num_cells=2,
  child_out_filters=8,
  batch_size=32,
)
search.run()
search.results_summary()
model = search.train()
print(search.evaluate(test=(x[:360], y[:360]))["test_accuracy"])
print("This is a", model.predict(x[:1], verbose=0).argmax(), "; truth:", y[0])
