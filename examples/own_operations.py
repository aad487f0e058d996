"""Searches with operations of one's own, on a folder of one's own images.

python examples/own_operations.py [FOLDER [EPOCHS]]

The folder has a subfolder of images for each class, or train/, valid/ and
test/ with such subfolders. Without one, digits of scikit-learn are written.
"""

import pathlib
import sys

import keras
from sklearn import datasets

import enas_tf

OUTPUTS = pathlib.Path("outputs/examples")


# An ordinary Keras layer is enough: it is called with the number of channels.
def squeeze_and_excite(filters):
  return SqueezeAndExcite(filters)


@keras.saving.register_keras_serializable("examples")
class SqueezeAndExcite(keras.layers.Layer):
  """Weighs channels by what is in the whole image (Hu et al. 2018)."""

  def __init__(self, filters, **kwargs):
    super().__init__(**kwargs)
    self.filters = filters
    self.squeeze = keras.layers.Dense(max(filters // 4, 1), "relu")
    self.excite = keras.layers.Dense(filters, "sigmoid")

  def build(self, shape):
    self.squeeze.build((None, self.filters))
    self.excite.build((None, max(self.filters // 4, 1)))

  def call(self, x):
    weights = self.excite(self.squeeze(keras.ops.mean(x, axis=(1, 2))))
    return x * weights[:, None, None, :]

  def get_config(self):
    return super().get_config() | {"filters": self.filters}


def digits_folder():
  """Writes digits as images, one folder for each class."""
  folder = OUTPUTS / "digit_images"
  digits = datasets.load_digits(n_class=3)
  for i, (image, label) in enumerate(
    zip(digits.images, digits.target, strict=True)
  ):
    path = folder / str(label) / f"{i}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    keras.utils.save_img(path, image[..., None], scale=True)
  return folder


def main(folder=None, epochs=10):
  enas_tf.register_operation("squeeze_and_excite", squeeze_and_excite)
  search = enas_tf.Search(
    data=folder or digits_folder(),
    output_dir=OUTPUTS / "own_operations",
    child_ops=["squeeze_and_excite", "sep_conv_3x3", "max_pool_3x3"],
    num_epochs=int(epochs),
    batch_size=32,
    child_num_layers=2,
    child_num_cells=2,
    child_out_filters=8,
  )
  search.run()
  search.results_summary()
  search.train()
  print(search.evaluate())
  print("Exported to", search.export())


if __name__ == "__main__":
  main(*sys.argv[1:])
