import numpy as np
import pytest

from enas_tf.layers import dropouts

SHAPES = [(400, 1), (20, 1, 30), (20, 30), (20, 30), (20, 1, 30)]
RATES = dropouts.Rates(0.1, 0.2, 0.75, 0.25, 0.5)


def draw(rates=RATES, seed=0, step=0):
  masks = dropouts.draw(rates, 400, 20, 30, (seed, step))
  return [mask.numpy() for mask in masks]


def test_no_dropout():
  for mask, shape in zip(draw(dropouts.NONE), SHAPES, strict=True):
    np.testing.assert_array_equal(mask, np.ones(shape))


def test_a_share_is_dropped_and_the_rest_scaled():
  for mask, shape, rate in zip(draw(), SHAPES, RATES, strict=True):
    assert mask.shape == shape
    values = np.unique(mask)
    np.testing.assert_allclose(values, [0, 1 / (1 - rate)], 1e-6)
    assert np.mean(mask == 0) == pytest.approx(rate, abs=0.08)


def test_all_masks_differ():
  rates = dropouts.Rates(0.5, 0.5, 0.5, 0.5, 0.5)
  masks = [mask.ravel() for s in (0, 1) for mask in draw(rates, step=s)]
  masks += [mask.ravel() for mask in draw(rates, seed=1)]
  rows = {mask[:400].tobytes() for mask in masks}
  assert len(rows) == 15


def test_the_seed_repeats_them():
  for one, other in zip(draw(step=7), draw(step=7), strict=True):
    np.testing.assert_array_equal(one, other)
