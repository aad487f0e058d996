"""Every flag, and how the flags become an experiment.

A flag is a setting, with two dashes before its public name; its type, default
and help are those of the setting. A flag that is not given keeps what the run
in `--output_dir` was started with, or else the recipe's value; "none" unsets
one that may be unset.
"""

import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

from enas_tf import errors, run_folder
from enas_tf.recipes import base, experiments
from enas_tf.settings import data, fields
from enas_tf.spaces import macro, micro, rnn

_PARSERS = {
  int: flags.IntegerParser,
  float: flags.FloatParser,
  str: flags.ArgumentParser,
}
# The original's words for search spaces.
_SPACES = {"enas": "rnn"}
_NONE = "none"  # Unsets a setting.
_PUBLISHED = (*micro.PUBLISHED, *macro.PUBLISHED, *rnn.PUBLISHED)
# The original's flag for the macro space with channel ranges.
_WHOLE_CHANNELS = "controller_search_whole_channels"
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
_RECIPE = "--recipe="
# Where flagfiles are: in an installed package, and in a checkout.
_PACKAGE = pathlib.Path(__file__).parent
_FLAGFILES = (_PACKAGE / "flagfiles", _PACKAGE.parent / "flags")
# The flags that are no settings, and their help.
OTHERS = {
  "recipe=NAME": "a file of flags that comes with enas_tf, by its name, as "
  "quickstart or cifar10_micro_search",
  experiments.ARC: (
    "the arc to train, evaluate or export: the original's integers, a JSON "
    f"file, or the name of a published arc ({', '.join(_PUBLISHED)}); default: "
    "that of the command before, or the one that was derived, which "
    f'"{_NONE}" goes back to'
  ),
  _WHOLE_CHANNELS: (
    "with --search_for=macro: whether a layer is one operation; if not, it "
    "joins a range of channels of every operation, --search_for=macro_channels"
  ),
}


def define(values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines all flags.

  Args:
    values: what they become part of.
  """
  for name, places in experiments.everywhere().items():
    field = places[0][1].field
    words = {
      word
      for _, place in places
      for word in fields.choices(place.field) or ()
      if word != data.IN_PYTHON
    }
    if name == "search_for":
      words |= _SPACES.keys()
    _define(values, name, field, sorted(words))
  flags.DEFINE(
    _Optional(flags.ArgumentParser()),
    experiments.ARC,
    None,
    OTHERS[experiments.ARC],
    values,
  )
  flags.DEFINE_boolean(_WHOLE_CHANNELS, None, OTHERS[_WHOLE_CHANNELS], values)


def with_recipes(argv: Sequence[str]) -> list[str]:
  """Returns arguments with the flags of `--recipe=NAME` in its place.

  Those that have no use with what else is asked for, as with another space or
  evaluator, are left out.

  Args:
    argv: the arguments of the command.

  Raises:
    ConfigError: if there is no such recipe.
  """
  asked = dict(
    argument.lstrip("-").split("=", maxsplit=1)
    for argument in argv
    if argument.startswith("-") and "=" in argument
  )
  found: list[str] = []
  for argument in argv:
    if argument.startswith(_RECIPE):
      lines = _flagfile(argument.removeprefix(_RECIPE)).read_text().splitlines()
      found += [each for each in lines if _has_use(each, asked)]
    else:
      found.append(argument)
  return found


def _has_use(line: str, asked: Mapping[str, str]) -> bool:
  """Returns whether a line of a recipe is a flag, and one of use.

  Args:
    line: of the file.
    asked: what else is asked for, by the names of the flags.
  """
  if not line.startswith("--"):
    return False
  known = experiments.everywhere()
  name = line.removeprefix("--").partition("=")[0]
  name = name if name in known else name.removeprefix("no")
  space = experiments.asked_for(asked.get("search_for"), asked)
  spaces = {recipe.name for recipe, _ in known[name]}
  if space is not None and _SPACES.get(space, space) not in spaces:
    return False
  only_with = fields.of(known[name][0][1].field).only_with or {}
  return all(
    fields.gives_use(words, known[other][0][1].field, asked[other])
    for other, words in only_with.items()
    if other in asked
  )


def _flagfile(recipe: str) -> pathlib.Path:
  known = {
    path.stem: path
    for folder in _FLAGFILES
    for path in sorted(folder.glob("*.flags"))
  }
  if recipe not in known:
    raise errors.ConfigError(
      f"--recipe is one of {', '.join(sorted(known))}, or give a file of your "
      f"own by --flagfile=PATH. Received: recipe={recipe}"
    )
  return known[recipe]


def settings(arguments: Sequence[str]) -> dict[str, Any]:
  """Returns the settings that arguments give, by their public names.

  It is for commands that run searches of their own: what to do and where is
  theirs, and what a recipe says of it is left out.

  >>> settings(["--data=digits", "--nocontroller_training"])
  {'data': 'digits', 'controller_training': False}

  Args:
    arguments: as on the command line, `--recipe` and `--flagfile` among them.

  Raises:
    ConfigError: if there is no such flag, or its value is none.
  """
  values = flags.FlagValues()
  define(values)
  try:
    rest = values(["", *with_recipes(arguments)])[1:]
  except flags.UnrecognizedFlagError as error:
    raise errors.ConfigError(unknown_message(error)) from error
  except (flags.Error, OSError) as error:
    raise errors.ConfigError(
      f"The flags cannot be read. Received: {error}"
    ) from error
  if rest:
    raise errors.ConfigError(
      f"All settings are flags: write --name=value. Received: {rest}"
    )
  given = _given(values)
  space = _space(values)
  if space is not None:
    given["search_for"] = space
  return {
    name: value
    for name, value in given.items()
    if name not in ("mode", "output_dir", "reset_output_dir")
  }


def spelled(text: str) -> str:
  """Returns a text with its settings, which stand in backquotes, as flags.

  >>> spelled("lower `batch_size`, or set `child_init=random`")
  'lower --batch_size, or set --child_init=random'

  Args:
    text: of an error, or for the terminal.
  """
  return re.sub(r"`([a-z]\w*)((?:=[^`\s]*)?)`", _spell, text)


def _spell(match: re.Match[str]) -> str:
  name, value = match.groups()
  if value in ("=True", "=False"):
    return f"--{'' if value == '=True' else 'no'}{name}"
  return f"--{name}{value}"


def unknown_message(error: flags.UnrecognizedFlagError) -> str:
  """Returns what to say of a flag that does not exist.

  Args:
    error: of absl.
  """
  name = error.flagname
  reason = _DROPPED.get(name) or _DROPPED.get(name.removeprefix("no"))
  if reason:
    message = f"--{name} is the original's; here {reason}: take it away."
  else:
    message = f"{error}: correct it; --help lists all flags."
  return f"{message} Received: --{name}"


def experiment(
  values: flags.FlagValues, recorded: base.Experiment | None = None
) -> base.Experiment:
  """Returns the experiment that the flags ask for.

  Args:
    values: the parsed flags.
    recorded: the experiment that the run in the output folder goes on with, or
      None.

  Raises:
    ConfigError: if a value is impossible, or a flag has no use in this space.
    OutputDirError: if the folder holds a run of another space or data set.
  """
  given = _given(values) | {
    "mode": _mode(values),
    "output_dir": str(output_dir(values)),
  }
  given.pop("search_for", None)
  fixed_arc = _fixed_arc(values, recorded)
  return experiments.go_on(recorded, _space(values), given, fixed_arc)


def output_dir(values: flags.FlagValues) -> pathlib.Path:
  """Returns the run's folder: the one given, or that of the space and data.

  Args:
    values: the parsed flags.
  """
  if values["output_dir"].present:
    if not values.output_dir:
      raise errors.ConfigError(
        "--output_dir must name a folder. Received: output_dir=''"
      )
    return run_folder.absolute(values.output_dir)
  return run_folder.default(_space(values), _given(values))


def origins(
  message: str,
  values: flags.FlagValues,
  recorded: base.Experiment | None,
) -> str:
  """Says where those settings come from that an error names and nobody gave.

  Args:
    message: of the error.
    values: the parsed flags.
    recorded: see `experiment`.
  """
  if recorded is None:
    return ""
  now = experiments.values(recorded)
  recipe = experiments.values(base.get(recorded.run.search_for).experiment)
  of_command = experiments.of_command(recorded)
  found = re.findall(r"`(\w+)|--(\w+)|\b(\w+)=", message, re.ASCII)
  notes = [
    f"--{name}={now[name]}"
    for name in dict.fromkeys(a or b or c for a, b, c in found)
    if name in now
    and name not in of_command
    and not values[name].present
    and now[name] != recipe.get(name)
  ]
  if not notes:
    return ""
  return (
    " Not given now, but recorded by the run in the output folder: "
    f"{', '.join(notes[:8])}."
  )


def _mode(values: flags.FlagValues) -> str:
  return values.mode or ("train" if values.child_fixed_arc else "search")


def _space(values: flags.FlagValues) -> str | None:
  """Returns the search space that is asked for, or None."""
  space = _SPACES.get(values.search_for, values.search_for)
  if values[_WHOLE_CHANNELS].present:
    if space not in ("macro", "macro_channels"):
      raise errors.ConfigError(
        f"--{_WHOLE_CHANNELS} has no use in this search space: take it away. "
        f"Received: search_for={space}"
      )
    return "macro" if values[_WHOLE_CHANNELS].value else "macro_channels"
  return space


def _fixed_arc(
  values: flags.FlagValues, recorded: base.Experiment | None
) -> str | None:
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
  if values[experiments.ARC].present or _mode(values) == "all":
    return values.child_fixed_arc
  return recorded.fixed_arc if recorded else None


def _given(values: flags.FlagValues) -> dict[str, Any]:
  """Returns the settings whose flags were given."""
  found = {}
  for name, places in experiments.everywhere().items():
    if values[name].present:
      value = values[name].value
      if fields.kind(places[0][1].field)[0] is tuple:
        value = tuple(value or ())
      found[name] = value
  return found


class _Optional(flags.ArgumentParser):
  """Parses a value, or the word that unsets it."""

  def __init__(self, parser: flags.ArgumentParser) -> None:
    self._parser = parser
    self.syntactic_help = getattr(parser, "syntactic_help", "")

  def parse(self, argument: Any) -> Any:
    if argument is None or argument == _NONE:
      return None
    return self._parser.parse(argument)

  def flag_type(self) -> str:
    return self._parser.flag_type()


def _define(
  values: flags.FlagValues, name: str, field: Any, words: list[str]
) -> None:
  """Defines the flag of a setting; its default is the recipe's, not here."""
  kind, optional = fields.kind(field)
  text = fields.of(field).help
  if optional:
    flags.DEFINE(_Optional(_PARSERS[kind]()), name, None, text, values)
  elif words:
    flags.DEFINE_enum(name, None, words, text, values)
  elif kind is tuple:
    flags.DEFINE_list(name, None, text, values)
  elif kind is bool:
    flags.DEFINE_boolean(name, None, text, values)
  else:
    flags.DEFINE(_PARSERS[kind](), name, None, text, values)
