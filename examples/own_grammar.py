"""Searches a grammar: blocks that are trees of operations, on digits.

A tree is an operation, or joins two trees: one behind the other (sequential),
or side by side, summed (parallel). What hangs on a node counts only if the node
joins something.

python examples/own_grammar.py [EPOCHS [CONTROLLER]]
"""

import sys

import keras

import enas_tf

JOINS = ["sequential", "parallel"]
OPS = ["conv_1", "conv_3", "depthwise_3", "pool_3", "identity"]
FILTERS, LEVELS = 16, 2


def decisions(node="tree", levels=LEVELS, when=None):
  """Returns the decisions of a tree, by the names of their nodes.

  Args:
    node: the name of its root.
    levels: of joins, at most.
    when: with which options of which other node it counts.
  """
  words = [*JOINS, *OPS] if levels else OPS
  found = {node: enas_tf.Choice(words, when) if when else words}
  if levels:
    for side in ("a", "b"):
      found |= decisions(f"{node}_{side}", levels - 1, {node: JOINS})
  return found


def operate(op, x):
  """Returns an operation's output, as large as its input.

  Args:
    op: one of `OPS`.
    x: [batch, height, width, FILTERS].
  """
  kind, _, size = op.partition("_")
  if kind == "identity":
    return x
  if kind == "pool":
    return keras.layers.MaxPooling2D(int(size), 1, padding="same")(x)
  layer = (
    keras.layers.Conv2D(FILTERS, int(size), padding="same", use_bias=False)
    if kind == "conv"
    else keras.layers.DepthwiseConv2D(int(size), padding="same", use_bias=False)
  )
  return keras.layers.ReLU()(keras.layers.BatchNormalization()(layer(x)))


def grow(arc, x, node="tree"):
  """Returns the output of a tree.

  Args:
    arc: the choices that count.
    x: [batch, height, width, FILTERS].
    node: the name of its root.
  """
  if arc[node] == "sequential":
    return grow(arc, grow(arc, x, f"{node}_a"), f"{node}_b")
  if arc[node] == "parallel":
    sides = [grow(arc, x, f"{node}_{side}") for side in ("a", "b")]
    return keras.layers.Add()(sides)
  return operate(arc[node], x)


def build(arc, input_shape, num_classes):
  """Returns two blocks of the tree, the second at half the size."""
  images = keras.Input(input_shape)
  x = keras.layers.Conv2D(FILTERS, 3, padding="same")(images)
  x = keras.layers.AveragePooling2D(2)(grow(arc, x))
  x = keras.layers.GlobalAveragePooling2D()(grow(arc, x))
  return keras.Model(images, keras.layers.Dense(num_classes)(x))


enas_tf.register_space("trees", decisions(), build)


def main(num_epochs=3, controller="evolution"):
  """Searches; prints the best tree."""
  search = enas_tf.Search(
    "trees",
    data="digits",
    controller=controller,
    num_epochs=int(num_epochs),
    child_epochs=2,
    output_dir="outputs/examples/own_grammar",
  )
  search.run()
  print("Best:", search.best_arc.choices)


if __name__ == "__main__":
  main(*sys.argv[1:])
