"""Searches a space of one's own: networks that a function builds, on digits.

python examples/own_space.py [EPOCHS]
"""

import sys

import keras

import enas_tf


def build(arc, input_shape, num_classes):
  """Returns a Keras model, from images to logits.

  Args:
    arc: the choices that count, by their names.
    input_shape: (height, width, channels).
    num_classes: logits of an image.
  """
  layers = [keras.Input(input_shape)]
  for block in range(arc["depth"]):
    layers += [
      keras.layers.Conv2D(
        arc["filters"], arc[f"kernel_{block}"], padding="same", use_bias=False
      ),
      keras.layers.BatchNormalization(),
      keras.layers.Activation(arc["activation"]),
    ]
  layers += [
    keras.layers.GlobalAveragePooling2D(),
    keras.layers.Dense(num_classes),
  ]
  return keras.Sequential(layers)


enas_tf.register_space(
  "nets",
  {
    "depth": [1, 2, 3],
    "filters": [8, 16, 32],
    "activation": ["relu", "gelu", "swish"],
    "kernel_0": [1, 3, 5],
    # The second and third block are not always there.
    "kernel_1": enas_tf.Choice([1, 3, 5], when={"depth": [2, 3]}),
    "kernel_2": enas_tf.Choice([1, 3, 5], when={"depth": [3]}),
  },
  build,
)


def main(num_epochs=4):
  """Searches, trains the best network, and tests it."""
  search = enas_tf.Search(
    "nets",
    data="digits",
    controller="evolution",
    num_epochs=num_epochs,
    child_epochs=2,
    final_num_epochs=10,
    output_dir="outputs/examples/own_space",
  )
  search.run()
  print("Best:", search.best_arc.choices)
  search.train()
  print(search.evaluate())


if __name__ == "__main__":
  main(*map(int, sys.argv[1:]))
