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


def test_random_windows_have_every_word_once_an_epoch():
  rows = text_windows.batched(np.arange(20_000, dtype=np.int32), 2)
  windows = text_windows.random_windows(rows, 35, seed=1)
  epochs = []
  for window in windows:
    if window.is_first:
      epochs.append([])
    if len(epochs) > 2:
      break
    epochs[-1].append(window)
  for epoch in epochs[:2]:
    joined = np.concatenate([w.inputs for w in epoch], 1)
    np.testing.assert_array_equal(joined, rows[:, :-1])
    for window in epoch:
      np.testing.assert_array_equal(window.inputs + 1, window.targets)
  first, second = ([w.inputs.shape[1] for w in each] for each in epochs[:2])
  assert first != second


def test_lengths_of_random_windows():
  rows = np.zeros((1, 200_000), np.int32)
  lengths = np.array(
    [
      window.inputs.shape[1]
      for window in take(text_windows.random_windows(rows, 35, seed=0), 5000)
    ]
  )
  # 17.5 or 35, less or more by up to two deviations of 5, cut to an integer.
  assert lengths.min() >= 7 and lengths.max() <= 45
  halves = lengths[lengths < 26]
  assert abs(len(halves) / len(lengths) - 0.05) < 0.015
  assert abs(lengths[lengths >= 26].mean() - 34.5) < 0.3
  # Of a normal distribution that is truncated at two deviations.
  assert abs(lengths[lengths >= 26].std() - 0.88 * 5) < 0.3


@pytest.mark.parametrize("start_step", [0, 1, 3, 4, 17, 100])
@pytest.mark.parametrize("num_steps", [1, 2, 5])
def test_random_streams_can_be_resumed(start_step, num_steps):
  def stream(start):
    return text_windows.random_windows(
      ROWS, num_steps, seed=3, start_step=start
    )

  whole = take(stream(0), start_step + 5)
  assert_same(whole[start_step:], take(stream(start_step), 5))


def test_another_seed_has_other_lengths():
  rows = np.zeros((1, 2000), np.int32)
  shapes = [
    [
      window.inputs.shape
      for window in take(text_windows.random_windows(rows, 35, seed=seed), 20)
    ]
    for seed in (0, 1)
  ]
  assert shapes[0] != shapes[1]


def test_too_many_rows():
  assert text_windows.batched(IDS, 13).shape == (13, 2)
  with pytest.raises(errors.DataError, match="--batch_size.*words=26"):
    text_windows.batched(IDS, 14)


def test_rows_shorter_than_a_window():
  for windows in (
    lambda: text_windows.windows(ROWS, 13),
    lambda: text_windows.random_windows(ROWS, 13, seed=0),
  ):
    with pytest.raises(errors.DataError, match=r"num_steps=13, rows=\(2, 13\)"):
      windows()
