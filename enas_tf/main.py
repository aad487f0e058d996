"""Efficient Neural Architecture Search from the command line.

python -m enas_tf.main --search_for=micro --data=cifar10
"""

import sys

from absl import app
from absl import flags as absl_flags

from enas_tf import (
  config,
  errors,
  failures,
  flags,
  run_folder,
  startup,
  stopping,
)
from enas_tf.report import terminal

_VERBS = {
  "search": ("search", "derive"),
  "derive": ("derive",),
  "train": ("train",),
  "import": ("import",),
  "evaluate": ("evaluate",),
  "export": ("export",),
  "all": ("search", "derive", "train", "evaluate", "export"),
}


def main(argv: list[str]) -> None:
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


def _run(experiment: config.ExperimentConfig) -> None:
  folder = run_folder.open_run(experiment)
  failures.prepare(folder, experiment.run.debug)
  # TensorFlow is slow to import: errors in flags come first.
  with startup.importing():
    from enas_tf.runs import verbs

  names = _VERBS[experiment.run.mode]
  if experiment.fixed_arc is not None:  # It needs no search.
    names = [name for name in names if name not in ("search", "derive")]
  try:
    verbs.run(
      names, experiment, folder, _stop, terminal.Terminal(spell=flags.spelled)
    )
  finally:
    run_folder.bring_back(folder)  # If it was refused before it started.


_stop = stopping.Stop()


def run() -> None:
  """The console command; an error is a line, not a traceback."""
  sys.stdout = terminal.LastingStream(sys.stdout)
  sys.stderr = terminal.LastingStream(sys.stderr)
  flags.define()
  _stop.install()
  with failures.told(flags.spelled):
    app.run(main, flags_parser=_parse)


def _parse(argv: list[str]) -> list[str]:
  try:
    return absl_flags.FLAGS(argv)
  except absl_flags.UnrecognizedFlagError as error:
    raise errors.ConfigError(flags.unknown_message(error)) from error
  except (absl_flags.Error, OSError, ValueError) as error:
    # A flagfile can be missing, a folder, or no text.
    raise errors.ConfigError(
      f"The flags cannot be read. Received: {error}"
    ) from error


if __name__ == "__main__":
  run()
