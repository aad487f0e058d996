import itertools
import json

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.controllers import moves
from enas_tf.spaces import declared

SPACE = declared.declare(
  "nets",
  {
    "depth": [1, 2, 3],
    "rate": [0.1, 0.5],
    "kernel_1": declared.Choice([1, 3, 5], when={"depth": [2, 3]}),
    # It hangs on one that may not count itself.
    "pool": declared.Choice(["max", "avg"], when={"kernel_1": [3, 5]}),
    "both": declared.Choice([0, 1], when={"depth": [3], "pool": ["avg"]}),
  },
)
ROWS = list(itertools.product(*(range(d.num_options) for d in SPACE.decisions)))


@pytest.mark.parametrize(
  ("text", "choices"),
  [
    ("1 0.5 5 avg 1", {"depth": 1, "rate": 0.5}),
    ("2 0.1 1 avg 1", {"depth": 2, "rate": 0.1, "kernel_1": 1}),
    (
      "2 0.1 3 avg 1",
      {"depth": 2, "rate": 0.1, "kernel_1": 3, "pool": "avg"},
    ),
    (
      "3 0.1 3 avg 1",
      {"depth": 3, "rate": 0.1, "kernel_1": 3, "pool": "avg", "both": 1},
    ),
  ],
)
def test_choices_that_count(text, choices):
  assert SPACE.parse(text).choices == choices


def test_every_arc_survives_writing():
  assert len(ROWS) == 3 * 2 * 3 * 2 * 2
  for row in ROWS:
    arc = SPACE.decode(row)
    np.testing.assert_array_equal(SPACE.encode(arc), row)
    assert SPACE.parse(str(arc)) == arc
    assert SPACE.from_json(json.loads(json.dumps(arc.to_json()))) == arc
    assert len({arc, SPACE.decode(row)}) == 1


def test_arcs_of_the_same_choices_are_one():
  by_choices = {}
  for row in ROWS:
    key = SPACE.canonical(row)
    assert SPACE.canonical(key) == key
    assert SPACE.decode(key).choices == SPACE.decode(row).choices
    by_choices.setdefault(str(SPACE.decode(row).choices), set()).add(key)
  assert all(len(keys) == 1 for keys in by_choices.values())
  # 1; 2 with kernel 1; 2 with two others and two pools; 3 alike, avg twice.
  assert len(by_choices) == 2 * (1 + 1 + 4 + 1 + 2 + 4)


def test_searches_move_in_it():
  rng = np.random.default_rng(0)
  for _ in range(50):
    arc = moves.random(SPACE, rng)
    SPACE.check(moves.mutated(SPACE, arc, rng))
    assert moves.mutated(SPACE, arc, rng) != arc


def test_a_picture_shows_what_counts():
  (graph,) = SPACE.parse("2 0.1 3 avg 1").graphs()
  assert graph.title == "nets"
  assert graph.nodes == ("start", "depth", "rate", "kernel_1", "pool")
  assert [edge.label for edge in graph.edges] == ["2", "0.1", "3", "avg"]


@pytest.mark.parametrize(
  ("decisions", "message"),
  [
    ({}, "one decision at least"),
    ({"a": []}, "a=\\[\\]"),
    ({"a": "abc"}, "a list of one or more.*a=abc"),
    ({"a": 3}, "a=3"),
    ({"a": [1, "1"]}, "written differently"),
    ({"a": [None, 1]}, "texts or numbers"),
    ({"a": [(1, 2)]}, "texts or numbers"),
    (
      {"a": [1], "b": declared.Choice([1], {"c": [1]})},
      "earlier ones alone.*b, when=c.*are a",
    ),
    ({"a": declared.Choice([1], {"b": [1]}), "b": [1]}, "are none"),
    (
      {"a": [1, 2], "b": declared.Choice([1], {"a": [2, 3]})},
      "a has no option 3.*options are 1, 2",
    ),
    ({"a": [1], "b": declared.Choice([1], {"a": []})}, "one or more"),
  ],
)
def test_declarations_that_make_no_sense(decisions, message):
  with pytest.raises(errors.ConfigError, match=message):
    declared.declare("nets", decisions)


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("1 0.5 5", "this space has 5 words"),
    ("4 0.5 5 avg 1", "The space has no such option, but 1, 2, 3.*depth=4"),
    ('{"space": "nets", "options": {"depth": 1}}', "An arc of a space"),
  ],
)
def test_texts_that_are_no_arc(text, message):
  with pytest.raises(errors.ArcError, match=message):
    SPACE.parse(text)
