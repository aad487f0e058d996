import numpy as np
import pytest
import tensorflow as tf

from enas_tf.training import language

RNG = np.random.default_rng(0)
OUTPUTS = RNG.normal(size=(2, 4, 3)).astype(np.float32)


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


def test_activity_by_hand():
  found = language.activity(OUTPUTS, alpha=0.7, beta=2.0)
  slowness = np.mean((OUTPUTS[:, 1:] - OUTPUTS[:, :-1]) ** 2)
  expected = 0.7 * np.mean(OUTPUTS**2) + 2 * slowness
  assert float(found) == pytest.approx(expected, rel=1e-5)


def test_each_part_alone():
  call = lambda alpha=0.0, beta=0.0: float(
    language.activity(OUTPUTS, alpha=alpha, beta=beta)
  )
  assert call() == 0
  parts = call(alpha=0.7) + call(beta=2.0)
  assert parts == pytest.approx(call(alpha=0.7, beta=2.0))


def test_one_step_does_not_change():
  outputs = tf.constant(OUTPUTS[:, :1])
  with tf.GradientTape() as tape:
    tape.watch(outputs)
    added = language.activity(outputs, alpha=0.0, beta=1.0)
  assert added == 0
  assert not np.any(tape.gradient(added, outputs))
