import numpy as np
import pytest
import tensorflow as tf

from enas_tf.training import language

RNG = np.random.default_rng(0)
OUTPUTS = RNG.normal(size=(2, 4, 3)).astype(np.float32)
WEIGHTS = [
  RNG.normal(size=shape).astype(np.float32) for shape in [(2, 3), (5,)]
]


def test_loss_by_hand():
  logits = RNG.normal(size=(2, 3, 5)).astype(np.float32)
  labels = np.array([[0, 4, 2], [1, 1, 3]], np.int32)
  probs = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
  nll = -np.log(np.take_along_axis(probs, labels[..., None], -1))
  found = float(language.loss(labels, logits))
  assert found == pytest.approx(nll.mean(), rel=1e-5)


def test_loss_of_a_guess_is_the_logarithm_of_the_words():
  found = language.loss(np.zeros((2, 3), np.int32), np.zeros((2, 3, 7)))
  assert float(found) == pytest.approx(np.log(7))


@pytest.mark.parametrize("faithful", [False, True])
def test_regularization_by_hand(faithful):
  found = language.regularization(
    OUTPUTS, WEIGHTS, l2_reg=0.1, alpha=0.7, beta=2.0, faithful=faithful
  )
  if faithful:
    penalty = sum((weight**4).sum() for weight in WEIGHTS) / 2
  else:
    penalty = sum((weight**2).sum() for weight in WEIGHTS)
  slowness = np.mean((OUTPUTS[:, 1:] - OUTPUTS[:, :-1]) ** 2)
  expected = 0.1 * penalty + 0.7 * np.mean(OUTPUTS**2) + 2 * slowness
  assert float(found) == pytest.approx(expected, rel=1e-5)


def test_each_part_alone():
  call = lambda **parts: float(
    language.regularization(OUTPUTS, WEIGHTS, **({"l2_reg": 0.0} | parts))
  )
  assert call() == 0
  parts = dict(l2_reg=0.1), dict(alpha=0.7), dict(beta=2.0)
  together = call(l2_reg=0.1, alpha=0.7, beta=2.0)
  assert sum(call(**part) for part in parts) == pytest.approx(together)


def test_one_step_does_not_change():
  outputs = tf.constant(OUTPUTS[:, :1])
  with tf.GradientTape() as tape:
    tape.watch(outputs)
    added = language.regularization(outputs, WEIGHTS, l2_reg=0.0, beta=1.0)
  assert added == 0
  assert not np.any(tape.gradient(added, outputs))
