"""Windows of a text: what a recurrent network is trained on, step by step.

A window is a function of the step (and of a seed, where lengths are random)
alone, so a stream that starts at step k is the rest of the stream that started
at 0, and nothing of it needs to be saved.
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from enas_tf import errors

# Of windows of random lengths: the fraction of those about the usual length,
# and the standard deviation, in words, before it is cut at two of them.
_USUAL, _SPREAD = 0.95, 5.0


class Window(NamedTuple):
  """A part of each row.

  Attributes:
    inputs: int32 [batch_size, num_steps].
    targets: the words that follow, int32 [batch_size, num_steps].
    is_first: whether the rows begin here, so that no state is carried; bool [].
  """

  inputs: np.ndarray
  targets: np.ndarray
  is_first: np.ndarray


def batched(ids: np.ndarray, batch_size: int) -> np.ndarray:
  """Returns the text cut into rows, int32 [batch_size, length].

  Row i + 1 goes on where row i ends. Up to batch_size - 1 words at the end are
  left out.

  Args:
    ids: of the words, int32 [n].
    batch_size: how many rows.

  Raises:
    DataError: if a row would have fewer than two words.
  """
  length = len(ids) // batch_size
  if length < 2:
    raise errors.DataError(
      "The text is too short for so many rows: lower `batch_size`, or give a "
      f"longer text. Received: batch_size={batch_size}, words={len(ids)}"
    )
  return ids[: batch_size * length].reshape(batch_size, length)


def windows_per_epoch(rows: np.ndarray, num_steps: int) -> int:
  """Returns how many windows `windows` cuts before it begins again.

  Args:
    rows: of `batched`.
    num_steps: words of a window, of each row.
  """
  return (rows.shape[1] - 1) // num_steps


def windows(
  rows: np.ndarray, num_steps: int, start_step: int = 0
) -> Iterator[Window]:
  """Returns endless windows of `num_steps` words, one after the other.

  What is left at the end of the rows is too short for a window and left out.

  Args:
    rows: int32 [batch_size, length].
    num_steps: words of each row in a window.
    start_step: the window to begin with.

  Raises:
    DataError: if the rows are shorter than one window and the word after it.
  """
  _check_length(rows, num_steps)
  num_windows = windows_per_epoch(rows, num_steps)
  return (
    _window(rows, step % num_windows * num_steps, num_steps)
    for step in itertools.count(start_step)
  )


def random_windows(
  rows: np.ndarray, num_steps: int, seed: int, start_step: int = 0
) -> Iterator[Window]:
  """Returns endless windows of random lengths, one after the other.

  So words do not end a window every time that the text is read (Merity et al.
  2017, arXiv:1708.02182, section 5, with the numbers of enas_lm). The last
  window of the rows is as long as what is left.

  Args:
    rows: int32 [batch_size, length].
    num_steps: the usual length.
    seed: of the lengths.
    start_step: the window to begin with.

  Raises:
    DataError: if the rows are shorter than one usual window and the word after
      it.
  """
  _check_length(rows, num_steps)
  stream = _random_windows(rows, num_steps, seed)
  return itertools.islice(stream, start_step, None)


def _random_windows(
  rows: np.ndarray, num_steps: int, seed: int
) -> Iterator[Window]:
  rng = np.random.default_rng(seed)
  while True:
    start = 0
    while start < rows.shape[1] - 1:
      length = _random_length(rng, num_steps)
      yield _window(rows, start, length)
      start += length


def _random_length(rng: np.random.Generator, num_steps: int) -> int:
  """Returns a length, normal about the usual one or, rarely, its half."""
  mean = num_steps if rng.random() < _USUAL else num_steps / 2
  noise = rng.normal()
  while abs(noise) > 2:
    noise = rng.normal()
  return max(1, int(mean + _SPREAD * noise))


def eval_windows(rows: np.ndarray, num_steps: int) -> Iterator[Window]:
  """Returns all of the rows, once; the last window may be shorter.

  Args:
    rows: of `batched`.
    num_steps: words of a window, of each row.
  """
  return (
    _window(rows, start, num_steps)
    for start in range(0, rows.shape[1] - 1, num_steps)
  )


def _check_length(rows: np.ndarray, num_steps: int) -> None:
  if windows_per_epoch(rows, num_steps) < 1:
    raise errors.DataError(
      "The text is too short for one window: lower `batch_size` or "
      "`child_bptt_steps`, or give a longer text. Received: "
      f"num_steps={num_steps}, rows={rows.shape}"
    )


def _window(rows: np.ndarray, start: int, num_steps: int) -> Window:
  end = min(start + num_steps, rows.shape[1] - 1)
  return Window(
    rows[:, start:end], rows[:, start + 1 : end + 1], np.array(start == 0)
  )
