"""Compares networks with what the original's computed."""

import re

import numpy as np
import tensorflow as tf

from enas_tf.compat import original
from enas_tf.layers import heads
from enas_tf.tasks import image_steps
from tests import golden


def gradients(net, labels, call, *args):
  """Returns (outputs, loss without the auxiliary one, dense gradients)."""
  variables = [v.value for v in net.trainable_variables]
  with tf.GradientTape() as tape:
    outputs = call(*args)
    loss = image_steps.cross_entropy(labels, outputs["logits"])
    total = loss
    if "aux_logits" in outputs:
      total += heads.AUX_WEIGHT * image_steps.cross_entropy(
        labels, outputs["aux_logits"]
      )
  results = tape.gradient(total, variables, unconnected_gradients="zero")
  return outputs, loss, [tf.convert_to_tensor(each) for each in results]


def assert_close(value, expected, what=""):
  np.testing.assert_allclose(
    value, expected, atol=golden.ATOL, rtol=golden.RTOL, err_msg=what
  )


def assert_same_gradients(net, results, expected, names):
  """Compares those that the golden holds, and the norms of all."""
  by_variable = {
    id(v): g for v, g in zip(net.trainable_variables, results, strict=True)
  }
  found = {
    name: reference.read(by_variable[id(reference.variable)])
    for name, reference in original.references(net).items()
    if id(reference.variable) in by_variable
  }
  names = [re.sub("^child/|:0$", "", str(name)) for name in names]
  assert sorted(names) == sorted(found)
  assert_close(
    [np.linalg.norm(found[name]) for name in names], expected["grad_norms"]
  )
  held = golden.under(expected, "grad/child/")
  assert len(held) > 10
  for name, value in held.items():
    assert_close(found[name], value, name)


def assert_same_weights(net, expected, trainable) -> int:
  """Compares what a golden holds after a step; returns how many arrays."""
  references = {
    name: reference
    for name, reference in original.references(net).items()
    if id(reference.variable) in trainable
  }
  for name, value in golden.under(expected, "after/child/").items():
    if name in references:
      assert_close(references[name].read(), value, name)
  compared = 0
  names = [str(each) for each in expected.get("after_names", [])]
  for i, name in enumerate(names):
    reference = references.get(name.removeprefix("child/"))
    if reference:
      value = reference.read()
      assert_close(value.sum(), expected["after_sum"][i], name)
      assert_close(np.linalg.norm(value), expected["after_l2"][i], name)
      compared += 1
  return compared
