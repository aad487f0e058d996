"""How a command begins: TensorFlow is large, and talks."""

import contextlib
import gc
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def importing() -> Iterator[None]:
  """Within it TensorFlow is imported, without a word and faster.

  Its C++ code writes notes to the error stream before it reads its log level.
  Its many objects stay, so the garbage collector need not search them, neither
  now nor while graphs are made.
  """
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
  sys.stderr.flush()
  screen = os.dup(2)
  with open(os.devnull, "w") as nowhere:
    os.dup2(nowhere.fileno(), 2)
  gc.disable()
  try:
    yield
  finally:
    gc.freeze()
    gc.enable()
    os.dup2(screen, 2)
    os.close(screen)
