import pytest

from enas_tf.benchmarks import studies


def test_gains_of_all_seeds():
  found = studies.pool([0.1, 0.3, -0.1, 0.3])
  assert found["gain"] == pytest.approx(0.15)
  assert (found["seeds"], found["seeds_above"]) == (4, 3)
  # As high are: as it is, all above 0, and the first below 0, not the third.
  assert found["p_signs"] == 3 / 16
  assert 0.05 < found["p_t"] < 0.15


def test_a_search_of_a_study_says_only_what_is_wrong(capsys):
  terminal = studies.Progress("seed 3")
  terminal.say("Best arc: 0 1 1 0")
  terminal.warn("Epoch 2: the policy collapsed.")
  assert capsys.readouterr().out == "seed 3: Epoch 2: the policy collapsed.\n"
