"""Every flag, and how the flags become a configuration.

A flag's type and default are those of the dataclass attribute that it sets,
its help is the attribute's line in the docstring. The names are the
original's. A flag that is not given keeps what the run in --output_dir was
started with, or else the recipe's value; "none" unsets one that may be unset.
"""

import dataclasses
import functools
import pathlib
import re
import types
import typing
from typing import Any

from absl import flags

from enas_tf import config, errors, run_folder

_NoneType = type(None)
_PARSERS = {
  int: flags.IntegerParser,
  float: flags.FloatParser,
  str: flags.ArgumentParser,
}

# Sections of the configuration, and what their flags' names begin with.
_SECTIONS = {
  "run": ("", (config.RunConfig,)),
  "data": ("", (config.DataConfig,)),
  "child": ("child_", (config.ChildConfig, config.RnnSearchConfig)),
  "controller": ("controller_", (config.ControllerConfig,)),
}
# The original's word for the search of a recurrent cell.
_SPACES = {"enas": "rnn"}
# In a run that both searches and trains, these can differ between the two.
_FINAL = ("num_layers", "out_filters", "batch_size", "num_epochs")
_FINAL_ONLY = (
  "drop_path_keep_prob",
  "out_filters_scale",
  "as_searched",
  "init",
  "average_after",
)
# What a command asks for anew each time; the others go on from the run.
_OF_THE_COMMAND = (
  "mode",
  "output_dir",
  "reset_output_dir",
  "resume_from",
  "import_checkpoint",
  "debug",
)
_NONE = "none"  # Unsets a setting.
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
  flags.DEFINE(
    _Optional(flags.ArgumentParser()),
    "child_fixed_arc",
    None,
    "the arc to train, evaluate or export: the original's integers, a JSON "
    "file, or the name of a published arc; default: that of the command "
    f'before, or the one that was derived, which "{_NONE}" goes back to',
  )


def spelled(text: str) -> str:
  """Returns a text with its settings, which stand in backquotes, as flags.

  >>> spelled("lower `batch_size`, or set `child_init=random`")
  'lower --batch_size, or set --child_init=random'
  """
  return re.sub(r"`([a-z]\w*)((?:=[^`\s]*)?)`", _spell, text)


def _spell(match: re.Match[str]) -> str:
  name, value = match.groups()
  if value in ("=True", "=False"):
    return f"--{'' if value == '=True' else 'no'}{name}"
  return f"--{name}{value}"


def unknown_message(error: flags.UnrecognizedFlagError) -> str:
  """Returns what to say of a flag that does not exist."""
  name = error.flagname
  reason = _DROPPED.get(name) or _DROPPED.get(name.removeprefix("no"))
  if reason:
    message = f"--{name} is the original's; here {reason}: take it away."
  else:
    message = f"{error}: correct it; --helpfull lists all flags."
  return f"{message} Received: --{name}"


def experiment(
  values: flags.FlagValues, recorded: config.ExperimentConfig | None = None
) -> config.ExperimentConfig:
  """Returns the configuration that the flags ask for.

  Args:
    values: the parsed flags.
    recorded: the configuration that the run in the output folder goes on with,
      or None.

  Raises:
    ConfigError: if a value is impossible, or a flag has no use in this space.
    OutputDirError: if the folder holds a run of another space or data set.
  """
  base = _base(values, recorded)
  given = functools.partial(_given, values)
  fixed = _fixed_arc(values, recorded)
  child = given("child_", type(base.search))
  final = child | {
    name: values[f"final_{name}"].value
    for name in _FINAL
    if values[f"final_{name}"].present
  }
  _check_known(values, base)
  run = {
    "mode": _mode(values),
    "search_for": base.run.search_for,
    "output_dir": str(output_dir(values)),
  } | {name: values[name].value for name in _OF_THE_COMMAND[2:]}
  made = config.ExperimentConfig(
    run=dataclasses.replace(base.run, **given("", config.RunConfig) | run),
    data=dataclasses.replace(base.data, **given("", config.DataConfig)),
    search=dataclasses.replace(
      base.search, **{k: v for k, v in child.items() if k not in _FINAL_ONLY}
    ),
    final=_final(values, base.final, final),
    controller=dataclasses.replace(
      base.controller, **given("controller_", config.ControllerConfig)
    ),
    fixed_arc=fixed,
  )
  if recorded is not None:
    _check_same_run(recorded, made)
  return made


def output_dir(values: flags.FlagValues) -> pathlib.Path:
  """Returns the run's folder: the one given, or that of the space and data."""
  if values["output_dir"].present:
    if not values.output_dir:
      raise errors.ConfigError(
        "--output_dir must name a folder. Received: output_dir=''"
      )
    return run_folder.absolute(values.output_dir)
  space = _space(values) or "micro"
  recipe = config.RECIPES[space]
  if not values.controller_search_whole_channels:
    space += "_channels"
  data = values.data if values["data"].present else recipe.data.data
  if data in ("folder", "text") and values.data_path:
    data = pathlib.Path(values.data_path).stem or data
  return pathlib.Path("outputs", f"{space}_{data}").absolute()


def origins(
  message: str,
  values: flags.FlagValues,
  recorded: config.ExperimentConfig | None,
) -> str:
  """Says where those settings come from that an error names and nobody gave.

  Args:
    message: of the error.
    values: the parsed flags.
    recorded: see `experiment`.
  """
  if recorded is None:
    return ""
  now = _flag_values(recorded)
  recipe = _flag_values(config.RECIPES[recorded.run.search_for])
  found = re.findall(r"`(\w+)|--(\w+)|\b(\w+)=", message, re.ASCII)
  named = dict.fromkeys(a or b or c for a, b, c in found)
  notes = [
    f"--{name}={now[name]}"
    for name in named
    if name in now
    and not values[name].present
    and now[name] != recipe.get(name)
  ]
  if not notes:
    return ""
  return (
    " Not given now, but recorded by the run in the output folder: "
    f"{', '.join(notes[:8])}."
  )


def _flag_values(experiment: config.ExperimentConfig) -> dict[str, Any]:
  """Returns the settings by the names of their flags."""
  found = {}
  for section, (prefix, _) in _SECTIONS.items():
    values = getattr(experiment, "search" if section == "child" else section)
    found |= {
      _flag_name(prefix, field.name): getattr(values, field.name)
      for field in dataclasses.fields(values)
      if field.name not in _OF_THE_COMMAND
    }
  return found


def _mode(values: flags.FlagValues) -> str:
  if values["mode"].present:
    return values.mode
  return "train" if values.child_fixed_arc else "search"


def _space(values: flags.FlagValues) -> str | None:
  """Returns the search space that is asked for, or None."""
  if not values["search_for"].present:
    return None
  return _SPACES.get(values.search_for, values.search_for)


def _fixed_arc(values, recorded) -> str | None:
  """Returns the arc that is given, now or to the run before."""
  if _mode(values) in ("search", "derive"):
    if values.child_fixed_arc:
      raise errors.ConfigError(
        "An arc that is given needs no search: take --child_fixed_arc away, "
        "or train it by --mode=train, or by --mode=all with its evaluation and "
        f"export. Received: mode={_mode(values)}, "
        f"child_fixed_arc={values.child_fixed_arc}"
      )
    return None
  if values.child_fixed_arc is not None and not values.child_fixed_arc.strip():
    raise errors.ConfigError(
      "--child_fixed_arc names no arc: give its integers, a JSON file or the "
      f'name of a published arc, or "{_NONE}" for the one that was derived. '
      "Received: child_fixed_arc=''"
    )
  if values["child_fixed_arc"].present or _mode(values) == "all":
    return values.child_fixed_arc
  return recorded.fixed_arc if recorded else None


def _final(values, base: config.ChildConfig, changed) -> config.ChildConfig:
  """Returns the final child; an error names the flag that was given for it."""
  try:
    return dataclasses.replace(base, **changed)
  except errors.ConfigError as error:
    message = str(error)
    for name in _FINAL:
      if values[f"final_{name}"].present:
        flag = _flag_name("child_", name)
        message = re.sub(rf"\b{flag}\b", f"final_{name}", message)
    raise errors.ConfigError(message) from error


def _check_same_run(
  recorded: config.ExperimentConfig, now: config.ExperimentConfig
) -> None:
  """Refuses another space or data set in the folder of a run, at once."""
  # A trained child can be tested on other images of its classes.
  compared = [("search_for", "run"), ("search_whole_channels", "controller")]
  if now.run.mode not in ("evaluate", "export"):
    compared.append(("data", "data"))
  differences = []
  for name, section in compared:
    then, asked = (getattr(getattr(x, section), name) for x in (recorded, now))
    if then != asked:
      differences.append(f"{name}={asked}, the run's is {then}")
  if differences:
    raise errors.OutputDirError(
      "The output folder holds another run: give a folder of its own as "
      "--output_dir, or --reset_output_dir to delete that run and start over. "
      f"Received: {'; '.join(differences)}; output_dir={now.run.output_dir}"
    )


def _flag_name(prefix: str, field: str) -> str:
  return field if field in config.UNPREFIXED else prefix + field


def _given(values, prefix: str, section) -> dict:
  """Returns the fields of a section whose flags were given."""
  fields = {}
  for field in dataclasses.fields(section):
    flag = values[_flag_name(prefix, field.name)]
    if flag.present:
      is_tuple = typing.get_origin(field.type) is tuple
      fields[field.name] = tuple(flag.value or ()) if is_tuple else flag.value
  return fields


def _base(values, recorded) -> config.ExperimentConfig:
  """Returns the configuration that the given flags change."""
  space = _space(values)
  if recorded and space in (None, recorded.run.search_for):
    return recorded
  if recorded:
    raise errors.OutputDirError(
      "The output folder holds a run of another search space: give a folder "
      "of its own as --output_dir, or --reset_output_dir to delete that run "
      f"and start over. Received: search_for={space}, the run's is "
      f"{recorded.run.search_for}; output_dir={output_dir(values)}"
    )
  return config.RECIPES[space or "micro"]


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


class _Optional(flags.ArgumentParser):
  """Parses a value, or the word that unsets it."""

  def __init__(self, parser: flags.ArgumentParser):
    self._parser = parser
    self.syntactic_help = getattr(parser, "syntactic_help", "")

  def parse(self, argument: Any) -> Any:
    if argument is None or argument == _NONE:
      return None
    return self._parser.parse(argument)

  def flag_type(self) -> str:
    return self._parser.flag_type()


def _define(name: str, field, help_text: str) -> None:
  kind, default = field.type, field.default
  if name.startswith("child_") or name in config.UNPREFIXED:
    help_text += _other_defaults(("search", "final"), field)
  if name.startswith("controller_"):
    help_text += _other_defaults(("controller",), field)
  if isinstance(kind, types.UnionType):
    kind = next(each for each in typing.get_args(kind) if each is not _NoneType)
    parser = _Optional(_PARSERS[kind]())
    help_text += f'; "{_NONE}" unsets it'
    flags.DEFINE(parser, name, default, help_text)
  elif name == "output_dir":
    flags.DEFINE_string(name, None, help_text)
  elif typing.get_origin(kind) is tuple:
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
