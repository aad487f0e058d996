"""Searches with operations of one's own, on a folder of one's own images.

python examples/own_operations.py [EPOCHS [FOLDER]]

The folder has a subfolder of images for each class, or train/, valid/ and
test/ with such subfolders. Without one, digits of scikit-learn are written.
"""

import pathlib
import sys

import keras
import tensorflow as tf
from sklearn import datasets

import enas_tf

OUTPUTS = pathlib.Path("outputs/examples")


def swish_conv(filters, strides=1):
  """An ordinary Keras layer is enough."""
  return keras.layers.Conv2D(
    filters, 3, strides, padding="same", activation="swish"
  )


class MirroredMean:
  """So is a class with `forward`; its gradient comes from a tape."""

  def forward(self, x, weights):
    return (x + tf.reverse(x, axis=[2])) / 2


def digits_folder():
  """Writes the digits 0, 1 and 2 as images, a folder for each class."""
  folder = OUTPUTS / "digit_images"
  digits = datasets.load_digits(n_class=3)
  for i, label in enumerate(digits.target):
    path = folder / str(label) / f"{i}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    keras.utils.save_img(path, digits.images[i, ..., None])
  return folder


def main(epochs=10, folder=None):
  enas_tf.register_operation("swish_conv", swish_conv)
  enas_tf.register_operation("mirrored_mean", MirroredMean)
  search = enas_tf.Search(
    data=folder or digits_folder(),
    output_dir=OUTPUTS / "own_operations",
    child_ops=["swish_conv", "mirrored_mean", "sep_conv_3x3", "max_pool_3x3"],
    num_epochs=int(epochs),
    batch_size=32,
    child_num_layers=2,
    child_num_cells=2,
    child_out_filters=8,
    controller_train_steps=5,
  )
  search.run()
  search.train()
  print(search.evaluate())
  print("Exported to", search.export())


if __name__ == "__main__":
  main(*sys.argv[1:])
