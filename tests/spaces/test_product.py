"""A structure and settings; what all spaces do is in tests/conformance/."""

import doctest
import json

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.spaces import graphviz, macro_channels, micro, product

RATES = (0.01, 0.1, 1.0)
CHOICES = (
  product.Choice(
    "final_lr_max", (0.01, 0.1, 1.0), ("0.01", "0.1", "1.0"), True
  ),
  product.Choice("augment", ("none", "crop"), ("none", "crop")),
  product.Choice("final_cutout_size", (None, 4), ("none", "4")),
  product.Choice("normalize", (True, False), ("true", "false")),
)
INNER = micro.MicroSpace(1, ("identity", "conv_3x3"))
SPACE = product.ProductSpace(INNER, CHOICES)
STRUCTURE = "0 1 1 0 1 1 0 0"
TEXT = (
  f"{STRUCTURE} final_lr_max=0.1 augment=crop final_cutout_size=none "
  "normalize=false"
)


def test_an_arc_is_a_structure_and_its_settings():
  arc = SPACE.parse(TEXT)
  assert str(arc) == TEXT
  assert arc.structure == INNER.parse(STRUCTURE)
  assert arc.settings == {
    "final_lr_max": 0.1,
    "augment": "crop",
    "final_cutout_size": None,
    "normalize": False,
  }
  assert SPACE.encode(arc).tolist() == [0, 1, 1, 0, 1, 1, 0, 0, 1, 1, 0, 1]
  assert json.loads(json.dumps(arc.to_json())) == {
    "space": "micro",
    "structure": arc.structure.to_json(),
    "settings": arc.settings,
  }


@pytest.mark.parametrize(
  "settings",
  [
    "normalize=false final_lr_max=1e-1 final_cutout_size=none augment=crop",
    "augment=crop normalize=false final_lr_max=.10 final_cutout_size=none",
  ],
)
def test_settings_are_read_by_name_and_value(settings):
  assert str(SPACE.parse(f"{STRUCTURE}  {settings}")) == TEXT


def test_files_hold_settings(tmp_path):
  arc = SPACE.parse(TEXT)
  for value in (arc.to_json(), str(arc)):
    path = tmp_path / "best_arc.json"
    path.write_text(json.dumps({"arc": value, "rank": 1}))
    assert SPACE.parse(str(path)) == arc
    found = product.settings_of(str(path))
    assert found in (arc.settings, dict(x.split("=") for x in TEXT.split()[8:]))
  assert product.settings_of(json.dumps(arc.to_json())) == arc.settings


@pytest.mark.parametrize(
  "text", [STRUCTURE, "[0, 1]", "{}", "{", "no.json", '"x"', "enas_micro", ""]
)
def test_others_have_no_settings(text):
  assert product.settings_of(text) == {}


@pytest.mark.parametrize(
  ("text", "words"),
  [
    (STRUCTURE, "write these behind it, as in ... final_lr_max=0.01"),
    (json.dumps(INNER.parse(STRUCTURE).to_json()), "write these behind it"),
    (TEXT.replace("=0.1", "=0.2"), "final_lr_max. is not searched at that"),
    (TEXT.replace("=crop", "=flip"), "take one of none, crop"),
    (TEXT.replace("=false", "=0"), "normalize. is not searched at that"),
    (TEXT.replace(" augment=crop", ""), "name each of them once"),
    (f"{TEXT} final_mixup=1", "name each of them once"),
    (f"{TEXT} augment=crop", "has .augment. twice"),
    (TEXT.replace("0 1 1", "9 1 1"), "normal/node_0/index_1"),
  ],
)
def test_what_is_no_arc_is_refused(text, words):
  with pytest.raises(errors.ArcError, match=words):
    SPACE.parse(text)


def test_a_structure_alone_is_of_another_kind():
  with pytest.raises(errors.ArcError, match="of another kind"):
    SPACE.encode(INNER.parse(STRUCTURE))


def test_the_inner_space_refuses_arcs_with_settings():
  text = json.dumps(SPACE.parse(TEXT).to_json())
  for given in (text, TEXT):
    with pytest.raises(errors.ArcError):
      INNER.parse(given)


def test_structures_that_compute_the_same_differ_by_settings():
  row = SPACE.encode(SPACE.parse(TEXT))
  swapped = [1, 0, 0, 1, *row[4:]]  # The two inputs of a node.
  assert SPACE.canonical(swapped) == SPACE.canonical(row)
  assert SPACE.canonical([*row[:-1], 0]) != SPACE.canonical(row)


def test_options_that_are_gone_stay_gone():
  inner = macro_channels.MacroChannelsSpace(2, 4, ("conv_3x3", "max_pool_3x3"))
  space = product.ProductSpace(inner, CHOICES)
  row = inner.encode(inner.random(np.random.default_rng(3))).tolist()
  full = [*row, 2, 1, 1, 0]
  counts = [space.num_options(full[:i]) for i in range(len(full))]
  assert counts[: len(row)] == [
    inner.num_options(row[:i]) for i in range(len(row))
  ]
  assert counts[len(row) :] == [3, 2, 2, 2]


def test_decisions_tell_which_settings_are_ordered():
  kinds = [each.kind for each in SPACE.decisions[-4:]]
  assert kinds == ["number", "other", "other", "other"]
  assert SPACE.decisions[:-4] == INNER.decisions


def test_the_picture_is_the_structures_and_its_title_tells_the_settings():
  arc = SPACE.parse(TEXT)
  (first, second), plain = arc.graphs(), arc.structure.graphs()
  assert first._replace(title="") == plain[0]._replace(title="")
  assert second == plain[1]
  title, *lines = first.title.split("\n")
  assert title == plain[0].title
  assert " ".join(lines) == TEXT.removeprefix(f"{STRUCTURE} ")
  assert r"normal cell\nfinal_lr_max=0.1" in graphviz.to_dot("x", arc.graphs())


def test_the_examples_hold():
  found = doctest.testmod(product)
  assert found.attempted and not found.failed
