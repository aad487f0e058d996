import pathlib

import pytest
from absl import flags as absl_flags

from enas_tf import config, errors, flags

ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture
def parse(monkeypatch):
  values = absl_flags.FlagValues()
  for name in ("string", "integer", "float", "boolean", "list", "enum"):
    define = getattr(absl_flags, f"DEFINE_{name}")

    def bound(*args, define=define, **kwargs):
      return define(*args, flag_values=values, **kwargs)

    monkeypatch.setattr(flags.flags, f"DEFINE_{name}", bound)
  flags.define()

  def parse(*arguments):
    values.unparse_flags()
    values(["enas_tf", *arguments])
    return flags.experiment(values)

  parse.values = values
  return parse


def test_no_flags_are_the_defaults(parse):
  assert parse() == config.ExperimentConfig()


def test_every_flag_has_a_help_sentence(parse):
  for name in parse.values:
    assert len(parse.values[name].help) > 15, name


def test_child_flags_reach_both_networks(parse):
  got = parse("--mode=all", "--num_epochs=2", "--final_num_epochs=3")
  assert (got.search.num_epochs, got.final.num_epochs) == (2, 3)
  got = parse("--mode=all", "--num_epochs=2", "--child_ops=identity,conv_1x1")
  assert got.search.ops == got.final.ops == ("identity", "conv_1x1")


def test_fixed_arc_means_training(parse):
  assert parse("--child_fixed_arc=enas_micro").run.mode == "train"


def test_unused_flags_are_refused(parse):
  with pytest.raises(errors.ConfigError, match="no use in this mode"):
    parse("--mode=search", "--child_drop_path_keep_prob=0.5")


@pytest.mark.parametrize("path", sorted((ROOT / "flags").glob("*.flags")))
def test_flagfiles_parse(parse, path):
  parse(f"--flagfile={path}")
