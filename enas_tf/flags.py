"""Every flag, and how the flags become a configuration.

A flag's type and default are those of the dataclass attribute that it sets,
its help is the attribute's line in the docstring. The names are the
original's. A flag that is not given keeps what the run in --output_dir was
started with, or else the recipe's value.
"""

import dataclasses
import functools
import pathlib
import re
import types
import typing

from absl import flags

from enas_tf import config, errors

# Sections of the configuration, and what their flags' names begin with.
_SECTIONS = {
  "run": ("", (config.RunConfig,)),
  "data": ("", (config.DataConfig,)),
  "child": ("child_", (config.ChildConfig, config.RnnSearchConfig)),
  "controller": ("controller_", (config.ControllerConfig,)),
}
# The original's word for the search of a recurrent cell.
_SPACES = {"enas": "rnn"}
_UNPREFIXED = ("batch_size", "num_epochs", "faithful")
# In a run that both searches and trains, these can differ between the two.
_FINAL = ("num_layers", "out_filters", "batch_size", "num_epochs")
_FINAL_ONLY = (
  "drop_path_keep_prob",
  "out_filters_scale",
  "as_searched",
  "init",
  "average_after",
)
_SEARCHING, _TRAINING = ("search", "derive", "all"), ("train", "all")
# Flags of the original that ask for what always or never happens here.
_DROPPED = {
  "data_format": "images are NHWC always",
  "child_num_branches": "--child_ops names the operations",
  "controller_sync_replicas": "gradients of --controller_num_aggregate arcs "
  "are averaged always",
  "child_sync_replicas": "one process trains the shared weights",
  "eval_every_epochs": "deriving evaluates at the end",
  "child_filter_size": "--child_ops names the operations",
  "child_block_size": "the original did not use it either",
  "child_skip_pattern": "the original did not use it either",
  "controller_forwards_limit": "the original did not use it either",
  "controller_use_critic": "the original did not use it either",
  "controller_keep_prob": "the original did not use it either",
}


def define() -> None:
  """Defines all flags."""
  for prefix, sections in _SECTIONS.values():
    defined = set()
    for section in sections:
      helps = _help_lines(section)
      for field in dataclasses.fields(section):
        if field.name not in defined:
          defined.add(field.name)
          _define(_flag_name(prefix, field.name), field, helps[field.name])
  for name in _FINAL:
    help_text = (
      f"like --{_flag_name('child_', name)}, for the final child alone"
    )
    flags.DEFINE_integer(f"final_{name}", None, help_text, lower_bound=1)
  flags.DEFINE_string(
    "child_fixed_arc",
    None,
    "the arc to train, evaluate or export: the original's integers, a JSON "
    "file, or the name of a published arc; default: the one that was derived",
  )


def dropped_message(name: str) -> str | None:
  """Returns what to say of a flag of the original that does not exist here."""
  reason = _DROPPED.get(name)
  return reason and f"--{name} is the original's; here {reason}: take it away."


def experiment(values: flags.FlagValues, recorded=None):
  """Returns the configuration that the flags ask for.

  Args:
    values: the parsed flags.
    recorded: the configuration that the run in --output_dir was started with,
      or None.

  Raises:
    ConfigError: if a value is impossible, or a flag has no use in this mode.
  """
  base = _base(values, recorded)
  given = functools.partial(_given, values)
  mode = values["mode"].value if values["mode"].present else None
  mode = mode or ("train" if values.child_fixed_arc else "search")
  _check_used(values, mode)
  _check_known(values, base)
  child = given("child_", type(base.search))
  searched = {k: v for k, v in child.items() if k not in _FINAL_ONLY}
  final = child | {
    name: values[f"final_{name}"].value
    for name in _FINAL
    if values[f"final_{name}"].present
  }
  run = {
    "mode": mode,
    "search_for": base.run.search_for,
    "reset_output_dir": values.reset_output_dir,
  }
  return config.ExperimentConfig(
    run=dataclasses.replace(base.run, **given("", config.RunConfig) | run),
    data=dataclasses.replace(base.data, **given("", config.DataConfig)),
    search=dataclasses.replace(base.search, **searched),
    final=dataclasses.replace(base.final, **final),
    controller=dataclasses.replace(
      base.controller, **given("controller_", config.ControllerConfig)
    ),
    fixed_arc=values.child_fixed_arc,
  )


def output_dir(values: flags.FlagValues) -> pathlib.Path:
  return pathlib.Path(values.output_dir).expanduser()


def _flag_name(prefix: str, field: str) -> str:
  return field if field in _UNPREFIXED else prefix + field


def _given(values, prefix: str, section) -> dict:
  """Returns the fields of a section whose flags were given."""
  fields = {}
  for field in dataclasses.fields(section):
    flag = values[_flag_name(prefix, field.name)]
    if flag.present:
      is_tuple = typing.get_origin(field.type) is tuple
      fields[field.name] = tuple(flag.value) if is_tuple else flag.value
  return fields


def _check_used(values, mode: str) -> None:
  unused = []
  if mode not in _SEARCHING:
    unused += [
      name
      for name in values
      if name.startswith(("controller_", "derive_"))
      and name != "controller_search_whole_channels"  # It names the space.
      or name in ("valid_fraction", "log_every")
    ]
  if mode not in _TRAINING:
    unused += [f"child_{name}" for name in _FINAL_ONLY]
    unused += [f"final_{name}" for name in _FINAL]
  if mode in _SEARCHING:
    unused.append("child_fixed_arc")
  if mode != "import":
    unused.append("import_checkpoint")
  for name in unused:
    if values[name].present and not values[name].using_default_value:
      raise errors.ConfigError(
        f"--{name} has no use in this mode: take it away, or give another "
        f"--mode. Received: mode={mode}"
      )


def _base(values, recorded) -> config.ExperimentConfig:
  """Returns the configuration that the given flags change."""
  if not values["search_for"].present:
    return recorded or config.ExperimentConfig()
  word = _SPACES.get(values.search_for, values.search_for)
  if recorded and recorded.run.search_for == word:
    return recorded
  return config.RECIPES[word]


def _check_known(values, base: config.ExperimentConfig) -> None:
  """Refuses flags that mean nothing in the search space."""
  without_use = (*base.final.unused, *base.final.fixed_by_arc)
  unused = [f"final_{name}" for name in _FINAL if name in without_use]
  unused += base.search.unused_data
  for prefix, section in (
    ("child_", base.search),
    ("controller_", base.controller),
  ):
    unused += [
      _flag_name(prefix, field)
      for field in (*section.unused, *_foreign(section))
    ]
  for name in unused:
    if values[name].present and not values[name].using_default_value:
      raise errors.ConfigError(
        f"--{name} has no use in this search space: take it away. "
        f"Received: search_for={base.run.search_for}"
      )


def _foreign(section) -> list[str]:
  """Returns the fields of other sections of the kind that it has not."""
  own = {field.name for field in dataclasses.fields(section)}
  for _, classes in _SECTIONS.values():
    if isinstance(section, classes[0]):
      return [
        field.name
        for each in classes
        for field in dataclasses.fields(each)
        if field.name not in own
      ]
  return []


def _help_lines(section) -> dict[str, str]:
  """Returns the attributes' lines of a dataclass's docstring, by name."""
  attributes = section.__doc__.split("Attributes:\n", 1)[1]
  found = re.findall(r"^    (\w+): (.*(?:\n      .*)*)", attributes, re.M)
  return {name: " ".join(text.split()).rstrip(".") for name, text in found}


def _other_defaults(sections, field) -> str:
  """Says which recipes begin with another value."""
  text = ""
  for space, recipe in config.RECIPES.items():
    for section in sections:
      of_section = getattr(recipe, section)
      value = getattr(of_section, field.name, field.default)
      if value != field.default and field.name not in of_section.unused:
        what = f"{space} {section}".replace(" controller", "")
        value = ",".join(value) if isinstance(value, tuple) else value
        text += f"; {value} in {what}"
  return text


def _define(name: str, field, help_text: str) -> None:
  kind, default = field.type, field.default
  if isinstance(kind, types.UnionType):
    kind = next(
      each for each in typing.get_args(kind) if each is not type(None)
    )
  if name.startswith("child_") or name in _UNPREFIXED:
    help_text += _other_defaults(("search", "final"), field)
  if name.startswith("controller_"):
    help_text += _other_defaults(("controller",), field)
  if typing.get_origin(kind) is tuple:
    flags.DEFINE_list(name, list(default), help_text)
  elif field.name in config.CHOICES:
    flags.DEFINE_enum(name, default, config.CHOICES[field.name], help_text)
  elif kind is bool:
    flags.DEFINE_boolean(name, default, help_text)
  elif kind is int:
    flags.DEFINE_integer(name, default, help_text)
  elif kind is float:
    flags.DEFINE_float(name, default, help_text)
  else:
    flags.DEFINE_string(name, default, help_text)
