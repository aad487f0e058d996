"""A search over more images than the memory holds."""

import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from tests import forked

GIB = 2**30
NUM_CLASSES, NUM_DIFFERENT, NUM_LINKS = 10, 10, 1000
# Decoded, the images have 14 GiB: more than a quarter of this.
MOST_ADDRESSES = 40 * GIB
FLAGS = (
  "--search_for=micro",
  "--data=folder",
  "--image_size=224",
  "--mode=search",
  "--num_epochs=1",
  "--batch_size=8",
  "--log_every=2",
  "--child_num_layers=1",
  "--child_num_cells=1",
  "--child_out_filters=4",
)


def write(path):
  """Makes a folder of 100,000 JPEGs, most of which are links to a few."""
  rng = np.random.default_rng(0)
  for label in range(NUM_CLASSES):
    folder = path / f"class_{label}"
    folder.mkdir(parents=True)
    for i in range(NUM_DIFFERENT):
      coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8))
      file = folder / f"{i}.jpg"
      coarse.resize((224, 224), Image.Resampling.BICUBIC).save(file)
      for copy in range(NUM_LINKS - 1):
        os.link(file, folder / f"{i}_{copy}.jpg")


def limit():
  resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))


@pytest.mark.slow
def test_a_search_stays_within_four_gigabytes(tmp_path):
  write(tmp_path / "images")
  metrics = tmp_path / "run" / "metrics.jsonl"
  with open(tmp_path / "printed", "w") as printed:
    process = subprocess.Popen(
      [
        sys.executable,
        "-m",
        "enas_tf.main",
        *FLAGS,
        f"--data_path={tmp_path / 'images'}",
        f"--output_dir={tmp_path / 'run'}",
      ],
      cwd=forked.ROOT,
      stdout=printed,
      stderr=subprocess.STDOUT,
      preexec_fn=limit,
    )
    deadline = time.monotonic() + 1200
    while not metrics.exists() or metrics.read_text().count("\n") < 4:
      assert process.poll() is None, (tmp_path / "printed").read_text()
      assert time.monotonic() < deadline
      time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    _, status, used = os.wait4(process.pid, 0)
  said = (tmp_path / "printed").read_text()
  assert "Stopped at epoch 1, step" in said, (status, said)
  # Each image is one of the epoch: none were left out.
  steps = (NUM_CLASSES * NUM_DIFFERENT * NUM_LINKS * 4 // 5) * 9 // 10 // 8
  assert f"of {steps}" in said
  assert used.ru_maxrss * 1024 < 4 * GIB
