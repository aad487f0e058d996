import dataclasses
import doctest

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.recipes import base, experiments, searched
from enas_tf.spaces import micro, product
from tests.runs import context

IMAGES = dict(data="digits", evaluator="from_scratch")
RANGES = {
  "final_lr_max": "log:0.01..0.1",
  "final_cutout_size": [0, 4],
  "augment": ["none", "crop"],
}


def experiment(space="micro", **given):
  return context.experiment(space, **IMAGES | given)


def test_ranges_are_recorded_as_texts_however_they_are_given():
  as_text = ",".join(experiment(search_settings=RANGES).run.search_settings)
  assert as_text == (
    "final_lr_max=log:0.01..0.1,final_cutout_size=0|4,augment=none|crop"
  )
  one = experiment(search_settings=as_text)
  assert one == experiment(search_settings=as_text.split(","))
  assert one == experiment(search_settings=RANGES)
  again = experiments.from_values(experiments.values(one))
  assert searched.choices(again) == searched.choices(one)
  assert experiment(search_settings="").run.search_settings == ()


@pytest.mark.parametrize(
  ("given", "num"),
  [
    ({}, 16),
    (dict(search_values=5), 5),
    (dict(controller="bayesian"), 1000),
    (dict(controller="bayesian", search_values=5), 5),
  ],
)
def test_a_range_is_cut_finely_for_those_that_see_its_order(given, num):
  rates, *others = searched.choices(experiment(search_settings=RANGES, **given))
  assert len(rates.values) == num and rates.is_ordered
  assert [each.values for each in others] == [(0, 4), ("none", "crop")]


@pytest.mark.parametrize(
  ("name", "own"),
  [
    ("final_batch_size", "final_batch_size"),
    ("batch_size", "final_batch_size"),
    ("child_num_layers", "final_num_layers"),
    ("final_num_layers", "final_num_layers"),
  ],
)
def test_arcs_have_one_name_for_a_setting(name, own):
  (found,) = searched.choices(experiment(search_settings={name: [8, 16]}))
  assert found.name == own


@pytest.mark.parametrize("space", ["micro", "macro", "macro_channels", "rnn"])
def test_all_that_is_marked_can_be_searched_and_set(space):
  """Each marked setting takes its own value, and a child has it."""
  given = dict(evaluator="from_scratch") if space == "rnn" else IMAGES
  plain = context.experiment(space, **given)
  names = set()
  for name, place in experiments.named(plain):
    if place.section in ("final", "data") and (
      experiments.fields.of(place.field).searchable
    ):
      value = getattr(plain.section(place.section), place.field.name)
      found = searched.applied(plain, {name: value})
      assert found.final == plain.final and found.data == plain.data
      names.add(name)
  assert names >= {"final_batch_size", "final_optimizer", "final_l2_reg"}
  assert ("augment" in names) == (space != "rnn")
  assert ("final_num_layers" in names) == (space == "micro")
  assert not names & {"final_num_epochs", "final_ops", "final_init"}


def test_settings_of_an_arc_are_those_of_its_child_alone():
  whole = experiment(search_settings=RANGES, child_lr_max=0.5)
  found = searched.applied(
    whole,
    {"final_lr_max": 0.02, "final_cutout_size": 4, "augment": "none"},
  )
  assert found.final == dataclasses.replace(
    whole.final, lr_max=0.02, cutout_size=4
  )
  assert found.data == dataclasses.replace(whole.data, augment="none")
  assert found.search == whole.search and found.search.lr_max == 0.5
  assert found.run.search_settings == () and searched.choices(found) == ()


@pytest.mark.parametrize(
  ("given", "words"),
  [
    ("final_lr_mx=1|2", "no setting of that name.*mean `final_lr_max`"),
    ("child_ops=a|b", "`child_ops` cannot be searched.*final_optimizer"),
    ("final_num_epochs=1|2", "`final_num_epochs` cannot be searched"),
    ("controller_lr=1|2", "`controller_lr` cannot be searched"),
    ("final_lr_max", "list of NAME=RANGE"),
    ("=1|2", "list of NAME=RANGE"),
    ({"final_lr_max": 0.1}, "is a list of options, or a text"),
    ("child_lr_max=1|2,final_lr_max=1|2", "`final_lr_max` is searched twice"),
    ("final_out_filters=7|8", "impossible: `final_out_filters` must be even"),
    ("final_lr_min=0.01|0.1", "impossible: `final_lr_min` must not be above"),
    (
      "final_lr_max=0.1|0.3,final_lr_min=0.01|0.2",
      "impossible: `final_lr_min` must not be above",
    ),
    ("final_lr=1|2", "no difference without `final_lr_cosine=False`"),
    ("final_grad_bound=1|2", "without `final_clip_mode=norm` or"),
  ],
)
def test_what_cannot_be_searched_is_refused(given, words):
  with pytest.raises(errors.ConfigError, match=f"{words}.*Received: "):
    experiment(search_settings=given)


@pytest.mark.parametrize(
  ("given", "words"),
  [
    (dict(evaluator="shared_weights"), "without a training of its final child"),
    (dict(controller="gradient"), "no gates"),
    (
      dict(evaluator="shared_weights", search_settings="augment=none|crop"),
      "trained on data of one kind",
    ),
    (dict(search_settings="", search_values=4), "use only with"),
  ],
)
def test_what_a_score_does_not_depend_on_is_refused(given, words):
  with pytest.raises(errors.ConfigError, match=words):
    experiment(**dict(search_settings=RANGES) | given)


def test_a_table_has_no_settings():
  with pytest.raises(errors.ConfigError, match="which are all that can be"):
    context.experiment(
      "table", evaluator_table="x.csv", search_settings="augment=none|crop"
    )


def test_values_that_go_together_are_not_refused():
  given = "final_lr_max=0.3|0.5,final_lr_min=0.1|0.2"
  assert experiment(search_settings=given, final_lr_max=0.05)
  given = "final_clip_mode=none|norm,final_grad_bound=1|2"
  assert experiment(search_settings=given)


@pytest.mark.parametrize("inner", [micro.MicroSpace(1), micro.MicroSpace(2)])
def test_the_space_is_a_product_only_if_settings_are_searched(inner):
  assert searched.space_of(experiment(), inner) is inner
  space = searched.space_of(experiment(search_settings=RANGES), inner)
  assert space == product.ProductSpace(
    inner, searched.choices(experiment(search_settings=RANGES))
  )
  assert searched.fingerprint(experiment()) == {}
  found = searched.fingerprint(experiment(search_settings=RANGES))
  assert found["search_settings"]["augment"] == ["none", "crop"]
  assert len(found["search_settings"]["final_lr_max"]) == 16


def test_an_arc_that_is_given_has_its_own_settings():
  inner = micro.MicroSpace(1)
  structure = inner.random(np.random.default_rng(0))
  text = f"{structure} final_lr_max=0.012345 augment=none"
  given = context.experiment("micro", text, data="digits", mode="train")
  space = searched.space_of(given, inner)
  assert str(space.parse(text)) == text
  assert space.random(np.random.default_rng(1)).settings == {
    "final_lr_max": 0.012345,
    "augment": "none",
  }
  other = context.experiment("micro", f"{structure} final_x=1", mode="train")
  with pytest.raises(errors.ConfigError, match="take `final_x` away"):
    searched.space_of(other, inner)


def test_the_examples_hold():
  found = doctest.testmod(searched)
  assert found.attempted and not found.failed
  assert "search_settings" in dict(
    experiments.named(base.get("micro").experiment)
  )
