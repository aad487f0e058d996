"""Settings that must stand before TensorFlow is imported."""

import os

# The goldens were computed by TensorFlow's own CPU kernels, and with these our
# networks agree with them to the last digits. The oneDNN kernels round
# differently and, where several pixels under a max pool are equal (a pool of a
# pool, zeros behind a ReLU), send the gradient to another of them: as right,
# but not comparable. `TF_ENABLE_ONEDNN_OPTS=1` tests what users run; it leaves
# out the few comparisons that ties, or almost ties, spoil (see golden.py).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
