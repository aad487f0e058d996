"""How TensorFlow prepares the graphs of a run."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

_ALL_OFF = "disable_meta_optimizer"
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
  """Turns off those graph optimizers of TensorFlow that cost time.

  Of GPUs, which worker processes use, too, memory is taken when it is needed.
  """
  gpus = tf.config.list_physical_devices("GPU")
  if not gpus:
    tf.config.optimizer.set_experimental_options(dict.fromkeys(_OFF, False))
  for gpu in gpus:
    with contextlib.suppress(RuntimeError):  # It is in use already.
      tf.config.experimental.set_memory_growth(gpu, True)


@contextlib.contextmanager
def as_traced(is_wanted: bool = True) -> Iterator[None]:
  """Within it, new graphs are run as they were traced.

  The step of an image supernet starts a second earlier, and takes as long.

  Args:
    is_wanted: whether that is so; else nothing changes.
  """
  if not is_wanted:
    yield
    return
  before = tf.config.optimizer.get_experimental_options().get(_ALL_OFF, False)
  tf.config.optimizer.set_experimental_options({_ALL_OFF: True})
  try:
    yield
  finally:
    tf.config.optimizer.set_experimental_options({_ALL_OFF: before})
