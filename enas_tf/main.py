"""Efficient Neural Architecture Search from the command line.

python -m enas_tf.main --search_for=micro --data=cifar10

A flag that is not given keeps what the run in --output_dir was started with, or
else the default of the search space. --recipe=NAME takes the flags of a file in
flags/; --flagfile=PATH those of a file of your own.
"""

import sys

from absl import app
from absl import flags as absl_flags

from enas_tf import errors, failures, flags, help, run_folder, startup, stopping
from enas_tf.recipes import base
from enas_tf.report import terminal

_HELP = ("--help", "-help", "-h", "--helpfull", "--helpshort")
_stop = stopping.Stop()


def main(argv: list[str]) -> None:
  """Runs what the flags ask for.

  Args:
    argv: what the flags left of the arguments.
  """
  if len(argv) > 1:
    raise errors.ConfigError(
      f"All settings are flags: write --name=value. Received: {argv[1:]}"
    )
  values, recorded = absl_flags.FLAGS, None
  try:
    if not values.reset_output_dir:
      recorded = run_folder.recorded_config(flags.output_dir(values))
    _run(flags.experiment(values, recorded))
  except errors.UserError as error:
    # Whoever gave a wrong value long ago should read where it comes from.
    origins = flags.origins(str(error), values, recorded)
    raise type(error)(f"{error}{origins}") from error


def _run(experiment: base.Experiment) -> None:
  folder = run_folder.open_run(experiment)
  failures.prepare(folder, experiment.run.debug)
  # TensorFlow is slow to import: errors in flags come first.
  with startup.importing():
    from enas_tf.runs import verbs
  try:
    verbs.run(experiment, folder, _stop, terminal.Terminal(spell=flags.spelled))
  finally:
    run_folder.bring_back(folder)  # If it was refused before it started.


def run() -> None:
  """The console command; an error is a line, not a traceback."""
  sys.stdout = terminal.LastingStream(sys.stdout)
  sys.stderr = terminal.LastingStream(sys.stderr)
  flags.define()
  _stop.install()
  with failures.told(flags.spelled):
    app.run(main, flags_parser=_parse)


def _parse(argv: list[str]) -> list[str]:
  if any(argument in _HELP for argument in argv[1:]):
    print(help.text(__doc__ or "", flags.OTHERS))
    sys.exit(0)
  try:
    return absl_flags.FLAGS(flags.with_recipes(argv))
  except absl_flags.UnrecognizedFlagError as error:
    raise errors.ConfigError(flags.unknown_message(error)) from error
  except (absl_flags.Error, OSError, ValueError) as error:
    if isinstance(error, errors.UserError):
      raise
    # A flagfile can be missing, a folder, or no text.
    raise errors.ConfigError(
      f"The flags cannot be read. Received: {error}"
    ) from error


if __name__ == "__main__":
  run()
