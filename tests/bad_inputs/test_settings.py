"""Every number and word that a flag can hold."""

import math

import pytest

from enas_tf.recipes import base, experiments
from enas_tf.settings import fields
from tests.bad_inputs import commands as commands_lib

NUMBERS = ("nan", "inf", "-inf", "-1", "0", str(10**10), str(10**400), "ten")
FEW = ("nan", "-1")  # What each setting is tried with.
# What would be a bad number elsewhere is a good one here.
GOOD = {
  "0": (
    "seed",
    "resume_from",
    "save_minutes",
    "child_warmup_epochs",
    "child_l2_reg",
    "child_lr_min",
    "child_alpha",
    "child_beta",
    "child_average_after",
    "child_cutout_size",
    "child_drop_e",
    "child_drop_i",
    "child_drop_x",
    "child_drop_l",
    "child_drop_o",
    "controller_adam_beta_1",
    "controller_entropy_weight",
    "controller_bl_dec",
    "controller_skip_weight",
  ),
  str(10**10): (
    "save_minutes",
    "worker_minutes",
    "max_parameters",
    "max_multiply_adds",
    "child_alpha",
    "child_beta",
    "child_grad_bound",
    "child_l2_reg",
    "child_lr",
    "child_lr_dec_rate",
    "child_lr_max",
    "controller_entropy_weight",
    "controller_lr",
    "controller_adam_epsilon",
    "controller_op_tanh_reduce",
    "controller_skip_weight",
    "controller_reward_constant",
    "controller_tanh_constant",
    "controller_temperature",
  ),
}
BASE = {
  "micro": ["--search_for=micro", "--data=digits"],
  "macro": ["--search_for=macro", "--data=digits"],
  "rnn": ["--search_for=rnn", "--data=pydoc"],
}


def flags_of(space):
  """Returns the names of the flags of both networks, and their fields."""
  for name, place in experiments.settable(base.get(space).experiment).items():
    if not name.startswith("final_"):
      yield name, place.field


def rows():
  seen = set()
  for space in commands_lib.SPACES:
    final = [(f"final_{n}", int) for n in ("batch_size", "num_epochs")]
    if space == "micro":
      final += [("final_num_layers", int), ("final_out_filters", int)]
    named = [(name, fields.kind(field)[0]) for name, field in flags_of(space)]
    for name, kind in named + final:
      if kind in (int, float) and name not in seen:
        seen.add(name)
        for value in NUMBERS:
          if name not in GOOD.get(value, ()):
            # All settings are checked by the same lines; some try all values.
            is_slow = value not in FEW and len(seen) % 4
            yield pytest.param(
              space,
              name,
              value,
              id=f"{name}={value[:12]}",
              marks=[pytest.mark.slow] * bool(is_slow),
            )


@pytest.mark.parametrize(("space", "name", "value"), rows())
def test_numbers(commands, tmp_path, space, name, value):
  flags = [*BASE[space], f"--{name}={value}"]
  outcome = commands_lib.refuse(commands, tmp_path, flags, rf"--{name}\b")
  shown = outcome.stderr.replace(",", "")
  assert value[:10] in shown or math.isinf(float(value)), shown


def enums():
  for space in commands_lib.SPACES:
    for name, field in flags_of(space):
      if fields.choices(field) and space == "rnn" or name == "augment":
        yield space, name
  yield "micro", "child_clip_mode"
  yield "micro", "child_init"


@pytest.mark.parametrize("value", ["wrong", "", "0", "MICRO", "\x1b[31m"])
@pytest.mark.parametrize(("space", "name"), sorted(set(enums())))
def test_words(commands, tmp_path, space, name, value):
  flags = [*BASE[space], f"--{name}={value}"]
  commands_lib.refuse(commands, tmp_path, flags, rf"--{name}\b")


@pytest.mark.parametrize(
  ("space", "name", "value"),
  [
    ("micro", "child_ops", ""),
    ("micro", "child_ops", "no_op"),
    ("micro", "child_ops", "identity,identity"),
    ("micro", "child_ops", "identity," * 3000),
    ("macro", "child_ops", "identity"),
    ("macro", "child_ops", ","),
    ("rnn", "child_functions", "tanh,tanh"),
    ("rnn", "child_functions", ""),
    ("rnn", "child_functions", "softmax"),
    ("micro", "child_fixed_arc", ""),
    ("micro", "deterministic", "maybe"),
    ("micro", "child_use_aux_heads", "2"),
    ("micro", "child_lr_cosine", ""),
    ("micro", "controller_training", "nan"),
    ("micro", "output_dir", ""),
    ("micro", "data_path", ""),
    ("rnn", "child_random_bptt", "x"),
  ],
)
def test_lists_and_texts(commands, tmp_path, space, name, value):
  flags = [*BASE[space], f"--{name}={value}"]
  if name == "child_fixed_arc":
    flags.append("--mode=train")
  if name == "data_path":
    flags = ["--data=folder", "--data_path="]
  commands_lib.refuse(commands, tmp_path, flags, rf"--{name}\b")


SCRATCH = "--evaluator=from_scratch --search_settings"
CONTRADICTIONS = {
  "--child_lr_min=1": "--child_lr_min .*--child_lr_max",
  "--derive_top=101": "--derive_top .*--derive_samples",
  "--derive_samples=5": "--derive_top .*--derive_samples",
  "--derive_train_seeds=3": "has a use only with --derive_train_epochs",
  "--reward=accuracy+": "--reward is a formula",
  "--reward=perplexity --data=digits": "no perplexity here",
  "--reward=exec(1) --data=digits": "--reward is a formula",
  "--reward=accuracy --controller=gradient --data=digits": "from the loss",
  "--controller_selection=pareto": "has a use only with --controller=evol",
  "--warm_start=nowhere --data=digits": "no earlier run in a folder",
  "--mode=import": "--import_checkpoint",
  "--mode=import --import_checkpoint=x": "--child_fixed_arc",
  "--mode=search --child_fixed_arc=enas_micro": "take --child_fixed_arc away",
  "--mode=derive --child_fixed_arc=enas_micro": "take --child_fixed_arc away",
  "--data=digits --data_path=.": "take --data_path away",
  "--data=folder": "add --data_path",
  "--data=ptb": "--data=ptb is not for --search_for=micro",
  "--data=pydoc": "--data=.* is not for --search_for=",
  "--data=digits --image_size=8": "--image_size is for --data=folder",
  "--search_for=rnn --data=digits": "--data=.* is not for --search_for=",
  "--search_for=rnn --data=pydoc --data_path=.": "take --data_path away",
  "--search_for=rnn --data=text": "need --data_path",
  "--search_for=micro --child_num_nodes=2": "--child_num_nodes has no use",
  "--search_for=micro --child_hidden_size=2": "--child_hidden_size has no use",
  "--search_for=micro --vocab_size=20": "--vocab_size has no use",
  "--search_for=micro --controller_skip_weight=1": "skip_weight has no use",
  "--search_for=micro --controller_reward=ppl_squared": "reward has no use",
  "--search_for=micro --child_out_filters_scale=2": "scale has no use",
  "--search_for=macro --child_num_cells=2": "--child_num_cells has no use",
  "--search_for=macro --nochild_use_aux_heads": "aux_heads has no use",
  "--search_for=macro --controller_op_tanh_reduce=2": "reduce has no use",
  "--search_for=macro --final_num_layers=2": "--final_num_layers has no use",
  "--search_for=macro --child_drop_path_keep_prob=.5": "keep_prob has no use",
  "--search_for=rnn --child_num_layers=2": "--child_num_layers has no use",
  "--search_for=rnn --child_ops=identity": "--child_ops has no use",
  "--search_for=rnn --child_clip_mode=norm": "--child_clip_mode has no use",
  "--search_for=rnn --valid_fraction=.2": "--valid_fraction has no use",
  "--search_for=rnn --augment=none": "--augment has no use",
  "--search_for=rnn --eval_batch_size=9": "--eval_batch_size has no use",
  "--search_for=rnn --final_out_filters=2": "--final_out_filters has no use",
  "--search_for=rnn --child_cutout_size=2": "--child_cutout_size has no use",
  "--no_such_flag=1": "no_such_flag",
  "--child_num_layer=1": "child_num_layer",
  "--data_format=NCHW": "--data_format is the original's",
  "--child_sync_replicas": "--child_sync_replicas is the original's",
  "--nochild_sync_replicas": "is the original's",
  "--child_num_branches=5": "--child_ops names the operations",
  "micro": "All settings are flags",
  "-- --mode=search": "All settings are flags",
  "--mode": "--mode",
  "--flagfile": "flagfile",
  "--seed=2147483648": "--seed",
  "--seed=1.5": "--seed",
  "--child_out_filters=7": "--child_out_filters must be even",
  "--final_out_filters=7": "--final_out_filters must be even",
  "--max_checkpoints_to_keep=1": "--max_checkpoints_to_keep",
  "--output_dir=~nosuchuser/x": "--output_dir",
  "--search_settings=final_lr_max=1..2": "--evaluator=from_scratch",
  "--search_settings=augment=none|crop": "--evaluator=from_scratch",
  "--search_values=3": "--search_values has a use only with --search_settings",
  f"{SCRATCH}=final_lr_max": "NAME=RANGE.*search_settings=final_lr_max",
  f"{SCRATCH}=final_lr_mx=1..2": "Did you mean --final_lr_max",
  f"{SCRATCH}=child_ops=a|b": "--child_ops cannot be searched",
  f"{SCRATCH}=final_lr_max=2..1": "--final_lr_max must begin below its end",
  f"{SCRATCH}=final_lr_max=0..1": "--final_lr_max must be greater than 0",
  f"{SCRATCH}=final_out_filters=3|4": "--final_out_filters must be even",
  f"{SCRATCH}=final_batch_size=9|5000 --data=digits": "batch_size=5000",
  f"{SCRATCH}=augment=none|crop --controller=gradient": "no gates",
  f"{SCRATCH}=augment=none|crop --search_for=rnn": "no setting of that name",
  f"{SCRATCH}=augment=none|crop --mode=import --import_checkpoint=x "
  "--child_fixed_arc=enas_micro": "take --search_settings away",
}


@pytest.mark.parametrize("flags", CONTRADICTIONS)
def test_contradictions(commands, tmp_path, flags):
  words = CONTRADICTIONS[flags]
  commands_lib.refuse(commands, tmp_path, flags.split(), words)


def test_a_number_of_5000_digits(commands, tmp_path):
  flags = [*BASE["micro"], f"--child_num_layers={'9' * 5000}"]
  commands_lib.refuse(commands, tmp_path, flags, "--child_num_layers")
