import dataclasses
import json
import math
import re

import pytest

from enas_tf import errors
from enas_tf.evaluators import registry
from enas_tf.recipes import base, experiments
from enas_tf.settings import fields

SPACES = ("micro", "macro", "macro_channels", "rnn")

# (space, what is given); the last that is given is at fault.
INVALID = [
  ("micro", dict(data="cifar11")),
  ("micro", dict(augment="flip")),
  ("micro", dict(image_size=32)),
  ("micro", dict(data="folder", data_path="d", image_size=7)),
  ("micro", dict(valid_fraction=0.0)),
  ("micro", dict(valid_fraction=1.0)),
  ("micro", dict(valid_fraction=math.nan)),
  ("micro", dict(eval_batch_size=0)),
  ("micro", dict(data="digits", data_path="d")),
  ("rnn", dict(data="pydoc", data_path="d")),
  ("rnn", dict(vocab_size=9)),
  ("micro", dict(child_num_layers=0)),
  ("micro", dict(child_num_cells=0)),
  ("micro", dict(child_out_filters=0)),
  ("micro", dict(child_out_filters=21)),
  ("micro", dict(final_out_filters=21)),
  ("micro", dict(child_keep_prob=0.0)),
  ("micro", dict(child_keep_prob=1.1)),
  ("micro", dict(child_drop_path_keep_prob=-0.1)),
  ("micro", dict(final_drop_path_keep_prob=-0.1)),
  ("micro", dict(child_cutout_size=-1)),
  ("micro", dict(final_mixup=-0.1)),
  ("micro", dict(final_optimizer="lamb")),
  ("rnn", dict(final_optimizer="lamb")),
  ("micro", dict(batch_size=0)),
  ("micro", dict(batch_size="many")),
  ("micro", dict(batch_size=1.5)),
  ("micro", dict(batch_size=True)),
  ("micro", dict(final_batch_size=0)),
  ("micro", dict(num_epochs=0)),
  ("micro", dict(child_l2_reg=-1e-9)),
  ("micro", dict(child_l2_reg=math.nan)),
  ("micro", dict(child_lr_max=0.0)),
  ("micro", dict(child_lr_max=math.nan)),
  ("micro", dict(child_lr_min=-0.1)),
  ("micro", dict(child_lr_min=0.06)),
  ("micro", dict(child_lr_T_0=0)),
  ("micro", dict(child_lr_T_mul=0)),
  ("micro", dict(child_lr=0.0)),
  ("micro", dict(child_lr_dec_every=0)),
  ("micro", dict(child_lr_dec_rate=0.0)),
  ("micro", dict(child_clip_mode="clip")),
  ("micro", dict(child_grad_bound=0.0)),
  ("micro", dict(child_init="zeros")),
  ("micro", dict(child_ops=("identity", 3))),
  ("micro", dict(faithful="yes")),
  ("macro", dict(child_out_filters=5)),
  ("macro", dict(child_num_layers=0)),
  ("macro", dict(child_out_filters_scale=0)),
  ("rnn", dict(child_num_nodes=0)),
  ("rnn", dict(child_hidden_size=0)),
  ("rnn", dict(child_bptt_steps=0)),
  ("rnn", dict(child_output="last")),
  ("rnn", dict(child_lr=0.0)),
  ("rnn", dict(child_grad_bound=-1.0)),
  ("rnn", dict(child_alpha=-0.1)),
  ("rnn", dict(child_beta=math.nan)),
  ("rnn", dict(child_average_after=-1)),
  *(
    ("rnn", {f"final_{name}": value})
    for name in ("drop_e", "drop_i", "drop_x", "drop_l", "drop_o")
    for value in (1.0, -0.1)
  ),
  ("rnn", dict(controller_reward="accuracy")),
  ("rnn", dict(controller_reward_constant=0.0)),
  ("macro", dict(controller_skip_target=0.0)),
  ("macro", dict(controller_skip_target=1.0)),
  ("macro", dict(controller_skip_weight=-0.1)),
  ("micro", dict(controller="evolutionary")),
  ("micro", dict(controller_policy="mine")),
  ("micro", dict(controller_lstm_size=0)),
  ("micro", dict(controller_num_layers=0)),
  ("micro", dict(controller_lr=0.0)),
  ("micro", dict(controller_tanh_constant=0.0)),
  ("micro", dict(controller_op_tanh_reduce=0.0)),
  ("micro", dict(controller_temperature=-1.0)),
  ("micro", dict(controller_entropy_weight=-1e-4)),
  ("micro", dict(controller_bl_dec=1.0)),
  ("micro", dict(controller_bl_dec=-0.1)),
  ("micro", dict(controller_num_aggregate=0)),
  ("micro", dict(controller_train_steps=0)),
  ("micro", dict(controller_train_every=0)),
  ("micro", dict(mode="tran")),
  ("micro", dict(output_dir="")),
  ("micro", dict(seed=-1)),
  ("micro", dict(seed=2**31)),
  ("micro", dict(save_minutes=-1.0)),
  ("micro", dict(max_checkpoints_to_keep=1)),
  ("micro", dict(log_every=0)),
  ("micro", dict(log_every=2**31)),
  ("micro", dict(derive_samples=0)),
  ("micro", dict(derive_top=0)),
]


def build(space, **given):
  return experiments.build(base.get(space).experiment, given)


@pytest.mark.parametrize("space, given", INVALID)
def test_an_impossible_value_names_its_setting(space, given):
  with pytest.raises(errors.ConfigError) as info:
    build(space, **given)
  message, received = str(info.value).rsplit("Received: ")
  name, value = list(given.items())[-1]
  assert re.search(rf"`{name}`", message)
  assert str(value) in received


@pytest.mark.parametrize(
  ("space", "given", "words"),
  [
    ("micro", dict(data="folder"), "add `data_path"),
    ("rnn", dict(data="ptb"), "need `data_path`"),
    ("rnn", dict(data="text"), "need `data_path`"),
    ("micro", dict(mode="import"), "add `import_checkpoint"),
    ("micro", dict(derive_samples=9), "`derive_top` must"),
    ("micro", dict(data="ptb", data_path="d"), "micro, data=ptb"),
    ("macro", dict(data="pydoc"), "macro, data=pydoc"),
    ("rnn", dict(data="digits"), "rnn, data=digits"),
    ("micro", dict(child_num_nodes=2), "`child_num_nodes` has no use"),
    ("macro", dict(final_num_layers=24), "`final_num_layers` has no use"),
    ("rnn", dict(child_lr_max=0.1), "`child_lr_max` has no use"),
    ("micro", dict(num_epoch=2), "Did you mean `num_epochs`"),
    ("micro", dict(xyzzy=2), "no setting of that name"),
  ],
)
def test_what_does_not_fit_says_how_to_mend_it(space, given, words):
  with pytest.raises(errors.ConfigError, match=words):
    build(space, **given)


@pytest.mark.parametrize(
  ("space", "given"),
  [
    ("micro", dict(data="folder", data_path="d", image_size=8)),
    ("micro", dict(child_out_filters=2, child_num_layers=1)),
    ("micro", dict(child_keep_prob=1.0, child_drop_path_keep_prob=1e-3)),
    ("micro", dict(child_l2_reg=0.0, child_lr_min=0.0, child_cutout_size=1)),
    ("micro", dict(child_lr_min=0.05, child_lr_max=0.05, child_lr_T_mul=1)),
    # The cosine's bound does not bind the exponential decay.
    ("micro", dict(child_lr_cosine=False, child_lr_min=0.06)),
    ("rnn", dict(data="ptb", data_path="d", vocab_size=10)),
    ("rnn", dict(child_num_nodes=1, child_hidden_size=1, child_bptt_steps=1)),
    ("rnn", dict(child_drop_e=0.0, child_drop_x=0.0, child_drop_o=0.999)),
    ("micro", dict(controller_tanh_constant=1e-3, controller_temperature=5.0)),
    ("macro", dict(controller_skip_weight=0.0, controller_skip_target=0.999)),
    ("micro", dict(controller_entropy_weight=0.0, controller_bl_dec=0.0)),
    ("micro", dict(seed=2**31 - 1, save_minutes=0.0)),
    ("micro", dict(derive_samples=1, derive_top=1)),
  ],
)
def test_the_limits_themselves_are_allowed(space, given):
  found = experiments.values(build(space, **given))
  for name, value in given.items():
    assert found[name.replace("child_drop_path", "final_drop_path")] == value


@pytest.mark.parametrize("space", SPACES)
def test_every_setting_has_a_help_sentence(space):
  for name, place in experiments.named(base.get(space).experiment):
    assert len(fields.of(place.field).help) > 9, name


@pytest.mark.parametrize("space", SPACES)
def test_sections_are_frozen_and_checked_when_they_change(space):
  experiment = base.get(space).experiment
  for name in base.SECTIONS:
    section = experiment.section(name)
    field = dataclasses.fields(section)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
      setattr(section, field, None)
  with pytest.raises(errors.ConfigError):
    dataclasses.replace(experiment.search, batch_size=0)


@pytest.mark.parametrize("space", SPACES)
def test_supernet_and_child_have_types_of_their_own(space):
  experiment = base.get(space).experiment
  assert type(experiment.search) is not type(experiment.final)
  assert not isinstance(experiment.final, type(experiment.search))
  assert experiment.run.search_for == space


def test_what_is_said_of_both_networks_reaches_both():
  got = build("micro", num_epochs=2, child_ops=["identity", "conv_1x1"])
  assert got.search.num_epochs == got.final.num_epochs == 2
  assert got.search.ops == got.final.ops == ("identity", "conv_1x1")
  got = build("micro", num_epochs=2, final_num_epochs=3, final_keep_prob=0.5)
  assert (got.search.num_epochs, got.final.num_epochs) == (2, 3)
  assert (got.search.keep_prob, got.final.keep_prob) == (0.9, 0.5)


@pytest.mark.parametrize(
  ("space", "field", "given"),
  [
    ("macro", "num_layers", dict(child_num_layers=7)),
    ("micro", "num_cells", dict(child_num_cells=7)),
    ("rnn", "num_nodes", dict(child_num_nodes=7)),
  ],
)
def test_an_arc_of_the_search_fixes_the_child(space, field, given):
  got = build(space, **given)
  assert getattr(got.search, field) == getattr(got.final, field) == 7
  # An arc that is given need not be of the search.
  recipe = base.get(space).experiment
  got = experiments.build(recipe, {}, "0 0 0 0")
  assert getattr(got.final, field) == getattr(recipe.final, field)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("fixed_arc", [None, "0 1 1 0"])
def test_settings_survive_a_file(space, fixed_arc):
  given = dict(mode="all", seed=7, num_epochs=3, final_batch_size=5)
  made = experiments.build(base.get(space).experiment, given, fixed_arc)
  text = json.dumps(experiments.values(made))
  assert experiments.from_values(json.loads(text)) == made


@pytest.mark.parametrize(
  "change",
  [
    dict(child_num_layers=0),
    dict(child_num_layers="6"),
    dict(no_such_setting=1),
    dict(child_fixed_arc=3),
  ],
)
def test_damaged_settings_are_refused(change):
  values = experiments.values(base.get("micro").experiment) | change
  with pytest.raises(errors.ConfigError, match=next(iter(change))):
    experiments.from_values(values)


def assert_holds(section, **expected):
  found = dataclasses.asdict(section)
  assert {name: found[name] for name in expected} == expected


COSINE = dict(lr_cosine=True, lr_max=0.05, lr_T_0=10, lr_T_mul=2)


def test_the_micro_recipes_are_the_original_ones():
  """scripts/cifar10_micro_{search,final}.sh and the flags' defaults."""
  recipe = base.get("micro")
  assert_holds(
    recipe.search,
    num_layers=6,
    num_cells=5,
    out_filters=20,
    use_aux_heads=True,
    keep_prob=0.9,
    batch_size=160,
    num_epochs=150,
    l2_reg=1e-4,
    lr_min=0.0005,
    **COSINE,
  )
  assert_holds(
    recipe.final,
    num_layers=15,
    num_cells=5,
    out_filters=36,
    use_aux_heads=True,
    keep_prob=0.8,
    drop_path_keep_prob=0.6,
    batch_size=144,
    num_epochs=630,
    l2_reg=2e-4,
    lr_min=0.0001,
    **COSINE,
  )
  assert_holds(
    experiments.faithful(recipe).controller,
    baseline="moving_average",
    standardize=False,
    update="reinforce",
    adam_epsilon=1e-3,
    adam_beta_1=0.0,
    lstm_size=64,
    num_layers=1,
    lr=0.0035,
    tanh_constant=1.10,
    op_tanh_reduce=2.5,
    entropy_weight=0.0001,
    bl_dec=0.99,
    num_aggregate=10,
    train_steps=30,
    train_every=1,
    training=True,
  )


@pytest.mark.parametrize("space", ["macro", "macro_channels"])
def test_the_macro_recipes_are_the_original_ones(space):
  """scripts/cifar10_macro_{search,final}.sh and the flags' defaults."""
  recipe = base.get(space)
  assert_holds(
    recipe.search,
    num_layers=12,
    out_filters=36,
    keep_prob=0.9,
    batch_size=128,
    num_epochs=310,
    l2_reg=2.5e-4,
    lr_min=0.0005,
    **COSINE,
  )
  assert_holds(
    recipe.final,
    num_layers=24,
    out_filters=96,
    keep_prob=0.5,
    batch_size=100,
    num_epochs=310,
    l2_reg=2e-4,
    lr_min=0.001,
    **COSINE,
  )
  assert_holds(
    experiments.faithful(recipe).controller,
    baseline="moving_average",
    standardize=False,
    update="reinforce",
    adam_epsilon=1e-3,
    adam_beta_1=0.0,
    lr=0.001,
    tanh_constant=1.5,
    temperature=None,
    num_aggregate=20,
    train_steps=50,
    entropy_weight=0.0001,
    bl_dec=0.99,
    skip_target=0.4,
    skip_weight=0.8,
  )


def test_the_rnn_recipes_are_those_of_enas_lm():
  """Its child.py, fixed.py, controller.py and main.py."""
  recipe = base.get("rnn")
  both = dict(
    drop_o=0.75,
    bptt_steps=35,
    l2_reg=8e-7,
    lr=20.0,
    lr_dec_rate=1.0,
    functions=("tanh", "relu", "sigmoid", "identity"),
    random_bptt=True,
  )
  assert_holds(
    recipe.search,
    num_nodes=9,
    hidden_size=200,
    output="all",
    drop_e=0.1,
    drop_i=0.2,
    drop_x=0.75,
    drop_l=0.25,
    alpha=0.0,
    beta=1.0,
    grad_bound=0.1,
    batch_size=128,
    num_epochs=600,
    **both,
  )
  assert_holds(
    recipe.final,
    num_nodes=8,
    hidden_size=800,
    output="loose",
    drop_e=0.125,
    drop_i=0.175,
    drop_x=0.725,
    drop_l=0.225,
    alpha=0.7,
    beta=0.0,
    grad_bound=0.25,
    batch_size=64,
    num_epochs=3000,
    average_after=10,
    **both,
  )
  assert_holds(
    experiments.faithful(recipe).controller,
    baseline="moving_average",
    standardize=False,
    update="reinforce",
    adam_epsilon=1e-8,
    adam_beta_1=0.9,
    lr=5e-5,
    tanh_constant=2.25,
    temperature=5.0,
    entropy_weight=1e-5,
    bl_dec=0.999,
    num_aggregate=10,
    train_steps=25,
    reward="ppl",
    reward_constant=80.0,
  )


@pytest.mark.parametrize("space", ["micro", "macro", "macro_channels", "rnn"])
def test_all_controllers_begin_alike(space):
  """With what makes them learn, and is no paper's."""
  controller = base.get(space).controller
  assert_holds(
    controller,
    lr=0.0035,
    entropy_weight=0.2,
    tanh_constant=None,
    temperature=None,
    num_aggregate=5,
    baseline="batch",
    standardize=True,
    update="reinforce",
    adam_epsilon=1e-8,
    adam_beta_1=0.0,
  )
  assert getattr(controller, "op_tanh_reduce", 1.0) == 1.0


def test_a_bound_that_is_not_there_cannot_be_smaller():
  given = dict(controller_op_tanh_reduce=2.5)
  with pytest.raises(errors.ConfigError, match="give `controller_tanh_const"):
    experiments.build(base.get("micro").experiment, given)


def test_ppo_has_settings_of_its_own():
  experiment = base.get("micro").experiment
  given = {"controller_update": "ppo", "controller_ppo_steps": 2}
  assert experiments.build(experiment, given).controller.ppo_steps == 2
  with pytest.raises(errors.ConfigError, match="controller_update=ppo"):
    experiments.build(experiment, {"controller_ppo_clip": 0.1})


def test_a_setting_without_a_use_is_refused():
  experiment = base.get("micro").experiment
  with pytest.raises(errors.ConfigError, match="child_epochs.*from_scratch"):
    experiments.build(experiment, {"child_epochs": 3})
  with pytest.raises(errors.ConfigError, match="child_sampling"):
    experiments.build(
      experiment, {"child_sampling": "fair", "evaluator": "function"}
    )


def test_words_of_a_user_may_use_every_setting():
  registry.EVALUATORS.register("mine", object)
  try:
    built = experiments.build(
      base.get("micro").experiment, {"evaluator": "mine", "child_epochs": 3}
    )
  finally:
    registry.EVALUATORS.remove("mine")
  assert built.evaluation.child_epochs == 3


def test_faithful_begins_with_values_of_its_own():
  recipe = dataclasses.replace(
    base.get("micro"), name="mine", faithful={"controller_lr": 0.5}
  )
  base.register(recipe)
  try:
    for given, lr in (
      ({}, recipe.controller.lr),
      ({"faithful": True}, 0.5),
      ({"faithful": True, "controller_lr": 0.25}, 0.25),
    ):
      given = {"output_dir": "x", **given}
      assert experiments.go_on(None, "mine", given).controller.lr == lr
  finally:
    base.forget("mine")
