"""What every search space must do."""

import json

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.spaces import (
  base,
  graphviz,
  macro,
  macro_channels,
  micro,
  product,
  rnn,
  table,
)
from tests.spaces import toy

SPACES = {
  "micro": micro.MicroSpace(),
  "micro_one_node": micro.MicroSpace(num_cells=1),
  "micro_other_ops": micro.MicroSpace(3, ("identity", "conv_3x3")),
  "macro": macro.MacroSpace(),
  "macro_one_layer": macro.MacroSpace(num_layers=1),
  "macro_other_ops": macro.MacroSpace(4, ("identity", "conv_7x7")),
  "macro_published": macro.MacroSpace(num_layers=24),
  "rnn": rnn.RnnSpace(),
  "rnn_one_node": rnn.RnnSpace(num_nodes=1),
  "rnn_other_functions": rnn.RnnSpace(3, ("identity", "sine")),
  "rnn_first_function": rnn.RnnSpace(11, rnn.PAPER_FUNCTIONS, True),
  "rnn_published": rnn.RnnSpace(num_nodes=8),
  "macro_channels": macro_channels.MacroChannelsSpace(),
  "macro_channels_one_layer": macro_channels.MacroChannelsSpace(num_layers=1),
  "macro_channels_other_ops": macro_channels.MacroChannelsSpace(
    3, 4, ("identity", "conv_7x7")
  ),
  "table": table.TableSpace(
    (
      base.Decision("size", (16, 32, 64)),
      base.Decision("op", ("conv", "max pool", "it's"), "operation"),
      base.Decision("word", ("3", "x,y")),
    )
  ),
  "toy": toy.ToySpace(),
  "product": product.ProductSpace(
    macro_channels.MacroChannelsSpace(2, 4, ("conv_3x3", "max_pool_3x3")),
    (
      product.Choice("final_lr_max", (0.01, 1.0), ("0.01", "1.0"), True),
      product.Choice("augment", ("none", "crop"), ("none", "crop")),
    ),
  ),
}


@pytest.fixture(params=SPACES)
def space(request):
  return SPACES[request.param]


@pytest.fixture
def arcs(space):
  rng = np.random.default_rng(0)
  return [space.random(rng) for _ in range(20)]


def replace(space, row, position, value):
  """Returns the row with another integer, and those after it in range."""
  changed = row.copy()
  changed[position] = value
  for i in range(position + 1, len(row)):
    changed[i] = min(changed[i], space.num_options(changed[:i]) - 1)
  return changed


def test_names_of_decisions_are_unique(space):
  names = [decision.name for decision in space.decisions]
  assert len(set(names)) == len(names) == space.num_decisions
  assert all(decision.num_options >= 1 for decision in space.decisions)


def test_decisions_tell_what_they_are(space):
  seen = []
  for decision in space.decisions:
    assert len(set(decision.options)) == len(decision.options)
    kinds = ("operation", "input", "skip", "channel", "number", "other")
    assert decision.kind in kinds
    assert decision.shrinks_by in (None, *seen)
    seen.append(decision.name)


def test_options_are_what_arcs_show(space, arcs):
  """What is chosen of operations stands in JSON, or in the picture."""
  for arc in arcs:
    shown = {edge.label for graph in arc.graphs() for edge in graph.edges}
    for value, decision in zip(space.encode(arc), space.decisions, strict=True):
      if decision.kind == "operation":
        assert decision.options[value] in shown, decision.name


def test_arcs_of_another_kind_are_refused(space):
  with pytest.raises(errors.ArcError, match="of another kind.*Received: arc="):
    space.encode("1 2 3")


def test_contains_its_samples(space, arcs):
  for arc in arcs:
    row = space.encode(arc)
    assert row.dtype == np.int32 and row.shape == (space.num_decisions,)
    space.check(row)
  assert len(set(arcs)) > 1


def test_options_do_not_exceed_those_of_the_decision(space, arcs):
  for arc in arcs:
    row = space.encode(arc)
    for position, decision in enumerate(space.decisions):
      options = space.num_options(row[:position])
      assert 1 <= options <= decision.num_options, decision.name


def test_encode_and_decode_are_inverse(space, arcs):
  for arc in arcs:
    assert space.decode(space.encode(arc)) == arc


def test_text_and_json_round_trip(space, arcs):
  for arc in arcs:
    assert space.parse(str(arc)) == arc
    assert space.from_json(json.loads(json.dumps(arc.to_json()))) == arc
    assert space.parse(json.dumps({"arc": arc.to_json()})) == arc


def test_every_decision_matters(space, arcs):
  row = space.encode(arcs[0])
  for position, decision in enumerate(space.decisions):
    for value in range(space.num_options(row[:position])):
      changed = replace(space, row, position, value)
      same = value == row[position]
      assert (space.decode(changed) == arcs[0]) == same, decision.name


def test_rejects_what_it_does_not_contain(space, arcs):
  row = space.encode(arcs[0])
  for position, decision in enumerate(space.decisions):
    for value in (-1, space.num_options(row[:position])):
      changed = row.copy()
      changed[position] = value
      with pytest.raises(errors.ArcError, match=decision.name):
        space.decode(changed)
  with pytest.raises(errors.ArcError):
    space.decode(row[1:])


def test_published_arcs_are_of_the_space(space):
  for name, arc in space.published.items():
    space.check(space.encode(arc))
    assert space.parse(name) == arc


def test_draws_itself(space, arcs):
  dot = graphviz.to_dot(space.name, arcs[0].graphs())
  assert dot.startswith("digraph") and dot.count("{") == dot.count("}")


def test_graphs_lead_forward(space, arcs):
  for arc in arcs:
    for graph in arc.graphs():
      assert len(set(graph.nodes)) == len(graph.nodes)
      for edge in graph.edges:
        assert 0 <= edge.start < edge.end < len(graph.nodes)
      read = {edge.end for edge in graph.edges}
      assert len(graph.nodes) - 1 in read  # The output at least.


def test_text_is_one_line(arcs):
  for arc in arcs:
    assert len(str(arc).splitlines()) == 1


def test_one_arc_stands_for_all_that_compute_the_same(space, arcs):
  """It is an arc of the space, and stands for itself."""
  for arc in arcs:
    row = space.encode(arc)
    found = space.canonical(row)
    assert space.encode(space.decode(found)).tolist() == list(found)
    assert space.canonical(found) == space.canonical(tuple(row)) == found
    hash(found)
