import numpy as np
import pytest
import tensorflow as tf

from enas_tf import states


def make():
  return {"w": tf.Variable([1.0, 2.0]), "n": tf.Variable(3, dtype=tf.int64)}


def test_variables_come_back():
  one, other = make(), make()
  one["w"].assign([5.0, 6.0])
  one["n"].assign(7)
  arrays = states.Variables(one).state()
  assert {k: (v.dtype, v.shape) for k, v in arrays.items()} == {
    "w": (np.float32, (2,)),
    "n": (np.int64, ()),
  }
  one["w"].assign([0.0, 0.0])
  states.Variables(other).restore(arrays)
  assert other["w"].numpy().tolist() == [5.0, 6.0]
  assert int(other["n"]) == 7


@pytest.mark.parametrize(
  ("changed", "expected"),
  [
    ({"w": np.zeros(3, np.float32)}, ("w", "float32[3]", "float32[2]")),
    ({"w": np.zeros(2)}, ("w", "float64[2]", "float32[2]")),
    ({"x": np.zeros(1)}, ("x", "float64[1]", None)),
    ({"n": None}, ("n", None, "int64[]")),
  ],
)
def test_what_does_not_fit_is_told_and_nothing_assigned(changed, expected):
  variables = make()
  good = {"w": np.full(2, 9, np.float32), "n": np.array(9, np.int64)}
  arrays = {k: v for k, v in (good | changed).items() if v is not None}
  with pytest.raises(states.Mismatch) as caught:
    states.Variables(variables).restore(arrays)
  assert caught.value.differences == [expected]
  assert variables["w"].numpy().tolist() == [1.0, 2.0]
  assert int(variables["n"]) == 3
