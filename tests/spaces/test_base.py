import json

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.spaces import micro
from tests.spaces import toy

SPACE = micro.MicroSpace(num_cells=2)
ROW = [0, 2, 1, 4, 2, 0, 0, 3, 1, 1, 1, 0, 0, 4, 2, 2]
TEXT = " ".join(map(str, ROW))
ARC = SPACE.decode(ROW)


@pytest.mark.parametrize("position", range(len(ROW)))
@pytest.mark.parametrize("offset", [0, 1000])
def test_too_large_an_integer_is_named(position, offset):
  row = list(ROW)
  most = SPACE.decisions[position].num_options
  row[position] = most + offset
  with pytest.raises(errors.ArcError) as info:
    SPACE.check(row)
  message = str(info.value)
  assert f"Integer {position} " in message
  assert SPACE.decisions[position].name in message
  assert f"[0, {most})" in message
  assert message.endswith(f"Received: {most + offset}")


def test_a_negative_integer_is_named():
  with pytest.raises(errors.ArcError, match="Integer 3 .*normal/node_0/op_2"):
    SPACE.check([*ROW[:3], -1, *ROW[4:]])


@pytest.mark.parametrize("row", [[], ROW[:-1], [*ROW, 0]])
def test_wrong_length_says_both_lengths(row):
  with pytest.raises(errors.ArcError) as info:
    SPACE.check(row)
  assert "16 integers" in str(info.value)
  assert f"has {len(row)}:" in str(info.value)


def test_check_accepts_both_ends_of_every_range():
  SPACE.check([0] * SPACE.num_decisions)
  SPACE.check([d.num_options - 1 for d in SPACE.decisions])


def test_long_arcs_are_shortened_in_errors():
  with pytest.raises(errors.ArcError) as info:
    SPACE.parse("1 " * 1000)
  assert len(str(info.value)) < 400
  assert str(info.value).endswith("...")


def test_random_is_uniform():
  rng = np.random.default_rng(0)
  rows = np.array([SPACE.encode(SPACE.random(rng)) for _ in range(3000)])
  for column, decision in zip(rows.T, SPACE.decisions, strict=True):
    counts = np.bincount(column, minlength=decision.num_options)
    expected = len(rows) / decision.num_options
    # Five standard deviations of a binomial count.
    assert np.abs(counts - expected).max() < 5 * expected**0.5, decision.name


def test_random_is_a_function_of_the_generator():
  first, second = (SPACE.random(np.random.default_rng(7)) for _ in range(2))
  assert first == second


@pytest.mark.parametrize(
  "text",
  [
    TEXT,
    f"  {TEXT}\n",
    TEXT.replace(" ", ","),
    TEXT.replace(" ", ", "),
    TEXT.replace(" ", "\n"),
    json.dumps(ARC.to_json()),
    f"\n {json.dumps(ARC.to_json(), indent=2)}",
    json.dumps({"arc": ARC.to_json(), "valid_accuracy": 0.5}),
    json.dumps({"arc": TEXT}),
  ],
)
def test_parse_reads_every_form(text):
  assert SPACE.parse(text) == ARC


@pytest.mark.parametrize(
  "value", [ARC.to_json(), {"arc": ARC.to_json(), "rank": 1}, TEXT]
)
def test_parse_reads_a_file(tmp_path, value):
  path = tmp_path / "best arc.json"
  path.write_text(json.dumps(value), encoding="utf-8")
  assert SPACE.parse(str(path)) == ARC


def test_parse_reads_a_file_in_the_home_folder(tmp_path, monkeypatch):
  monkeypatch.setenv("HOME", str(tmp_path))
  (tmp_path / "arc.json").write_text(json.dumps(ARC.to_json()))
  assert SPACE.parse("~/arc.json") == ARC


def test_parse_reads_the_name_of_a_published_arc():
  space = micro.MicroSpace()
  assert space.parse(" enas_micro ") == space.published["enas_micro"]


@pytest.mark.parametrize(
  "text, position, word",
  [
    ("0 1 x 2", 2, "x"),
    ("0.5 1", 0, "0.5"),
    ("1 -1", 1, "-1"),
    ("0 ²", 1, "²"),
    ("enas_mikro", 0, "enas_mikro"),
  ],
)
def test_parse_names_the_word_that_is_no_integer(text, position, word):
  with pytest.raises(errors.ArcError) as info:
    micro.MicroSpace().parse(text)
  message = str(info.value)
  assert f"word {position} is not an integer" in message
  assert "enas_micro" in message  # What it could have been.
  assert message.endswith(f"Received: {word!r}")


def test_parse_of_nothing():
  with pytest.raises(errors.ArcError, match="has 0: add"):
    SPACE.parse("  ")


def test_parse_of_broken_json():
  with pytest.raises(errors.ArcError, match="is not JSON.*column 12"):
    SPACE.parse('{"normal": oops}')


def test_parse_of_a_missing_file(tmp_path):
  path = tmp_path / "missing.json"
  with pytest.raises(errors.ArcError, match="cannot be read.*missing.json"):
    SPACE.parse(str(path))


def test_parse_of_a_folder(tmp_path):
  path = tmp_path / "folder.json"
  path.mkdir()
  with pytest.raises(errors.ArcError, match="cannot be read"):
    SPACE.parse(str(path))


def test_parse_of_a_binary_file(tmp_path):
  path = tmp_path / "binary.json"
  path.write_bytes(b"\xff\xfe\x00")
  with pytest.raises(errors.ArcError, match="cannot be read"):
    SPACE.parse(str(path))


def test_parse_of_a_broken_file_names_the_file(tmp_path):
  path = tmp_path / "half.json"
  path.write_text('{"normal": [')
  with pytest.raises(errors.ArcError, match="half.json is not JSON"):
    SPACE.parse(str(path))


@pytest.mark.parametrize("text", ["[]", "[1, 2]", "{}", '{"arc": 3}'])
def test_parse_of_json_that_is_no_arc(text):
  with pytest.raises(errors.ArcError, match='keys "normal" and "reduction"'):
    SPACE.parse(text)


def test_options_shrink_by_the_index_of_another_decision():
  space = toy.ToySpace()
  for start in range(4):
    assert space.num_options([0, start]) == 4 - start
    assert space.num_options([0, start, 0]) == 3  # No other decision's.
    space.check([0, start, 3 - start, 0])
    with pytest.raises(errors.ArcError, match=rf"pause/count.*{4 - start}\)"):
      space.check([0, start, 4 - start, 0])


def test_a_space_of_ones_own_has_published_nothing():
  assert toy.ToySpace().published == {}
  with pytest.raises(errors.ArcError, match=r"published arc \(none\)"):
    toy.ToySpace().parse("enas_micro")
