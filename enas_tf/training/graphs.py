"""How TensorFlow prepares the graphs of a run."""

import tensorflow as tf

# On a CPU the remapper's fused kernels are slower than what they replace: a
# step takes 1.1 times as long with them, a forward pass 1.3 times. The others
# find nothing in these graphs and take a second of a search's start.
_OFF = (
  "remapping",
  "arithmetic_optimization",
  "constant_folding",
  "dependency_optimization",
  "loop_optimization",
  "memory_optimization",
  "shape_optimization",
)


def prepare() -> None:
  """Turns off those graph optimizers of TensorFlow that cost time."""
  if not tf.config.list_physical_devices("GPU"):
    tf.config.optimizer.set_experimental_options(dict.fromkeys(_OFF, False))
