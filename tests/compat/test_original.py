"""The networks compute what the original's do, on the original's weights."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from enas_tf import errors
from enas_tf.compat import files, original
from enas_tf.networks import micro_child, micro_supernet
from enas_tf.spaces import micro
from enas_tf.training import optimizers
from tests import golden
from tests.compat.compare import (
  assert_close,
  assert_same_gradients,
  assert_same_weights,
  gradients,
)

CHECKPOINT = str(golden.FOLDER / "ckpt_micro_final" / "model.ckpt-2")


@functools.cache
def search_golden(name):
  """Returns (arrays, a supernet with the golden's weights, its gradients)."""
  arrays, meta = golden.load(name)
  net = micro_supernet.MicroSupernet(
    micro.MicroSpace(meta["num_cells"]),
    num_layers=meta["num_layers"],
    out_filters=meta["out_filters"],
    image_shape=(32, 32, 3),
    num_classes=10,
    use_aux_heads=meta["use_aux_heads"],
    keep_prob=1.0,
    seed=0,
    faithful=True,
  )
  original.assign(net, golden.under(arrays, "var/"))
  images = tf.constant(arrays["in/images"])
  call = lambda arc: net({"images": images, "arc": arc}, training=True)
  compute = functools.partial(gradients, net, arrays["in/labels"], call)
  return arrays, net, tf.function(compute)


def arc_of(arrays):
  return np.concatenate([arrays["normal_arc"], arrays["reduce_arc"]])


@pytest.mark.parametrize(
  ("name", "i"),
  [
    ("micro_search_a", 0),
    ("micro_search_a", 1),
    pytest.param("micro_search_a", 2, marks=golden.no_ties),
    ("micro_search_a", 3),
    ("micro_search_a", 4),
    ("micro_search_aux", 0),
    pytest.param("micro_search_aux", 1, marks=golden.no_ties),
  ],
)
def test_supernet_is_the_originals(name, i):
  arrays, net, compute = search_golden(name)
  expected = golden.under(arrays, f"{i}/")
  arc = tf.constant(arc_of(expected), tf.int32)
  outputs, loss, results = compute(arc)
  assert_close(outputs["logits"], expected["logits"])
  assert_close(loss, expected["loss"])
  assert ("aux_logits" in outputs) == ("aux_logits" in expected)
  if "aux_logits" in expected:
    assert_close(outputs["aux_logits"], expected["aux_logits"])
  assert_same_gradients(net, results, expected, arrays["grad_names"])


@pytest.mark.parametrize(
  ("name", "i"),
  [
    pytest.param("micro_final_a", 0, marks=golden.no_ties),
    ("micro_final_a", 1),
    ("micro_final_a", 2),
    pytest.param("micro_final_published_arc", 0, marks=golden.no_ties),
  ],
)
def test_child_is_the_originals(name, i):
  arrays, meta = golden.load(name)
  expected = golden.under(arrays, f"{i}/")
  net = build_child(
    micro.MicroSpace(meta["num_cells"]).decode(arc_of(expected)), meta
  )
  original.assign(net, golden.under(expected, "var/"))
  images, labels = arrays["in/images"], arrays["in/labels"]
  assert_close(net(images)["logits"], expected["eval_logits"])
  outputs, loss, results = gradients(
    net, labels, functools.partial(net, training=True), images
  )
  assert_close(outputs["logits"], expected["logits"])
  assert_close(loss, expected["loss"])
  assert ("aux_logits" in outputs) == ("aux_logits" in expected)
  if "aux_logits" in expected:
    assert_close(outputs["aux_logits"], expected["aux_logits"])
  assert_same_gradients(net, results, expected, expected["grad_names"])


def build_child(arc, meta) -> keras.Model:
  return micro_child.build(
    arc,
    num_layers=meta["num_layers"],
    out_filters=meta["out_filters"],
    use_aux_heads=meta.get("use_aux_heads", False),
    faithful=True,
    image_shape=(32, 32, 3),
    num_classes=10,
  )


@golden.no_ties
def test_child_trains_as_the_originals():
  arrays, meta = golden.load("train_micro_final")
  arc = micro.MicroSpace(meta["num_cells"]).parse(meta["fixed_arc"])
  net = build_child(arc, meta)
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


def test_reads_a_checkpoint():
  arrays, meta = golden.load("ckpt_micro_final")
  net = build_child(micro.MicroSpace().parse(meta["fixed_arc"]), meta)
  variables = files.read_checkpoint(CHECKPOINT)
  assert sorted(variables) == sorted(str(each) for each in arrays["var_names"])
  original.assign(net, variables)
  assert_close(net(arrays["in/images"])["logits"], arrays["eval_logits"])
  trainable = {id(v) for v in net.trainable_variables}
  assert {
    f"child/{name}"
    for name, reference in original.references(net).items()
    if id(reference.variable) in trainable
  } == {str(each) for each in arrays["trainable_names"]}


def test_references_cover_every_number_once():
  _, net, _ = search_golden("micro_search_aux")
  places = {}
  for reference in original.references(net).values():
    places.setdefault(id(reference.variable), []).append(reference.indices)
  for variable in net.variables:
    if variable.path == "head_dropout/step":
      continue
    found = np.concatenate([each.ravel() for each in places[id(variable)]])
    np.testing.assert_array_equal(
      np.sort(found), np.arange(np.prod(variable.shape)), variable.path
    )


def test_what_was_assigned_is_read():
  arrays, net, _ = search_golden("micro_search_a")
  for name, reference in original.references(net).items():
    np.testing.assert_array_equal(
      reference.read(), arrays[f"var/child/{name}"], name
    )


class FakePolicy:
  """What `original` knows of a policy."""

  def __init__(self):
    self.named_variables = {
      "emb": tf.Variable([[1.0, 2.0]]),
      "attn/v": tf.Variable([3.0]),
    }


@pytest.mark.parametrize("form", ["{}", "controller/{}", "controller/{}:0"])
def test_assigns_a_policy(form):
  policy = FakePolicy()
  values = {"emb": np.float32([[5, 6]]), "attn/v": np.float32([7])}
  given = {form.format(name): value for name, value in values.items()}
  given[form.format("emb/Adam")] = np.zeros((1, 2))
  original.assign(policy, given)
  for name, value in values.items():
    np.testing.assert_array_equal(policy.named_variables[name], value)


@pytest.mark.parametrize(
  ("given", "message"),
  [
    ({"emb": np.float32([[5, 6]])}, r"missing=\['attn/v'\] \(1\)"),
    (
      {"emb": np.float32([5, 6]), "attn/v": np.float32([7])},
      r"emb \(2,\) instead of \(1, 2\)",
    ),
  ],
)
def test_refuses_variables_of_another_network(given, message):
  policy = FakePolicy()
  with pytest.raises(errors.CheckpointError, match=message):
    original.assign(policy, given)
  np.testing.assert_array_equal(policy.named_variables["emb"], [[1, 2]])


def test_refuses_a_child_of_another_arc():
  _, meta = golden.load("ckpt_micro_final")
  space = micro.MicroSpace()
  net = build_child(space.decode([1, 1] * (space.num_decisions // 2)), meta)
  with pytest.raises(errors.CheckpointError, match="the arc"):
    original.assign(net, files.read_checkpoint(CHECKPOINT))


def test_names_a_checkpoint_that_cannot_be_read(tmp_path):
  with pytest.raises(errors.CheckpointError, match="model.ckpt-7"):
    files.read_checkpoint(str(tmp_path / "model.ckpt-7"))
  for suffix in ("index", "data-00000-of-00001"):
    (tmp_path / f"model.ckpt-8.{suffix}").write_bytes(b"not a checkpoint")
  with pytest.raises(errors.CheckpointError, match="model.ckpt-8"):
    files.read_checkpoint(str(tmp_path / "model.ckpt-8"))
