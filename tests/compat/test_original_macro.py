"""The macro networks compute what the original's do, on its weights."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf.compat import files, original
from enas_tf.networks import inherit, macro_child, macro_supernet
from enas_tf.spaces import macro
from enas_tf.training import optimizers
from tests import golden
from tests.compat.compare import (
  assert_close,
  assert_same_gradients,
  assert_same_weights,
  gradients,
)

CHECKPOINT = str(golden.FOLDER / "ckpt_macro_search" / "model.ckpt-2")
# Arcs whose operations are max pools sometimes need TensorFlow's own kernels.
SEARCH_ARCS = [
  pytest.param(i, marks=[golden.no_ties] if i < 3 else []) for i in range(6)
]


def build_supernet(meta):
  return macro_supernet.MacroSupernet(
    macro.MacroSpace(meta["num_layers"]),
    out_filters=meta["out_filters"],
    image_shape=(32, 32, 3),
    num_classes=10,
    keep_prob=1.0,
    seed=0,
  )


def build_child(arc, meta, **changed) -> keras.Model:
  return macro_child.build(
    arc,
    out_filters=meta["out_filters"],
    image_shape=(32, 32, 3),
    num_classes=10,
    **changed,
  )


def decode(row, meta) -> macro.MacroArc:
  return macro.MacroSpace(meta["num_layers"]).decode(row)


@functools.cache
def search_golden():
  """Returns (arrays, settings, a supernet, its gradients)."""
  arrays, meta = golden.load("macro_search_fixed")
  net = build_supernet(meta)
  original.assign(net, golden.under(arrays, "var/"))
  images = tf.constant(arrays["in/images"])
  call = lambda arc: net({"images": images, "arc": arc}, training=True)
  compute = functools.partial(gradients, net, arrays["in/labels"], call)
  return arrays, meta, net, tf.function(compute)


@pytest.mark.parametrize("i", SEARCH_ARCS)
def test_supernet_is_the_originals(i):
  arrays, _, net, compute = search_golden()
  expected = golden.under(arrays, f"{i}/")
  outputs, loss, results = compute(tf.constant(expected["arc"], tf.int32))
  assert_close(outputs["logits"], expected["logits"])
  assert_close(loss, expected["loss"])
  assert_same_gradients(net, results, expected, arrays["grad_names"])


def test_the_originals_late_binding_is_not_ours():
  """There every operation was the last one, a max pool; here each counts."""
  arrays, _ = golden.load("macro_search_latebinding_bug")
  np.testing.assert_array_equal(arrays["1/logits"], arrays["2/logits"])
  assert (arrays["1/arc"] != arrays["2/arc"]).any()
  *_, compute = search_golden()
  one, other = (
    compute(tf.constant(arrays[f"{i}/arc"], tf.int32))[0]["logits"]
    for i in (1, 2)
  )
  assert np.abs(one - other).max() > 0.1


def searched_child(arc, meta, variables):
  """Returns the child as searched, on the weights that the arc selects."""
  net = build_child(arc, meta, as_searched=True)
  original.assign(net, variables, allow_unused=True)
  return net


@pytest.mark.parametrize("i", SEARCH_ARCS)
def test_searched_child_evaluates_as_the_originals(i):
  """The moving averages, which the supernet does not keep, are the child's."""
  arrays, meta, supernet, compute = search_golden()
  expected = golden.under(arrays, f"{i}/")
  arc = decode(expected["arc"], meta)
  net = searched_child(arc, meta, golden.under(arrays, "var/"))
  images = arrays["in/images"]
  assert_close(net(images)["logits"], expected["eval_logits"])
  assert_close(net(images, training=True)["logits"], expected["logits"])


def test_inherits_all_from_the_supernet():
  arrays, meta, supernet, compute = search_golden()
  row = arrays["2/arc"]
  net = build_child(decode(row, meta), meta, as_searched=True)
  variables = {v.path: v.numpy() for v in supernet.variables}
  copied = inherit.from_supernet(net, decode(row, meta), variables)
  assert copied == len(net.trainable_variables)
  outputs, *_ = compute(tf.constant(row, tf.int32))
  found = net(arrays["in/images"], training=True)
  assert_close(found["logits"], outputs["logits"])


# Of 0 the gradients move by 3 % where the images move by a millionth: a unit
# before a ReLU is next to zero.
@pytest.mark.parametrize("i", [pytest.param(0, marks=golden.no_ties), 1, 2])
def test_child_is_the_originals(i):
  arrays, meta = golden.load("macro_final")
  expected = golden.under(arrays, f"{i}/")
  net = build_child(decode(expected["arc"], meta), meta, faithful=True)
  original.assign(net, golden.under(expected, "var/"))
  images, labels = arrays["in/images"], arrays["in/labels"]
  assert_close(net(images)["logits"], expected["eval_logits"])
  outputs, loss, results = gradients(
    net, labels, functools.partial(net, training=True), images
  )
  assert_close(outputs["logits"], expected["logits"])
  assert_close(loss, expected["loss"])
  # What no layer reads is not part of our network.
  names = [str(each) for each in expected["grad_names"]]
  norms = expected["grad_norms"]
  used = [j for j, norm in enumerate(norms) if norm > 0]
  expected = {
    key: value
    for key, value in expected.items()
    if not key.startswith("grad/") or value.any()
  } | {"grad_norms": norms[used]}
  assert_same_gradients(net, results, expected, [names[j] for j in used])


def test_child_trains_as_the_originals():
  arrays, meta = golden.load("train_macro_final")
  arc = macro.MacroSpace(meta["num_layers"]).parse(meta["fixed_arc"])
  net = build_child(arc, meta, faithful=True)
  original.assign(net, golden.under(arrays, "var/"))
  optimizer = optimizers.NesterovMomentum(
    float(arrays["step0/lr"]), l2_reg=meta["l2_reg"]
  )
  call = functools.partial(net, training=True)
  step = tf.function(lambda x, y: gradients(net, y, call, x))
  trainable = {id(v) for v in net.trainable_variables}
  for i in range(meta["steps"]):
    expected = golden.under(arrays, f"step{i}/")
    _, loss, results = step(expected["images"], expected["labels"])
    assert_close(loss, expected["loss"])
    optimizer.apply(results, net.trainable_variables)
    compared = assert_same_weights(net, expected, trainable)
    assert compared == len(trainable) or "after_names" not in expected


@golden.no_ties
@pytest.mark.parametrize("i", range(4))
def test_reads_a_checkpoint(i):
  arrays, meta = golden.load("ckpt_macro_search")
  variables = files.read_checkpoint(CHECKPOINT)
  assert sorted(variables) == sorted(str(each) for each in arrays["var_names"])
  net = searched_child(decode(arrays[f"{i}/arc"], meta), meta, variables)
  assert_close(net(arrays["in/images"])["logits"], arrays[f"{i}/eval_logits"])


def test_references_cover_every_number_once():
  _, _, net, _ = search_golden()
  places = {}
  for reference in original.references(net).values():
    places.setdefault(id(reference.variable), []).append(reference.indices)
  for variable in net.trainable_variables:
    found = np.concatenate([each.ravel() for each in places[id(variable)]])
    np.testing.assert_array_equal(
      np.sort(found), np.arange(np.prod(variable.shape)), variable.path
    )
