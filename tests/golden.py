"""Goldens: what the original code computed, as arrays.

Each .npz in goldens/ holds inputs, weights ("var/..." by the original's
names), outputs, and "meta", a JSON text of the settings.
"""

import json
import os
import pathlib

import numpy as np
import pytest

FOLDER = pathlib.Path(__file__).parent / "goldens"
ONEDNN = os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0"
# How far sums of some thousand float32 numbers may be apart.
ATOL, RTOL = 3e-5, 1e-3

no_ties = pytest.mark.skipif(
  ONEDNN, reason="oneDNN breaks ties in max pools otherwise (conftest.py)"
)


def load(name: str) -> tuple[dict[str, np.ndarray], dict]:
  """Returns (arrays by name, settings)."""
  with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as file:
    arrays = {key: file[key] for key in file.files}
  return arrays, json.loads(str(arrays.pop("meta")))


def under(arrays, prefix: str) -> dict[str, np.ndarray]:
  """Returns the arrays whose names begin so, without that beginning."""
  return {
    key.removeprefix(prefix): value
    for key, value in arrays.items()
    if key.startswith(prefix)
  }
