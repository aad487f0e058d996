import numpy as np
import pytest

from enas_tf import errors
from enas_tf.controllers import fixed
from enas_tf.settings import controller as settings
from enas_tf.spaces import rnn
from tests import answers

SPACE = rnn.RnnSpace(2)


def build(arc):
  chosen = settings.Learning(kind="fixed", arc=arc)
  return fixed.Fixed.from_settings(chosen, SPACE, None, 0)


def test_proposes_its_arc_alone():
  controller = build("0 1 0 3")
  np.testing.assert_array_equal(controller.propose(3), [[0, 1, 0, 3]] * 3)
  controller.update(answers.told([[0, 1, 0, 3]], [0.0]))
  np.testing.assert_array_equal(controller.sample(1), [[0, 1, 0, 3]])
  np.testing.assert_array_equal(controller.recommend(5), [[0, 1, 0, 3]])
  assert controller.num_arcs == 4
  assert controller.diagnostics() == {"controller/possible_arcs": 1.0}


def test_asks_for_an_arc():
  with pytest.raises(errors.ConfigError, match="by `controller_arc`"):
    build(None)


def test_an_arc_of_another_space_is_refused():
  with pytest.raises(errors.ArcError, match="4 integers, this one has 2"):
    build("0 1")
