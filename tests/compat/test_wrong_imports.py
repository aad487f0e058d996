"""Every weight has its place and its value, or nothing is assigned."""

import functools

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.compat import enas_lm, files, original
from enas_tf.controllers import macro_policy
from enas_tf.networks import (
  macro_channels_child,
  macro_child,
  micro_child,
  micro_supernet,
  rnn_child,
)
from enas_tf.spaces import macro, macro_channels, micro, rnn
from tests import golden

SHAPE = dict(image_shape=(32, 32, 3), num_classes=10)


@functools.cache
def micro_net(num_layers=3, arc=None, **changed):
  _, meta = golden.load("ckpt_micro_final")
  options = dict(num_layers=num_layers, out_filters=4, use_aux_heads=False)
  arc = micro.MicroSpace().parse(arc or meta["fixed_arc"])
  return micro_child.build(arc, **(SHAPE | options | changed))


def macro_net(**changed):
  arrays, meta = golden.load("macro_final")
  arc = macro.MacroSpace(6).decode(changed.pop("row", arrays["1/arc"]))
  return macro_child.build(
    arc, out_filters=meta["out_filters"], **(SHAPE | changed)
  )


def searched_net():
  arc = macro.MacroSpace(6).decode([0] * 21)
  return macro_child.build(arc, out_filters=8, as_searched=True, **SHAPE)


@functools.cache
def micro_search_net(**changed):
  options = SHAPE | dict(
    num_layers=3, out_filters=4, use_aux_heads=True, faithful=True
  )
  return micro_supernet.MicroSupernet(
    micro.MicroSpace(3), keep_prob=1.0, seed=0, **(options | changed)
  )


def channels_net():
  space = macro_channels.MacroChannelsSpace(2, 4)
  arc = space.random(np.random.default_rng(0))
  return macro_channels_child.build(arc, out_filters=4, **SHAPE)


def rnn_net(nodes=8, output="all"):
  arc = rnn.RnnSpace(nodes).parse("0 0 " * nodes)
  return rnn_child.build(arc, vocab_size=50, hidden_size=16, output=output)


def policy():
  return macro_policy.MacroPolicy(macro.MacroSpace(6), lstm_size=16)


@functools.cache
def micro_final():
  return files.read_checkpoint(golden.FOLDER / "ckpt_micro_final/model.ckpt-2")


@functools.cache
def macro_search():
  return files.read_checkpoint(golden.FOLDER / "ckpt_macro_search/model.ckpt-2")


def macro_final():
  return golden.under(golden.load("macro_final")[0], "1/var/")


def micro_search():
  return golden.under(golden.load("micro_search_aux")[0], "var/")


def fixed_cell():
  return golden.under(golden.load("rnn_enas_lm_fixed_all")[0], "var/")


def with_value(variables, name, value):
  changed = variables[name].copy()
  changed.flat[0] = value
  return variables | {name: changed}


# The arc of the golden, with its first separable convolution one node earlier.
OTHER_ARC = "0 0 0 2 0 4 0 1 0 4 1 1 1 0 0 1 0 2 1 1 1 0 1 0 0 3 0 2 1 1 3 1 1 0 0 4 0 3 1 1"  # noqa: E501

# A node reads node 2, which so is no loose end.
OTHER_ENDS = "0 2 0 0 0 4 0 1 0 4 1 1 1 0 0 1 2 2 1 1 1 0 1 0 0 3 0 2 1 1 3 1 1 0 0 4 0 3 1 1"  # noqa: E501

WRONG = {
  "nothing": (micro_net, dict, original, "missing=.*fc/w"),
  "nothing for a policy": (policy, dict, original, "missing=.*emb/w"),
  "nothing for a text": (rnn_net, dict, enas_lm, "missing=.*embedding/w"),
  "the other half": (
    policy,
    lambda: {k: v for k, v in macro_search().items() if k[:5] == "child"},
    original,
    "missing=.*emb/w",
  ),
  "more layers": (
    lambda: micro_net(1),
    micro_final,
    original,
    "5 layers, ours has 3",
  ),
  "fewer layers": (
    lambda: micro_net(6),
    micro_final,
    original,
    "5 layers, ours has 8",
  ),
  "more nodes": (
    lambda: rnn_net(3),
    fixed_cell,
    enas_lm,
    "8 layers, ours has 3",
  ),
  "another width": (
    lambda: micro_net(out_filters=6),
    micro_final,
    original,
    r"fc/w \(80, 10\) instead of \(120, 10\)",
  ),
  "a swapped arc": (
    lambda: micro_net(arc=OTHER_ARC),
    micro_final,
    original,
    "missing=.*x_conv.*left over=.*y_conv",
  ),
  "other loose ends": (
    lambda: micro_net(arc=OTHER_ENDS),
    micro_final,
    original,
    r"the arc .*fc/w \(80, 10\) instead of \(64, 10\)",
  ),
  "an unknown weight": (
    micro_net,
    lambda: micro_final() | {"child/new/w": np.ones(2)},
    original,
    r"allow_unused=True.*left over=\['new/w'\] \(1\)",
  ),
  "not a number": (
    micro_net,
    lambda: with_value(micro_final(), "child/fc/w", np.nan),
    original,
    r"not numbers.*\['fc/w'\]",
  ),
  "infinite": (
    micro_net,
    lambda: with_value(micro_final(), "child/stem_conv/bn/scale", -np.inf),
    original,
    r"not numbers.*\['stem_conv/bn/scale'\]",
  ),
  "infinite in a text": (
    rnn_net,
    lambda: with_value(fixed_cell(), "language_model/rnn_cell/w_prev", np.inf),
    enas_lm,
    r"not numbers.*\['rnn_cell/w_prev'\]",
  ),
  "a text for images": (rnn_net, micro_final, original, "enas_lm.assign"),
  "images for a text": (micro_net, fixed_cell, enas_lm, "original.assign"),
  "a policy for a text": (policy, fixed_cell, enas_lm, "original.assign"),
  "a space of ours": (channels_net, macro_search, original, "ranges"),
  "a search for a child": (
    micro_net,
    micro_search,
    original,
    "of a micro search, ours of a final",
  ),
  "a child for a search": (
    micro_search_net,
    micro_final,
    original,
    "ours of a micro search",
  ),
  "another space": (macro_net, micro_final, original, "ours of a final macro"),
  "separable convolutions": (
    macro_net,
    macro_final,
    original,
    "`faithful`.*w_depth",
  ),
  "a reduction cell of two inputs": (
    lambda: micro_search_net(faithful=False),
    micro_search,
    original,
    "`faithful`.*missing=.*calibrate/pool_x",
  ),
  "no auxiliary head": (
    lambda: micro_search_net(use_aux_heads=False),
    micro_search,
    original,
    "`child_use_aux_heads`",
  ),
  "an auxiliary head": (
    lambda: micro_net(use_aux_heads=True),
    micro_final,
    original,
    "`child_use_aux_heads=False`",
  ),
  "images of another size": (
    lambda: micro_search_net(image_shape=(64, 64, 3)),
    micro_search,
    original,
    "images of another size.*avg_pool/w",
  ),
  "operations that were not chosen": (
    searched_net,
    macro_search,
    original,
    "allow_unused=True.*left over=.*branch_1",
  ),
}


def values(net):
  variables = getattr(net, "weights", None) or net.trainable_variables
  return [np.array(each) for each in variables]


@pytest.mark.parametrize("case", WRONG)
def test_is_refused_and_assigns_nothing(case):
  build, variables, module, words = WRONG[case]
  net = build()
  before = values(net)
  with pytest.raises(errors.CheckpointError, match=words):
    module.assign(net, variables())
  for value, old in zip(values(net), before, strict=True):
    np.testing.assert_array_equal(value, old)


@pytest.mark.parametrize(
  ("build", "variables"),
  [
    (micro_net, lambda: micro_final() | {"child/new/w": np.ones(2)}),
    (searched_net, macro_search),
  ],
)
def test_what_is_left_over_can_be_left(build, variables):
  net = build()
  original.assign(net, variables(), allow_unused=True)
  for name, reference in original.references(net).items():
    expected = variables()[f"child/{name}"]
    np.testing.assert_array_equal(reference.read(), expected, name)


def test_what_arcs_share_cannot_be_told():
  """Pools have no weights: the docstring of `assign` says it."""
  _, meta = golden.load("ckpt_micro_final")
  swapped = meta["fixed_arc"].split()
  assert swapped[1] == "2"  # An average pool; now a max pool.
  swapped[1] = "3"
  original.assign(micro_net(arc=" ".join(swapped)), micro_final())


def test_unread_reductions_are_no_weights_of_a_macro_child():
  """The original makes them for every tensor, whether a layer reads it."""
  net = macro_net(faithful=True, row=golden.load("macro_final")[0]["0/arc"])
  given = golden.under(golden.load("macro_final")[0], "0/var/")
  names = {f"child/{name}" for name in original.references(net)}
  assert given.keys() - names
  original.assign(net, given)
