import numpy as np
import pytest

from enas_tf.report import tradeoff

ROWS = [
  {
    "rank": i + 1,
    "valid_accuracy": score,
    "parameters": cost,
    "multiply_adds": 10 * cost,
    "on_front": mark,
  }
  for i, (score, cost, mark) in enumerate(
    [(0.9, 500, True), (0.8, 900, False), (0.7, 100, True)]
  )
]


@pytest.mark.parametrize(
  ("scores", "costs", "expected"),
  [
    ([0.9, 0.8, 0.7], [[5], [3], [4]], [True, True, False]),
    # Equal ones beat nobody.
    ([0.5, 0.5], [[1], [1]], [True, True]),
    ([0.5, 0.5], [[1], [2]], [True, False]),
    # Cheaper in one cost is enough to stay.
    ([0.9, 0.8, 0.8], [[5, 5], [6, 4], [6, 6]], [True, True, False]),
    ([0.1], [[3, 3]], [True]),
    ([], np.zeros((0, 2)), []),
  ],
)
def test_front(scores, costs, expected):
  found = tradeoff.front(np.array(scores), np.array(costs))
  assert found.tolist() == expected


def test_front_against_a_comparison_of_pairs():
  rng = np.random.default_rng(0)
  scores, costs = rng.integers(5, size=40), rng.integers(5, size=(40, 2))
  points = [(-s, *c) for s, c in zip(scores, costs.tolist(), strict=True)]
  expected = [
    not any(
      all(y <= x for x, y in zip(one, other, strict=True)) and one != other
      for other in points
    )
    for one in points
  ]
  assert tradeoff.front(scores, costs).tolist() == expected
  assert 0 < sum(expected) < 40


def test_picture_shows_every_row(tmp_path):
  pytest.importorskip("matplotlib")
  picture = tradeoff.draw(ROWS, "valid_accuracy")
  assert picture.dtype == np.uint8 and picture.shape == (400, 900, 4)
  colors = {tuple(color) for color in picture.reshape(-1, 4).tolist()}
  assert (0xC2, 0x3B, 0x3D, 255) in colors and (0x6F, 0x6F, 0x6F, 255) in colors
  assert tradeoff.save_png(ROWS, "valid_accuracy", tmp_path / "a.png")
  assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
