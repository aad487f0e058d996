"""The space of a table; what all spaces do is in tests/conformance/."""

import pytest

from enas_tf import errors
from enas_tf.spaces import base, table

SPACE = table.TableSpace(
  (
    base.Decision("size", (16, 32, 64)),
    base.Decision("op", ("conv", "max pool", "it's"), "operation"),
  )
)
DIGITS = table.TableSpace(
  tuple(base.Decision(f"layer_{i}", (0, 1, 2)) for i in range(4))
)


def test_an_arc_is_what_stands_in_the_table():
  arc = SPACE.decode([2, 1])
  assert arc.options == (64, "max pool")
  assert str(arc) == "64 'max pool'"
  assert arc.to_json()["options"] == {"size": 64, "op": "max pool"}


@pytest.mark.parametrize("text", ["0 2 1 0", "0,2,1,0", "0, 2, 1, 0", "0210"])
def test_digits_are_read_as_people_write_them(text):
  assert DIGITS.encode(DIGITS.parse(text)).tolist() == [0, 2, 1, 0]


def test_options_are_read_by_what_they_are_not_by_their_indices():
  assert SPACE.encode(SPACE.parse("32 it\\'s")).tolist() == [1, 2]
  with pytest.raises(errors.ArcError, match="16, 32, 64.*Received: size=1"):
    SPACE.parse("1 conv")


@pytest.mark.parametrize(
  "text", ["32", "32 conv conv", "32 'conv", '{"options": {"size": 32}}', "{}"]
)
def test_what_is_no_arc_is_refused(text):
  with pytest.raises(errors.ArcError, match="Received: "):
    SPACE.parse(text)


def test_the_picture_is_a_chain_of_decisions():
  (graph,) = SPACE.decode([0, 1]).graphs()
  assert graph.nodes == ("start", "size", "op")
  assert [edge.label for edge in graph.edges] == ["16", "max pool"]
