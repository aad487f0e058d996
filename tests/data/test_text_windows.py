import itertools

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.data import text_windows

IDS = np.arange(26, dtype=np.int32)
ROWS = text_windows.batched(IDS, 2)


def take(windows, num):
  return list(itertools.islice(windows, num))


def assert_same(left, right):
  for one, other in zip(left, right, strict=True):
    for a, b in zip(one, other, strict=True):
      np.testing.assert_array_equal(a, b)


def test_rows_go_on_where_the_last_ended():
  assert ROWS.tolist() == [list(range(13)), list(range(13, 26))]
  assert text_windows.batched(IDS, 3).tolist() == [
    [0, 1, 2, 3, 4, 5, 6, 7],
    [8, 9, 10, 11, 12, 13, 14, 15],
    [16, 17, 18, 19, 20, 21, 22, 23],
  ]
  assert ROWS.dtype == np.int32


def test_windows_by_hand():
  assert text_windows.windows_per_epoch(ROWS, 5) == 2
  first, second, third = take(text_windows.windows(ROWS, 5), 3)
  assert first.inputs.tolist() == [[0, 1, 2, 3, 4], [13, 14, 15, 16, 17]]
  assert first.targets.tolist() == [[1, 2, 3, 4, 5], [14, 15, 16, 17, 18]]
  assert second.inputs.tolist() == [[5, 6, 7, 8, 9], [18, 19, 20, 21, 22]]
  assert [bool(w.is_first) for w in (first, second, third)] == [
    True,
    False,
    True,
  ]
  assert_same([third], [first])


def test_a_word_is_left_for_the_last_target():
  # 13 words are 12 inputs with a target.
  assert text_windows.windows_per_epoch(ROWS, 6) == 2
  assert text_windows.windows_per_epoch(ROWS, 12) == 1
  (window,) = take(text_windows.windows(ROWS, 12), 1)
  assert window.targets[:, -1].tolist() == [12, 25]


@pytest.mark.parametrize("start_step", [0, 1, 2, 3, 7, 100])
def test_a_stream_can_be_resumed(start_step):
  whole = take(text_windows.windows(ROWS, 4), start_step + 5)
  rest = take(text_windows.windows(ROWS, 4, start_step), 5)
  assert_same(whole[start_step:], rest)


LONG = text_windows.batched(np.arange(600_002, dtype=np.int32), 2)


def test_random_lengths():
  """About 100 and, one of twenty, about half of it; within 10 of both."""
  windows = take(text_windows.random_windows(LONG, 100, seed=0), 2000)
  lengths = np.array([w.inputs.shape[1] for w in windows])
  usual, rare = lengths[lengths > 75], lengths[lengths < 75]
  assert 90 <= usual.min() < usual.max() <= 110
  assert 40 <= rare.min() < rare.max() <= 60
  assert 0.03 < len(rare) / len(lengths) < 0.07
  # Rounded down; a normal distribution of 5 cut at twice that has 4.4.
  assert usual.mean() == pytest.approx(99.5, abs=0.4)
  assert rare.mean() == pytest.approx(49.5, abs=1.5)
  assert usual.std() == pytest.approx(4.4, abs=0.3)


def test_random_windows_have_every_word_once():
  windows = take(text_windows.random_windows(ROWS, 5, seed=1), 50)
  starts = [i for i, w in enumerate(windows) if w.is_first]
  assert starts[0] == 0
  assert len(starts) > 3
  for start, end in itertools.pairwise(starts):
    part = windows[start:end]
    inputs = np.concatenate([w.inputs for w in part], 1)
    targets = np.concatenate([w.targets for w in part], 1)
    np.testing.assert_array_equal(inputs, ROWS[:, :-1])
    np.testing.assert_array_equal(targets, ROWS[:, 1:])


def test_random_windows_have_a_word_at_least():
  windows = take(text_windows.random_windows(ROWS, 1, seed=0), 100)
  assert min(w.inputs.shape[1] for w in windows) == 1


@pytest.mark.parametrize("start_step", [0, 1, 7, 100])
def test_random_windows_can_be_resumed(start_step):
  def stream(*arguments):
    return text_windows.random_windows(ROWS, 5, *arguments)

  whole = take(stream(3), start_step + 5)
  assert_same(whole[start_step:], take(stream(3, start_step), 5))
  other = [w.inputs.shape for w in take(stream(4), 50)]
  assert other != [w.inputs.shape for w in take(stream(3), 50)]


@pytest.mark.parametrize("num_steps", [1, 4, 5, 12, 40])
def test_eval_windows_have_every_word_once(num_steps):
  windows = list(text_windows.eval_windows(ROWS, num_steps))
  inputs = np.concatenate([w.inputs for w in windows], 1)
  targets = np.concatenate([w.targets for w in windows], 1)
  np.testing.assert_array_equal(inputs, ROWS[:, :-1])
  np.testing.assert_array_equal(targets, ROWS[:, 1:])
  assert [bool(w.is_first) for w in windows] == [True] + [False] * (
    len(windows) - 1
  )


def test_too_many_rows():
  assert text_windows.batched(IDS, 13).shape == (13, 2)
  with pytest.raises(errors.DataError, match="`batch_size`.*words=26"):
    text_windows.batched(IDS, 14)


def test_rows_shorter_than_a_window():
  with pytest.raises(errors.DataError, match=r"num_steps=13, rows=\(2, 13\)"):
    text_windows.windows(ROWS, 13)
  with pytest.raises(errors.DataError, match="num_steps=13"):
    text_windows.random_windows(ROWS, 13, seed=0)
