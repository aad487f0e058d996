"""Does a search search? Every controller on a table of known scores.

    python -m enas_tf.benchmarks.search_quality --table=FILE --score=COLUMN

A search is one of `--evaluator=table`, with its classes, defaults and seeds;
settings of controllers are given as there (--controller_lr=0.01). Its regret is
how far the best arc that it has asked for is below the best of the table, in
the units of the score. Each arc that it asks for is a query, also one that it
has asked for before, or that the table lacks.
"""

import argparse
import csv
import importlib.util
import math
import pathlib
import re
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from typing import Any

from enas_tf import errors, files, startup
from enas_tf.controllers import registry
from enas_tf.recipes import base, experiments
from enas_tf.report import terminal as terminals
from enas_tf.settings import fields

with startup.importing():
  import tensorflow as tf

  from enas_tf.benchmarks import quality_runs
  from enas_tf.runs import verbs

  tf.config.list_physical_devices("GPU")  # Which is noted on the screen, too.

# Our flags, by the settings of a run that they are.
_FLAGS = {
  "evaluator_table": "table",
  "evaluator_score": "score",
  "evaluator_decisions": "decisions",
}
# What is not a controller's, but of whoever asks it.
_FIXED = ("kind", "training", "train_steps", "train_every")
_COLUMNS = 80  # Of what is printed.
# What has to be installed, and with which extra it is.
_EXTRAS = {"scipy": "automl", "matplotlib": "demo"}


def main(argv: Sequence[str] | None = None) -> None:
  """Measures what the command line asks for, and prints it.

  Args:
    argv: its arguments; None are those of the process.
  """
  try:
    _run(_parse(argv))
  except errors.UserError as error:
    sys.exit(f"error: {_spelled(str(error))}")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
  parser = argparse.ArgumentParser(
    prog="search_quality",
    usage="python -m enas_tf.benchmarks.search_quality --table=FILE [options]",
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    allow_abbrev=False,
  )
  add = parser.add_argument
  add(
    "--table",
    required=True,
    metavar="FILE",
    help="CSV with a column for each decision, or JSON as of NAS-Bench-Macro",
  )
  add("--score", metavar="COLUMN", help="what is maximised")
  add(
    "--decisions",
    type=_words,
    metavar="COLUMN,...",
    help="by default the columns of words or of few whole numbers",
  )
  add(
    "--controllers",
    type=_words,
    metavar="WORD,...",
    help="by default all that can search it",
  )
  add(
    "--queries",
    type=_counts,
    default=(100, 300),
    metavar="N,...",
    help="after how many the regret is told (100,300)",
  )
  add("--seeds", type=_count, default=60, metavar="N", help="of each (60)")
  add(
    "--random_seeds",
    type=_count,
    default=1000,
    metavar="N",
    help="of random search, which the others are compared with (1000)",
  )
  add("--seed", type=int, default=0, metavar="N", help="the first of them (0)")
  add("--json", type=pathlib.Path, metavar="FILE", help="for the numbers")
  add("--plot", type=pathlib.Path, metavar="FILE", help="for a plot, a PNG")
  _add_settings(parser.add_argument_group("settings of the controllers"))
  return parser.parse_args(argv)


def _add_settings(group: Any) -> None:
  """Adds the settings of controllers; one that is not given is not there."""
  for name, field in _settings().items():
    kind, _ = fields.kind(field)
    help = fields.of(field).help.replace("`", "").replace("%", "%%")
    if kind is bool:
      for flag, value in ((f"--{name}", True), (f"--no{name}", False)):
        group.add_argument(
          flag,
          dest=name,
          action="store_const",
          const=value,
          default=argparse.SUPPRESS,
          help=help if value else argparse.SUPPRESS,
        )
    else:
      group.add_argument(
        f"--{name}",
        type=_reader(field),
        default=argparse.SUPPRESS,
        metavar="X",
        help=help,
      )


def _settings() -> dict[str, Any]:
  """Returns the fields of the controllers' own settings, by public names."""
  places = experiments.named(base.get("table").experiment)
  return {
    name: place.field
    for name, place in places
    if place.section == "controller" and place.field.name not in _FIXED
  }


def _reader(field: Any) -> Callable[[str], Any]:
  """Returns what makes a value of a text, as a flag of a run does."""
  kind, is_optional = fields.kind(field)

  def read(text: str) -> Any:
    if is_optional and text == "none":
      return None
    return _words(text) if kind is tuple else kind(text)

  read.__name__ = kind.__name__  # For the errors of argparse.
  return read


def _words(text: str) -> tuple[str, ...]:
  return tuple(word.strip() for word in next(csv.reader([text]), []))


def _count(text: str) -> int:
  count = int(text)
  if count < 1:
    raise ValueError
  return count


def _counts(text: str) -> tuple[int, ...]:
  return tuple(sorted({_count(word) for word in _words(text)}))


def _run(options: argparse.Namespace) -> None:
  _check_installed("scipy", *["matplotlib"] * bool(options.plot))
  from enas_tf.benchmarks import quality_report

  verbs.prepare(base.get("table").experiment)
  searches = quality_runs.Searches(_given(options), max(options.queries))
  terminal = terminals.Terminal(spell=_spelled)
  terminal.say(_about(searches, options))
  controllers = _controllers(searches, options, terminal)
  found = [
    _searched(searches, controller, options, terminal)
    for controller in controllers
  ]
  rows = quality_report.rows(found, options.queries)
  reference = next(r["mean"] for r in reversed(rows) if r["p"] is None)
  digits = 2 - math.floor(math.log10(reference)) if reference else 3
  quality_report.show(rows, max(0, digits))
  if options.json:
    files.write_json(options.json, rows)
  if options.plot:
    quality_report.plot(found, searches.table.score, options.plot)


def _check_installed(*modules: str) -> None:
  for module in modules:
    if importlib.util.find_spec(module) is None:
      raise errors.ConfigError(
        f"This needs {module}: install it, by pip install "
        f"'enas_tf[{_EXTRAS[module]}]'. Received: no module {module}"
      )


def _given(options: argparse.Namespace) -> dict[str, Any]:
  """Returns the settings that were given, by public names."""
  values = vars(options)
  given = {name: values[flag] for name, flag in _FLAGS.items() if values[flag]}
  return given | {name: values[name] for name in _settings() if name in values}


def _about(searches: quality_runs.Searches, options: argparse.Namespace) -> str:
  """Returns what is searched, in words."""
  table = searches.table
  options_of = {
    each.name: ", ".join(map(str, each.options))
    for each in table.space.decisions
  }
  if len(set(options_of.values())) == 1:  # One line for all of them.
    options_of = {", ".join(options_of): next(iter(options_of.values()))}
  decisions = "\n".join(
    textwrap.fill(f"{names}: {words}", _COLUMNS, subsequent_indent="  ")
    for names, words in options_of.items()
  )
  low, high = table.rewards.min(), table.rewards.max()
  return (
    f"{options.table}: {len(table.scores):,} arcs of "
    f"{table.space.num_decisions} decisions\n{decisions}\n"
    f"{table.score}: {low:.6g} to {high:.6g}\n"
    f"regret: {high:.6g} minus the best {table.score} that was found"
  )


def _controllers(
  searches: quality_runs.Searches,
  options: argparse.Namespace,
  terminal: terminals.Terminal,
) -> list[str]:
  """Returns the words of the controllers; random search comes first."""
  able = []
  for word in options.controllers or registry.CONTROLLERS:
    try:
      searches.check(word)
    except errors.UserError as error:
      if options.controllers:
        raise
      terminal.say(textwrap.fill(f"Without {word}: {error}", _COLUMNS))
    else:
      able.append(word)
  searches.check_settings(able)
  return list(dict.fromkeys([quality_runs.REFERENCE, *able]))


def _searched(
  searches: quality_runs.Searches,
  controller: str,
  options: argparse.Namespace,
  terminal: terminals.Terminal,
) -> quality_runs.Curves:
  """Searches with a controller, and shows how far it is."""
  is_reference = controller == quality_runs.REFERENCE
  num_seeds = options.random_seeds if is_reference else options.seeds
  started = time.monotonic()
  regrets: list[float] = []

  def on_search(done: int, regret: float) -> None:
    regrets.append(regret)
    seconds = (time.monotonic() - started) / done * (num_seeds - done)
    mean = sum(regrets) / done
    terminal.progress(done, num_seeds, controller, {"regret": mean}, seconds)

  seeds = range(options.seed, options.seed + num_seeds)
  found = searches.run(controller, seeds, on_search)
  terminal.end_progress()
  return found


def _spelled(text: str) -> str:
  """Returns a text with its settings as they are given here."""
  for setting, flag in _FLAGS.items():
    text = re.sub(rf"\b{setting}\b", flag, text)
  return re.sub(r"`([a-z]\w*(?:=[^`\s]*)?)`", r"--\1", text)


if __name__ == "__main__":
  main()
