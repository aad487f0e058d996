"""One call from a checkpoint of the original to a model of ours."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from enas_tf import compat, errors
from enas_tf.compat import enas_lm, original
from enas_tf.recipes import base as recipes
from enas_tf.spaces import macro, micro, rnn
from tests import golden
from tests.compat import tf1
from tests.compat.compare import assert_close

MICRO = golden.FOLDER / "ckpt_micro_final"
MACRO = golden.FOLDER / "ckpt_macro_search"


def micro_arc():
  _, meta = golden.load("ckpt_micro_final")
  return micro.MicroSpace().parse(meta["fixed_arc"])


def without(arc, **changed):
  """Returns a micro arc with another first node of its normal cell."""
  first = arc.normal[0]._replace(**changed)
  return micro.MicroArc((first, *arc.normal[1:]), arc.reduction, arc.ops)


def test_loads_a_final_micro_child():
  arrays, meta = golden.load("ckpt_micro_final")
  loaded = compat.load_model(
    MICRO / "model.ckpt-2.index", arc=micro_arc(), image_size=32
  )
  assert_close(
    loaded.model(arrays["in/images"])["logits"], arrays["eval_logits"]
  )
  for name in ("num_layers", "num_cells", "out_filters", "use_aux_heads"):
    assert getattr(loaded.child, name) == meta[name], name
  assert loaded.policy is None


def test_loads_a_child_with_an_auxiliary_head(tmp_path):
  arrays, meta = golden.load("micro_final_published_arc")
  prefix = tf1.save(tmp_path / "c", golden.under(arrays, "0/var/"))
  row = np.concatenate([arrays["0/normal_arc"], arrays["0/reduce_arc"]])
  loaded = compat.load_model(
    prefix, arc=micro.MicroSpace(meta["num_cells"]).decode(row), image_size=32
  )
  assert "aux_logits" in loaded.model.output
  assert_close(
    loaded.model(arrays["in/images"])["logits"], arrays["0/eval_logits"]
  )


def test_loads_a_final_macro_child(tmp_path):
  arrays, meta = golden.load("macro_final")
  prefix = tf1.save(tmp_path / "c", golden.under(arrays, "1/var/"))
  arc = macro.MacroSpace(meta["num_layers"]).decode(arrays["1/arc"])
  loaded = compat.load_model(prefix, arc=arc, image_size=(32, 32))
  assert loaded.child.faithful
  assert_close(
    loaded.model(arrays["in/images"])["logits"], arrays["1/eval_logits"]
  )


def test_loads_a_micro_search(tmp_path):
  arrays, _ = golden.load("micro_search_aux")
  policy, _ = golden.load("controller_micro")
  policy = golden.under(policy, "var/")
  prefix = tf1.save(tmp_path / "c", golden.under(arrays, "var/") | policy)
  recipe = recipes.get("micro").experiment
  search = dataclasses.replace(recipe.search, keep_prob=1.0)
  loaded = compat.load_model(
    prefix,
    image_size=32,
    settings=dataclasses.replace(recipe, search=search),
  )
  expected = golden.under(arrays, "0/")
  row = np.concatenate([expected["normal_arc"], expected["reduce_arc"]])
  outputs = loaded.model(
    {
      "images": tf.constant(arrays["in/images"]),
      "arc": tf.constant(row, tf.int32),
    }
  )
  assert_close(outputs["logits"], expected["logits"])
  assert_close(outputs["aux_logits"], expected["aux_logits"])
  for name, variable in loaded.policy.named_variables.items():
    np.testing.assert_array_equal(variable, policy[f"controller/{name}"], name)


def test_loads_a_macro_search():
  loaded = compat.load_model(MACRO / "model.ckpt-2", image_size=32)
  reader = tf.train.load_checkpoint(str(MACRO / "model.ckpt-2"))
  for name, reference in original.references(loaded.model).items():
    expected = reader.get_tensor(f"child/{name}")
    np.testing.assert_array_equal(reference.read(), expected, name)
  for name, variable in loaded.policy.named_variables.items():
    expected = reader.get_tensor(f"controller/{name}")
    np.testing.assert_array_equal(variable, expected, name)
  assert loaded.model.space == loaded.policy.space == macro.MacroSpace(6)


def test_loads_a_search_of_enas_lm(tmp_path):
  arrays, meta = golden.load("rnn_enas_lm_search")
  policy, _ = golden.load("controller_enas_lm")
  policy = golden.under(policy, "var/")
  variables = golden.under(arrays, "var/") | policy | tf1.BOOKKEEPING
  loaded = compat.load_model(tf1.save(tmp_path / "c", variables))
  assert loaded.model.space == rnn.RnnSpace(meta["num_nodes"])
  outputs = loaded.model(
    {
      "tokens": tf.constant(arrays["in/x"]),
      "state": tf.constant(arrays["in/prev_s"]),
      "arc": tf.constant(arrays["0/arc"], tf.int32),
    }
  )
  assert_close(outputs["logits"], arrays["0/eval/logits"])
  weight = loaded.policy.named_variables["lstm/w"]
  np.testing.assert_array_equal(weight, policy["controller/lstm/w"])


def fixed_cell(tmp_path, name="all", **more):
  """Returns (arrays, prefix of a checkpoint, its arc)."""
  arrays, meta = golden.load(f"rnn_enas_lm_fixed_{name}")
  variables = golden.under(arrays, "var/") | tf1.BOOKKEEPING | more
  arc = rnn.RnnSpace(meta["num_nodes"]).decode(arrays["0/arc"])
  return arrays, tf1.save(tmp_path / "c", variables), arc


@pytest.mark.parametrize("output", ["all", "loose"])
def test_loads_a_fixed_cell_of_enas_lm(tmp_path, output):
  arrays, prefix, arc = fixed_cell(tmp_path, output)
  model = compat.load_model(prefix, arc=arc, output=output).model
  outputs = model({"tokens": arrays["in/x"], "state": arrays["in/prev_s"]})
  assert_close(outputs["logits"], arrays["0/eval/logits"])


def test_takes_the_averages_that_enas_lm_evaluates(tmp_path):
  arrays, _ = golden.load("rnn_enas_lm_fixed_all")
  weights = golden.under(arrays, "var/language_model/")
  order = ["embedding/w", "rnn_cell/w_prev"]
  order += [f"rnn_cell/layer_{i}/w" for i in range(8)]
  more = {f"average/{i}": 2 * weights[name] for i, name in enumerate(order)}
  for flag in (0, 1):
    more["moving_avg_flag/flag"] = np.int32(flag)
    _, prefix, arc = fixed_cell(tmp_path, **more)
    model = compat.load_model(prefix, arc=arc, output="all").model
    for name, reference in enas_lm.references(model).items():
      expected = (1 + flag) * weights[name]
      np.testing.assert_array_equal(reference.read(), expected, name)


def test_words_are_in_our_order(tmp_path):
  arrays, prefix, arc = fixed_cell(tmp_path)
  # enas_lm numbers them by the alphabet: "w00" is its word 0.
  words = [f"w{i:02d}" for i in np.random.default_rng(0).permutation(50)]
  options = dict(arc=arc, output="all")
  model = compat.load_model(prefix, words=words, **options).model
  embedding = enas_lm.references(model)["embedding/w"].read()
  theirs = arrays["var/language_model/embedding/w"]
  for word, row in zip(words, embedding, strict=True):
    np.testing.assert_array_equal(row, theirs[int(word[1:])])
  with pytest.raises(errors.DataError, match="embedding=50"):
    compat.load_model(prefix, words=words[:-1], **options)


@pytest.mark.parametrize(
  ("checkpoint", "options", "words"),
  [
    (MICRO, {}, "give arc and image_size too"),
    (MICRO, dict(image_size=32), "normal/node_0/op_2=sep_conv_3x3"),
    (MICRO, dict(arc=micro_arc()), "image_size=None"),
    (MICRO, dict(arc=micro_arc(), image_size=32, output="all"), "no output"),
    (MACRO, dict(arc=micro_arc(), image_size=32), "macro search.* no arc"),
    (
      MICRO,
      dict(arc=macro.MacroSpace(3).parse("0 1 0 2 0 0"), image_size=32),
      "`search_for=micro`",
    ),
    (
      MICRO,
      dict(arc=without(micro_arc(), op_2="max_pool_3x3"), image_size=32),
      "op_2 is a pool or an identity, the weights are of sep_conv_3x3",
    ),
    (
      MICRO,
      dict(arc=without(micro_arc(), op_1="sep_conv_5x5"), image_size=32),
      "op_1 is sep_conv_5x5, the weights are of a pool or an identity",
    ),
    (
      MICRO,
      dict(arc=micro.MicroSpace(1).parse("0 0 0 4 0 0 0 4"), image_size=32),
      "node_1/op_1 is not there",
    ),
  ],
)
def test_refuses_what_contradicts_the_weights(checkpoint, options, words):
  with pytest.raises(errors.UserError, match=words):
    compat.load_model(checkpoint / "model.ckpt-2", **options)


@pytest.mark.parametrize(
  ("place", "value", "words"),
  [
    (6, 0, "layer_3/op is convolution 3, the weights are of convolution 5"),
    (6, 4, "layer_3/op is pool, the weights are of convolution 5"),
    (4, 1, "layer_2/skips is 1, the weights are of 0"),
  ],
)
def test_refuses_another_macro_arc(tmp_path, place, value, words):
  """Kernel sizes and numbers of skips are in the shapes."""
  arrays, meta = golden.load("macro_final")
  prefix = tf1.save(tmp_path / "c", golden.under(arrays, "0/var/"))
  row = arrays["0/arc"].copy()
  row[place] = value
  arc = macro.MacroSpace(meta["num_layers"]).decode(row)
  with pytest.raises(errors.CheckpointError, match=words):
    compat.load_model(prefix, arc=arc, image_size=32)


@pytest.mark.parametrize(
  ("variables", "words"),
  [
    ({"dense/kernel": np.zeros((2, 3))}, "no known network"),
    ({"child/layer_0/layer_base/w": np.zeros((1, 1))}, "not whole"),
    (
      {
        "child/layer_0/layer_base/w": np.zeros((1, 1)),
        "child/stem_conv/w": np.zeros((3, 3, 3, 12)),
        "child/fc/w": np.zeros((4, 10)),
      },
      "not whole.*1 cells",
    ),
  ],
)
def test_refuses_other_checkpoints(tmp_path, variables, words):
  prefix = tf1.save(tmp_path / "c", variables)
  with pytest.raises(errors.CheckpointError, match=words):
    compat.load_model(prefix, image_size=32)
