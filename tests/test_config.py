import dataclasses
import json
import math
import re

import pytest

from enas_tf import config, errors

SECTIONS = (
  config.DataConfig,
  config.ChildConfig,
  config.MicroFinalConfig,
  config.MacroSearchConfig,
  config.MacroFinalConfig,
  config.RnnSearchConfig,
  config.RnnFinalConfig,
  config.ControllerConfig,
  config.MacroControllerConfig,
  config.RnnControllerConfig,
  config.RunConfig,
)

# (class, what is given, the flag that the message names).
INVALID = [
  (config.DataConfig, dict(data="cifar11"), "data"),
  (config.DataConfig, dict(data="folder"), "data_path"),
  (config.DataConfig, dict(augment="flip"), "augment"),
  (config.DataConfig, dict(image_size=32), "image_size"),
  (
    config.DataConfig,
    dict(data="folder", data_path="d", image_size=7),
    "image_size",
  ),
  (config.DataConfig, dict(valid_fraction=0.0), "valid_fraction"),
  (config.DataConfig, dict(valid_fraction=1.0), "valid_fraction"),
  (config.DataConfig, dict(valid_fraction=math.nan), "valid_fraction"),
  (config.DataConfig, dict(eval_batch_size=0), "eval_batch_size"),
  (config.DataConfig, dict(data="ptb"), "data_path"),
  (config.DataConfig, dict(data="text"), "data_path"),
  (config.DataConfig, dict(data="pydoc", data_path="d"), "data_path"),
  (config.DataConfig, dict(data="digits", data_path="d"), "data_path"),
  (config.DataConfig, dict(vocab_size=9), "vocab_size"),
  (config.ChildConfig, dict(num_layers=0), "child_num_layers"),
  (config.ChildConfig, dict(num_cells=0), "child_num_cells"),
  (config.ChildConfig, dict(out_filters=0), "child_out_filters"),
  (config.ChildConfig, dict(out_filters=21), "child_out_filters"),
  (config.ChildConfig, dict(keep_prob=0.0), "child_keep_prob"),
  (config.ChildConfig, dict(keep_prob=1.1), "child_keep_prob"),
  (
    config.ChildConfig,
    dict(drop_path_keep_prob=-0.1),
    "child_drop_path_keep_prob",
  ),
  (config.ChildConfig, dict(cutout_size=0), "child_cutout_size"),
  (config.ChildConfig, dict(batch_size=0), "batch_size"),
  (config.ChildConfig, dict(num_epochs=0), "num_epochs"),
  (config.ChildConfig, dict(l2_reg=-1e-9), "child_l2_reg"),
  (config.ChildConfig, dict(l2_reg=math.nan), "child_l2_reg"),
  (config.ChildConfig, dict(lr_max=0.0), "child_lr_max"),
  (config.ChildConfig, dict(lr_max=math.nan), "child_lr_max"),
  (config.ChildConfig, dict(lr_min=-0.1), "child_lr_min"),
  (config.ChildConfig, dict(lr_min=0.06), "child_lr_min"),
  (config.ChildConfig, dict(lr_T_0=0), "child_lr_T_0"),
  (config.ChildConfig, dict(lr_T_mul=0), "child_lr_T_mul"),
  (config.ChildConfig, dict(lr=0.0), "child_lr"),
  (config.ChildConfig, dict(lr_dec_every=0), "child_lr_dec_every"),
  (config.ChildConfig, dict(lr_dec_rate=0.0), "child_lr_dec_rate"),
  (config.ChildConfig, dict(clip_mode="clip"), "child_clip_mode"),
  (config.ChildConfig, dict(grad_bound=0.0), "child_grad_bound"),
  (config.ChildConfig, dict(init="zeros"), "child_init"),
  (config.MicroFinalConfig, dict(num_layers=0), "child_num_layers"),
  (config.MacroSearchConfig, dict(out_filters=5), "child_out_filters"),
  (config.MacroFinalConfig, dict(num_layers=0), "child_num_layers"),
  (config.RnnSearchConfig, dict(num_nodes=0), "child_num_nodes"),
  (config.RnnSearchConfig, dict(hidden_size=0), "child_hidden_size"),
  (config.RnnSearchConfig, dict(bptt_steps=0), "child_bptt_steps"),
  (config.RnnSearchConfig, dict(output="last"), "child_output"),
  (config.RnnSearchConfig, dict(lr=0.0), "child_lr"),
  (config.RnnSearchConfig, dict(grad_bound=-1.0), "child_grad_bound"),
  (config.RnnSearchConfig, dict(alpha=-0.1), "child_alpha"),
  (config.RnnSearchConfig, dict(beta=math.nan), "child_beta"),
  (config.RnnFinalConfig, dict(average_after=-1), "child_average_after"),
  (config.RnnFinalConfig, dict(num_nodes=0), "child_num_nodes"),
  *(
    (config.RnnFinalConfig, {name: value}, f"child_{name}")
    for name in ("drop_e", "drop_i", "drop_x", "drop_l", "drop_o")
    for value in (1.0, -0.1)
  ),
  (config.ControllerConfig, dict(reward="accuracy"), "controller_reward"),
  (
    config.ControllerConfig,
    dict(reward_constant=0.0),
    "controller_reward_constant",
  ),
  (config.ControllerConfig, dict(skip_target=0.0), "controller_skip_target"),
  (config.ControllerConfig, dict(skip_target=1.0), "controller_skip_target"),
  (config.ControllerConfig, dict(skip_weight=-0.1), "controller_skip_weight"),
  (config.ControllerConfig, dict(kind="evolution"), "controller_kind"),
  (config.ControllerConfig, dict(lstm_size=0), "controller_lstm_size"),
  (config.ControllerConfig, dict(num_layers=0), "controller_num_layers"),
  (config.ControllerConfig, dict(lr=0.0), "controller_lr"),
  (
    config.ControllerConfig,
    dict(tanh_constant=0.0),
    "controller_tanh_constant",
  ),
  (
    config.ControllerConfig,
    dict(op_tanh_reduce=0.0),
    "controller_op_tanh_reduce",
  ),
  (config.ControllerConfig, dict(temperature=-1.0), "controller_temperature"),
  (
    config.ControllerConfig,
    dict(entropy_weight=-1e-4),
    "controller_entropy_weight",
  ),
  (config.ControllerConfig, dict(bl_dec=1.0), "controller_bl_dec"),
  (config.ControllerConfig, dict(bl_dec=-0.1), "controller_bl_dec"),
  (
    config.ControllerConfig,
    dict(num_aggregate=0),
    "controller_num_aggregate",
  ),
  (config.ControllerConfig, dict(train_steps=0), "controller_train_steps"),
  (config.ControllerConfig, dict(train_every=0), "controller_train_every"),
  (config.RunConfig, dict(mode="tran"), "mode"),
  (config.RunConfig, dict(search_for="nano"), "search_for"),
  (config.RunConfig, dict(output_dir=""), "output_dir"),
  (config.RunConfig, dict(mode="import"), "import_checkpoint"),
  (config.RunConfig, dict(seed=-1), "seed"),
  (config.RunConfig, dict(seed=2**31), "seed"),
  (config.RunConfig, dict(save_minutes=-1.0), "save_minutes"),
  (config.RunConfig, dict(log_every=0), "log_every"),
  (config.RunConfig, dict(derive_samples=0), "derive_samples"),
  (config.RunConfig, dict(derive_top=0), "derive_top"),
  (config.RunConfig, dict(derive_samples=9), "derive_top"),
]


@pytest.mark.parametrize("kind, given, flag", INVALID)
def test_an_impossible_value_names_its_flag(kind, given, flag):
  with pytest.raises(errors.ConfigError) as info:
    kind(**given)
  message = str(info.value)
  assert re.search(rf"--{flag}\b", message)
  value = list(given.values())[-1]
  # The last that is given is at fault, except for a missing `data_path`.
  received = message.rsplit("Received: ")[1]
  missing = ("data_path=None", "data=ptb", "data=text")
  assert str(value) in received or received in missing


@pytest.mark.parametrize(
  "kind, given",
  [
    (config.DataConfig, dict(data="folder", data_path="d", image_size=8)),
    (config.ChildConfig, dict(out_filters=2, num_layers=1, num_cells=1)),
    (config.ChildConfig, dict(keep_prob=1.0, drop_path_keep_prob=1e-3)),
    (config.ChildConfig, dict(l2_reg=0.0, lr_min=0.0, cutout_size=1)),
    (config.ChildConfig, dict(lr_min=0.05, lr_max=0.05, lr_T_mul=1)),
    # The cosine's bound does not bind the exponential decay.
    (config.ChildConfig, dict(lr_cosine=False, lr_min=0.06)),
    (config.DataConfig, dict(data="ptb", data_path="d", vocab_size=10)),
    (config.RnnSearchConfig, dict(num_nodes=1, hidden_size=1, bptt_steps=1)),
    (config.RnnSearchConfig, dict(drop_e=0.0, drop_x=0.0, drop_o=0.999)),
    (config.RnnFinalConfig, dict(alpha=0.0, beta=0.0, l2_reg=0.0)),
    (config.ControllerConfig, dict(tanh_constant=None, temperature=5.0)),
    (config.ControllerConfig, dict(skip_weight=0.0, skip_target=0.999)),
    (config.ControllerConfig, dict(entropy_weight=0.0, bl_dec=0.0)),
    (config.RunConfig, dict(seed=2**31 - 1, save_minutes=0.0)),
    (config.RunConfig, dict(derive_samples=1, derive_top=1)),
  ],
)
def test_the_limits_themselves_are_allowed(kind, given):
  section = kind(**given)
  assert all(getattr(section, name) == value for name, value in given.items())


@pytest.mark.parametrize("kind", SECTIONS)
def test_every_setting_is_described(kind):
  text = "".join(each.__doc__ for each in kind.__mro__ if each is not object)
  for field in dataclasses.fields(kind):
    assert re.search(rf"\n    (\w+, )*{field.name}[,:]", text), field.name


@pytest.mark.parametrize("kind", SECTIONS)
def test_sections_are_frozen(kind):
  section = kind()
  name = dataclasses.fields(kind)[0].name
  with pytest.raises(dataclasses.FrozenInstanceError):
    setattr(section, name, None)


def test_a_changed_section_is_checked_again():
  with pytest.raises(errors.ConfigError):
    dataclasses.replace(config.ChildConfig(), num_layers=0)


def test_the_search_recipe_is_the_original_one():
  """scripts/cifar10_micro_search.sh and the original's flag defaults."""
  child, controller = config.ChildConfig(), config.ControllerConfig()
  assert (
    dict(
      num_layers=6,
      num_cells=5,
      out_filters=20,
      use_aux_heads=True,
      keep_prob=0.9,
      batch_size=160,
      num_epochs=150,
      l2_reg=1e-4,
      lr_cosine=True,
      lr_max=0.05,
      lr_min=0.0005,
      lr_T_0=10,
      lr_T_mul=2,
    ).items()
    <= dataclasses.asdict(child).items()
  )
  assert (
    dict(
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
    ).items()
    <= dataclasses.asdict(controller).items()
  )


def test_the_final_recipe_is_the_original_one():
  """scripts/cifar10_micro_final.sh."""
  assert (
    dict(
      num_layers=15,
      num_cells=5,
      out_filters=36,
      use_aux_heads=True,
      keep_prob=0.8,
      drop_path_keep_prob=0.6,
      batch_size=144,
      num_epochs=630,
      l2_reg=2e-4,
      lr_cosine=True,
      lr_max=0.05,
      lr_min=0.0001,
      lr_T_0=10,
      lr_T_mul=2,
    ).items()
    <= dataclasses.asdict(config.MicroFinalConfig()).items()
  )


def assert_holds(section, **expected):
  found = dataclasses.asdict(section)
  assert {name: found[name] for name in expected} == expected


def test_the_macro_recipes_are_the_original_ones():
  """scripts/cifar10_macro_{search,final}.sh and the flags' defaults."""
  recipe = config.RECIPES["macro"]
  cosine = dict(lr_cosine=True, lr_max=0.05, lr_T_0=10, lr_T_mul=2)
  assert_holds(
    recipe.search,
    num_layers=12,
    out_filters=36,
    use_aux_heads=False,
    keep_prob=0.9,
    batch_size=128,
    num_epochs=310,
    l2_reg=2.5e-4,
    lr_min=0.0005,
    **cosine,
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
    **cosine,
  )
  assert_holds(
    recipe.controller,
    lr=0.001,
    tanh_constant=1.5,
    temperature=None,
    num_aggregate=20,
    train_steps=50,
    entropy_weight=0.0001,
    bl_dec=0.99,
    skip_target=0.4,
    skip_weight=0.8,
    search_whole_channels=True,
  )


def test_the_rnn_recipes_are_those_of_enas_lm():
  """Its child.py, fixed.py, controller.py and main.py."""
  recipe = config.RECIPES["rnn"]
  both = dict(
    drop_o=0.75,
    bptt_steps=35,
    l2_reg=8e-7,
    lr=20.0,
    lr_cosine=False,
    lr_dec_rate=1.0,
    clip_mode="global",
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
    recipe.controller,
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


@pytest.mark.parametrize("word", config.SEARCH_SPACES)
def test_every_space_has_a_recipe(word):
  recipe = config.RECIPES[word]
  assert recipe.run.search_for == word
  assert isinstance(recipe.final, type(recipe.search))
  for section in (recipe.search, recipe.final, recipe.controller):
    names = {field.name for field in dataclasses.fields(section)}
    assert set(section.unused) < names


@pytest.mark.parametrize(
  ("space", "data"),
  [("micro", "ptb"), ("macro", "pydoc"), ("rnn", "cifar10"), ("rnn", "digits")],
)
def test_texts_are_for_the_rnn_space(space, data):
  path = "d" if data == "ptb" else None
  with pytest.raises(errors.ConfigError, match=f"{space}, data={data}"):
    dataclasses.replace(
      config.RECIPES[space],
      data=config.DataConfig(data=data, data_path=path),
    )


@pytest.mark.parametrize(
  "experiment",
  [
    *config.RECIPES.values(),
    config.ExperimentConfig(
      run=config.RunConfig(mode="all", seed=7),
      data=config.DataConfig(data="folder", data_path="d", image_size=9),
      search=config.ChildConfig(ops=("identity", "conv_1x1")),
      final=config.MicroFinalConfig(cutout_size=16),
      controller=config.ControllerConfig(tanh_constant=None),
      fixed_arc="0 1 1 0",
    ),
    config.ExperimentConfig(
      run=config.RunConfig(search_for="rnn"),
      data=config.DataConfig(data="text", data_path="d", vocab_size=99),
      search=config.RnnSearchConfig(functions=("tanh", "relu")),
      final=config.RnnFinalConfig(output="all"),
      controller=config.RnnControllerConfig(reward="ppl_squared"),
    ),
  ],
)
def test_json_round_trip(experiment):
  text = json.dumps(dataclasses.asdict(experiment))
  twin = config.from_dict(json.loads(text))
  assert twin == experiment
  for name in ("search", "final", "controller"):
    assert type(getattr(twin, name)) is type(getattr(experiment, name))
  assert type(twin.search.ops) is tuple


def test_from_dict_checks_the_values():
  value = dataclasses.asdict(config.ExperimentConfig())
  value["search"]["num_layers"] = 0
  with pytest.raises(errors.ConfigError, match="`child_num_layers`"):
    config.from_dict(value)


def test_choices_hold_the_defaults():
  """A flag that is an enum must accept its own default."""
  for kind in SECTIONS:
    for field in dataclasses.fields(kind):
      if field.name in config.CHOICES:
        assert field.default in config.CHOICES[field.name]
