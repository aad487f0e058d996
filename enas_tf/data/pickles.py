"""Reads pickles of CIFAR without running anything that they name.

A pickle is a program. The official batches call four functions of NumPy and
one of Python; here, stand-ins take their place that only carry bytes, so that
no pickle reaches a function, or memory, beyond what its own bytes hold.
"""

import io
import pickle
from typing import Any, Literal, Self

import numpy as np


class _Type:
  """Stands for numpy.ndarray, which is only ever an argument."""


class _Dtype:
  """Stands for numpy.dtype."""

  def __init__(self, code: str | bytes | None = None, *_: object) -> None:
    self.is_uint8 = code in ("u1", b"u1")

  def __setstate__(self, state: object) -> None:
    """Ignores the byte order and what else bytes do not have."""


class _Array:
  """Stands for an array while it is read."""

  def __init__(self, *_: object) -> None:
    self.value: np.ndarray | None = None

  def __setstate__(self, state: Any) -> None:
    _, shape, dtype, is_fortran, content = state
    if not (isinstance(dtype, _Dtype) and dtype.is_uint8):
      raise pickle.UnpicklingError("an array is not of uint8")
    order: Literal["F", "C"] = "F" if is_fortran else "C"
    self.value = np.frombuffer(content, np.uint8).reshape(shape, order=order)


class _Encoded(bytes):
  """Stands for _codecs.encode, by which Python 3 writes bytes for Python 2."""

  def __new__(cls, text: str, encoding: str) -> Self:
    if encoding != "latin1":
      raise pickle.UnpicklingError(f"it asks for the codec {encoding}")
    return super().__new__(cls, text, encoding)


_STAND_INS = {
  ("numpy.core.multiarray", "_reconstruct"): _Array,
  ("numpy._core.multiarray", "_reconstruct"): _Array,
  ("numpy", "ndarray"): _Type,
  ("numpy", "dtype"): _Dtype,
  ("_codecs", "encode"): _Encoded,
}


# The one in C makes a list as long as the largest index that a pickle names,
# which may be 32 GB; this one keeps a dictionary.
class _Unpickler(pickle._Unpickler):
  """Reads the batches and refuses everything else."""

  # The one that is left out takes as much memory as it says, whatever follows.
  dispatch = {
    code: load
    for code, load in pickle._Unpickler.dispatch.items()
    if code != pickle.BYTEARRAY8[0]
  }

  def find_class(self, module: str, name: str) -> type:
    if (module, name) not in _STAND_INS:
      raise pickle.UnpicklingError(f"it asks to run {module}.{name}")
    return _STAND_INS[module, name]


def load(content: bytes) -> dict:
  """Returns the dictionary that was pickled, byte strings throughout.

  Args:
    content: the pickle.

  Raises:
    Exception: of any kind, if the pickle is damaged or holds something else.
  """
  value = _Unpickler(io.BytesIO(content), encoding="bytes").load()
  if not isinstance(value, dict):
    raise pickle.UnpicklingError("it holds no dictionary")
  return {
    key: each.value if isinstance(each, _Array) else each
    for key, each in value.items()
  }
