import re

import numpy as np
import pytest

from enas_tf import trials
from enas_tf.report import guards
from enas_tf.spaces import macro, micro
from tests.spaces import toy

SPACE = toy.ToySpace()  # Operations are first and last.
RNG = np.random.default_rng(0)


def told(arcs, rewards=None):
  """Returns trials; a reward of None has failed."""
  arcs = np.asarray(arcs).tolist()
  rewards = range(len(arcs)) if rewards is None else rewards
  return [
    trials.Trial(number, tuple(arc), "failed", reason="it is too large")
    if reward is None
    else trials.Trial(number, tuple(arc), scores={"reward": float(reward)})
    for number, (arc, reward) in enumerate(zip(arcs, rewards, strict=True))
  ]


def arcs_of(space, n):
  return np.array([space.encode(space.random(RNG)) for _ in range(n)])


def look(new, num_trials=1000, space=SPACE, **diagnostics):
  """Returns numbers and warnings by their names."""
  found = guards.look(
    space,
    new,
    num_trials,
    {f"controller/{name}": value for name, value in diagnostics.items()},
  )
  assert len({each.name for each in found}) == len(found)
  return (
    {each.name: each.value for each in found},
    {each.name: each.warning for each in found if each.warning},
  )


def test_a_fixed_controller_is_not_blamed_for_its_one_arc():
  alike = np.tile(arcs_of(SPACE, 1), (50, 1))
  assert look(told(alike))[1]
  values, warnings = look(told(alike), possible_arcs=1.0)
  assert not warnings and values["failed"] == 0
  _, warnings = look(told(alike, [0.5] * 50), possible_arcs=1.0)
  assert set(warnings) == {"reward_deviation"}


def test_nothing_is_wrong_with_random_arcs():
  for space in (SPACE, micro.MicroSpace(3), macro.MacroSpace(4)):
    values, warnings = look(told(arcs_of(space, 50)), space=space)
    assert not warnings
    assert ("skip_rate" in values) == (space.name == "macro")


def test_numbers_by_hand():
  arcs = [[0, 0, 0, 0], [0, 1, 0, 2], [0, 0, 0, 0], [0, 2, 1, 0]]
  values, _ = look(told(arcs, [1.0, 3.0, None, 2.0]))
  assert values == {
    "top_operation": 7 / 8,
    "distinct": 3 / 4,
    "reward_deviation": pytest.approx(np.std([1, 2, 3])),
    "failed": 1 / 4,
  }


@pytest.mark.parametrize(
  ("arcs", "name", "words"),
  [
    ([[1, 0, 0, 1], [1, 1, 0, 1]], "top_operation", "100% .* conv_3x3"),
    ([[0, 0, 0, 1]] * 9 + [[1, 0, 0, 2]] * 3, "distinct", "2 of the 12"),
  ],
)
def test_few_choices(arcs, name, words):
  _, warnings = look(told(arcs))
  assert list(warnings) == [name]
  (warning,) = warnings.values()
  assert re.search(words, warning)


@pytest.mark.parametrize("skip", [0, 1])
def test_skips(skip):
  space = macro.MacroSpace(6)
  arcs = arcs_of(space, 20)
  is_skip = [each.kind == "skip" for each in space.decisions]
  arcs[:, is_skip] = skip
  values, warnings = look(told(arcs), space=space)
  assert values["skip_rate"] == skip
  assert f"{skip:.0%} of all possible skips" in warnings["skip_rate"]


def test_equal_rewards_and_failures():
  arcs = arcs_of(SPACE, 5)
  _, warnings = look(told(arcs, [0.1] * 5))
  assert "All 5 rewards were 0.1" in warnings["reward_deviation"]
  _, warnings = look(told(arcs, [0.1, None, None, None, 0.2]))
  assert list(warnings) == ["failed"]
  assert "3 of 5" in warnings["failed"]
  assert "it is too large" in warnings["failed"]
  values, warnings = look(told(arcs, [None] * 5))
  assert "reward_deviation" not in values


@pytest.mark.parametrize(
  ("name", "good", "bad", "words"),
  [
    ("entropy_fraction", 0.5, 0.04, "4.0% of the largest"),
    ("kl_from_start", 0.5, 0.0004, "0.0004 nats"),
    ("saturated", 0.2, 0.9, "90%"),
  ],
)
def test_policies(name, good, bad, words):
  for value in (good, bad):
    values, warnings = look([], **{name: value})
    assert values == {name: value}
    assert list(warnings) == ([name] if value == bad else [])
  assert words in warnings[name]
  assert "controller_lr" in warnings[name]


def test_a_policy_has_time_to_move():
  early = guards.ENOUGH_TRIALS - 1
  assert not look([], early, kl_from_start=0.0)[1]
  assert look([], early + 1, kl_from_start=0.0)[1]
