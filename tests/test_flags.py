import dataclasses
import pathlib
import re

import pytest
from absl import flags as absl_flags

from enas_tf import errors, flags, help
from enas_tf.recipes import base

SPACES = ("micro", "macro", "macro_channels", "rnn")

ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture(scope="module")
def parse():
  values = absl_flags.FlagValues()
  flags.define(values)

  def parse(*arguments, recorded=None):
    values.unparse_flags()
    for name in values:
      values[name].unparse()
      values[name].present = 0
    values(flags.with_recipes(["enas_tf", *arguments]))
    return flags.experiment(values, recorded)

  parse.values = values
  return parse


def test_no_flags_are_the_defaults(parse):
  got = parse()
  folder = got.run.output_dir
  assert got == in_folder(base.get("micro").experiment, folder)
  assert folder == str(pathlib.Path.cwd() / "outputs" / "micro_cifar10")


def in_folder(experiment, folder):
  run = dataclasses.replace(experiment.run, output_dir=folder)
  return dataclasses.replace(experiment, run=run)


@pytest.mark.parametrize(
  ("arguments", "name"),
  [
    (["--search_for=macro"], "macro_cifar10"),
    (["--data=digits"], "micro_digits"),
    (
      ["--search_for=macro", "--nocontroller_search_whole_channels"],
      "macro_channels_cifar10",
    ),
    (["--search_for=rnn"], "rnn_pydoc"),
    (["--search_for=enas", "--data=ptb", "--data_path=d"], "rnn_ptb"),
    (["--search_for=rnn", "--data=text", "--data_path=a/b.txt"], "rnn_b"),
    (["--data=folder", "--data_path=~/flowers/"], "micro_flowers"),
    (["--output_dir=mine"], "mine"),
  ],
)
def test_each_space_and_data_set_has_a_folder(parse, arguments, name):
  assert pathlib.Path(parse(*arguments).run.output_dir).name == name


def test_every_flag_has_a_help_sentence(parse):
  text = help.text("", flags.OTHERS)
  assert max(map(len, text.splitlines())) <= 80
  for name in parse.values:
    assert len(parse.values[name].help) > 9, name
    assert re.search(rf"--(\[no\])?{name}\b", text), name


def test_child_flags_reach_both_networks(parse):
  got = parse("--mode=all", "--num_epochs=2", "--final_num_epochs=3")
  assert (got.search.num_epochs, got.final.num_epochs) == (2, 3)
  got = parse("--mode=all", "--num_epochs=2", "--child_ops=identity,conv_1x1")
  assert got.search.ops == got.final.ops == ("identity", "conv_1x1")


def test_fixed_arc_means_training(parse):
  assert parse("--child_fixed_arc=enas_micro").run.mode == "train"


def test_settings_of_other_verbs_are_kept(parse):
  got = parse("--mode=search", "--child_drop_path_keep_prob=0.5")
  assert got.final.drop_path_keep_prob == 0.5
  got = parse("--mode=train", "--controller_lr=1", "--child_fixed_arc=x")
  assert got.controller.lr == 1
  assert parse("--mode=all", "--child_fixed_arc=x").fixed_arc == "x"


@pytest.mark.parametrize("mode", ["search", "derive"])
def test_an_arc_that_is_given_needs_no_search(parse, mode):
  with pytest.raises(errors.ConfigError, match="needs no search"):
    parse(f"--mode={mode}", "--child_fixed_arc=enas_micro")


def test_what_is_recorded_is_gone_on_with(parse):
  recorded = parse(
    "--data=folder",
    "--data_path=d",
    "--child_fixed_arc=x",
    "--child_cutout_size=4",
    "--image_size=32",
  )
  got = parse("--mode=evaluate", recorded=recorded)
  assert (got.data.data_path, got.fixed_arc) == ("d", "x")
  assert got.search.cutout_size == 4
  assert parse("--mode=derive", recorded=recorded).fixed_arc is None
  got = parse(
    "--mode=train",
    "--child_fixed_arc=none",
    "--image_size=none",
    "--child_cutout_size=none",
    recorded=recorded,
  )
  assert (got.fixed_arc, got.data.image_size) == (None, None)
  assert got.search.cutout_size is got.final.cutout_size is None


def test_what_a_command_asks_for_is_not_gone_on_with(parse):
  recorded = parse("--resume_from=7", "--debug", "--reset_output_dir")
  got = parse(recorded=recorded).run
  assert (got.resume_from, got.debug, got.reset_output_dir) == (
    None,
    False,
    False,
  )


@pytest.mark.parametrize(
  ("arguments", "words"),
  [
    (["--search_for=rnn"], "search_for=rnn, the run's is micro"),
    (["--data=digits"], "data=digits, the run's is cifar10"),
  ],
)
def test_the_folder_of_another_run_is_refused(parse, arguments, words):
  recorded = parse()
  with pytest.raises(errors.OutputDirError, match=words):
    parse(*arguments, recorded=recorded)


@pytest.mark.parametrize("mode", ["derive", "evaluate", "export"])
@pytest.mark.parametrize("flag", ["--reset_output_dir", "--resume_from=7"])
def test_what_has_no_use_in_a_mode_is_refused(parse, mode, flag):
  with pytest.raises(errors.ConfigError, match=flag.split("=")[0].strip("-")):
    parse(f"--mode={mode}", flag)


def test_a_trained_child_can_be_tested_on_other_images(parse):
  got = parse("--mode=evaluate", "--data=digits", recorded=parse())
  assert got.data.data == "digits"


def test_an_error_says_where_a_setting_comes_from(parse):
  recorded = parse("--data=cifar10", "--data_path=/no/such")
  parse("--mode=search", recorded=recorded)
  said = flags.origins(
    "--data_path does not exist. Received: data_path=/no/such",
    parse.values,
    recorded,
  )
  assert "recorded by the run" in said
  assert "--data_path=/no/such" in said
  parse("--data_path=/no/such", recorded=recorded)
  assert not flags.origins("data_path=/no/such", parse.values, recorded)


def test_an_error_of_the_final_child_names_its_flag(parse):
  words = "`final_out_filters` must.*final_out_filters=7"
  with pytest.raises(errors.ConfigError, match=words):
    parse("--mode=all", "--final_out_filters=7")


def test_an_import_needs_its_checkpoint_and_arc(parse):
  given = "--import_checkpoint=outputs/model.ckpt-310"
  with pytest.raises(errors.ConfigError, match="add `import_checkpoint"):
    parse("--mode=import", "--child_fixed_arc=enas_micro")
  with pytest.raises(errors.ConfigError, match="add `child_fixed_arc"):
    parse("--mode=import", given)
  got = parse("--mode=import", given, "--child_fixed_arc=enas_micro")
  assert got.run.import_checkpoint == "outputs/model.ckpt-310"


@pytest.mark.parametrize("space", SPACES)
def test_search_for_alone_is_the_recipe(parse, space):
  got = parse(f"--search_for={space}")
  expected = in_folder(base.get(space).experiment, got.run.output_dir)
  if space.startswith("macro"):  # The arc will be one of the search.
    assert got.final.num_layers == 12
    final = dataclasses.replace(expected.final, num_layers=12)
    expected = dataclasses.replace(expected, final=final)
  if space == "rnn":
    assert got.final.num_nodes == 9
    final = dataclasses.replace(expected.final, num_nodes=9)
    expected = dataclasses.replace(expected, final=final)
  assert got == expected


@pytest.mark.parametrize(
  ("space", "flag"),
  [
    ("micro", "--child_hidden_size=8"),
    ("micro", "--child_functions=tanh"),
    ("micro", "--child_num_nodes=4"),
    ("micro", "--child_drop_x=0.5"),
    ("micro", "--child_output=loose"),
    ("micro", "--controller_skip_weight=0.5"),
    ("micro", "--controller_reward_constant=1"),
    ("micro", "--nocontroller_search_whole_channels"),
    ("macro", "--child_num_cells=3"),
    ("macro", "--final_num_layers=24"),
    ("macro", "--child_use_aux_heads"),
    ("macro", "--child_bptt_steps=9"),
    ("macro", "--nochild_random_bptt"),
    ("micro", "--child_average_after=9"),
    ("macro", "--controller_op_tanh_reduce=2"),
    ("macro", "--controller_reward=ppl_squared"),
    ("rnn", "--child_out_filters=4"),
    ("rnn", "--child_num_layers=4"),
    ("rnn", "--child_num_cells=4"),
    ("rnn", "--child_ops=identity"),
    ("rnn", "--child_cutout_size=4"),
    ("rnn", "--child_clip_mode=none"),
    ("rnn", "--final_num_layers=4"),
    ("rnn", "--final_out_filters=4"),
    ("rnn", "--controller_skip_target=0.5"),
    ("rnn", "--controller_search_whole_channels"),
  ],
)
def test_flags_of_other_spaces_are_refused(parse, space, flag):
  name = flag.split("=")[0].removeprefix("--no").removeprefix("--")
  message = f"{name}`? has no use in this search space.*search_for={space}"
  with pytest.raises(errors.ConfigError, match=message):
    parse("--mode=all", f"--search_for={space}", flag)


def test_a_flag_of_another_space_is_refused_with_its_default_too(parse):
  with pytest.raises(errors.ConfigError, match="no use in this search space"):
    parse("--search_for=rnn", "--child_num_layers=6")


@pytest.mark.parametrize(
  "arguments",
  [
    ("--search_for=rnn", "--data=cifar10"),
    ("--data=pydoc",),
    ("--data=ptb", "--data_path=d"),
    ("--search_for=macro", "--data=text", "--data_path=d"),
  ],
)
def test_texts_are_for_the_rnn_space(parse, arguments):
  with pytest.raises(errors.ConfigError, match="is not for `search_for="):
    parse(*arguments)


def test_text_flags(parse):
  rnn = "--search_for=rnn"
  assert parse(rnn, "--vocab_size=300").data.vocab_size == 300
  for name in ("ptb", "text"):
    got = parse(rnn, f"--data={name}", "--data_path=d").data
    assert (got.data, got.data_path) == (name, "d")
    with pytest.raises(errors.ConfigError, match="`data_path`.*`data=pydoc`"):
      parse(rnn, f"--data={name}")
  with pytest.raises(errors.ConfigError, match="take `data_path` away"):
    parse(rnn, "--data_path=d")


def test_rnn_flags_reach_both_networks(parse):
  got = parse(
    "--search_for=rnn",
    "--mode=all",
    "--child_hidden_size=8",
    "--child_functions=tanh,relu",
    "--child_output=all",
    "--final_num_epochs=3",
  )
  for child in (got.search, got.final):
    assert (child.hidden_size, child.output) == (8, "all")
    assert child.functions == ("tanh", "relu")
  assert (got.search.num_epochs, got.final.num_epochs) == (600, 3)


def test_channel_ranges_are_asked_for_by_the_original_flag(parse):
  given = ("--search_for=macro", "--nocontroller_search_whole_channels")
  assert parse("--search_for=macro").run.search_for == "macro"
  assert parse(*given).run.search_for == "macro_channels"
  # It names the space of an arc, so training takes it too.
  assert parse(*given, "--mode=train").run.search_for == "macro_channels"


def test_help_tells_the_defaults_of_each_space():
  lines = " ".join(help.text("", flags.OTHERS).split())

  def of(name):
    return re.search(rf"--(\[no\])?{name}\b(.*?\)) ", lines)[2]

  found = of("child_num_layers")
  assert "micro: 6, final 15; macro, macro_channels: 12, final 24" in found
  assert "rnn" not in found
  assert "(200, final 800)" in of("child_hidden_size")
  assert "micro, rnn, macro_channels: 30" not in of("controller_train_steps")
  assert "macro, macro_channels: 50" in of("controller_train_steps")


def test_recipes_are_found_by_name(parse):
  got = parse("--recipe=quickstart")
  assert (got.data.data, got.search.num_cells) == ("digits", 2)
  assert parse("--recipe=quickstart", "--num_epochs=3").search.num_epochs == 3
  with pytest.raises(errors.ConfigError, match="one of cifar10_macro_final"):
    parse("--recipe=quick")


def test_what_has_no_use_in_a_recipe_is_left_out(parse):
  shared = parse("--recipe=quickstart").evaluation
  assert (shared.child_warmup_epochs, shared.batch_size) == (50, 256)
  got = parse("--recipe=quickstart", "--evaluator=from_scratch").evaluation
  assert (got.child_warmup_epochs, got.batch_size) == (0, None)
  got = parse("--recipe=quickstart", "--search_for=macro")
  assert (got.run.search_for, got.data.data) == ("macro", "digits")
  # What one writes oneself is refused.
  with pytest.raises(errors.ConfigError, match="child_warmup_epochs.*use only"):
    parse(
      "--recipe=quickstart",
      "--evaluator=from_scratch",
      "--child_warmup_epochs=3",
    )


@pytest.mark.parametrize("path", sorted((ROOT / "flags").glob("*.flags")))
def test_flagfiles_parse(parse, path):
  # Those on Penn Treebank leave its place to the user.
  needs_path = "--data=ptb" in path.read_text()
  parse(f"--flagfile={path}", *["--data_path=d"] * needs_path)


@pytest.mark.parametrize(
  "flags_",
  [
    ("--vocab_size=100",),
    ("--search_for=rnn", "--augment=crop"),
    ("--search_for=rnn", "--valid_fraction=0.2"),
    ("--search_for=rnn", "--eval_batch_size=7"),
  ],
)
def test_data_flags_of_other_spaces_are_refused(parse, flags_):
  name = flags_[-1].split("=")[0].strip("-")
  with pytest.raises(errors.ConfigError, match=f"`{name}` has no use"):
    parse(*flags_)


def test_settings_for_other_commands():
  given = flags.settings(["--recipe=quickstart"])
  assert given["data"] == "digits" and given["search_for"] == "micro"
  assert not {"mode", "output_dir"} & given.keys()
  given = flags.settings(["--search_for=enas", "--child_num_nodes=3"])
  assert given == {"search_for": "rnn", "child_num_nodes": 3}
  assert flags.settings(["--child_cutout_size=none"]) == {
    "child_cutout_size": None
  }
  for wrong in ("--no_such=3", "--num_epochs=many", "word", "--recipe=no"):
    with pytest.raises(errors.ConfigError, match="Received"):
      flags.settings([wrong])
