"""Settings that must stand before TensorFlow is imported."""

import os

# The goldens were computed by TensorFlow's own CPU kernels, and with these our
# networks agree with them to the last digits. The oneDNN kernels round
# differently and, where several pixels under a max pool are equal (a pool of a
# pool, zeros behind a ReLU), send the gradient to another of them: as right,
# but not comparable. `TF_ENABLE_ONEDNN_OPTS=1` tests what users run; it leaves
# out the few comparisons that ties, or almost ties, spoil (see golden.py).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

# Files of few tests that take minutes: they come first, so that the processes
# of pytest-xdist end together.
_LONG = (
  "tests/test_resume.py",
  "tests/test_examples.py",
  "tests/test_repeat.py",
  "tests/test_faults.py",
  "tests/test_main.py",
  "tests/bad_inputs",
)


def pytest_collection_modifyitems(items):
  """Sorts the tests; those of a file keep their order."""

  def rank(item):
    found = (i for i, x in enumerate(_LONG) if item.nodeid.startswith(x))
    return next(found, len(_LONG))

  items.sort(key=rank)
