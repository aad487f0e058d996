"""Efficient Neural Architecture Search from the command line.

python -m enas_tf.main --search_for=micro --data=cifar10
"""

import sys

from absl import app
from absl import flags as absl_flags

from enas_tf import config, errors, flags, manifest
from enas_tf.report import terminal

_VERBS = {
  "search": ("search", "derive"),
  "derive": ("derive",),
  "train": ("train",),
  "evaluate": ("evaluate",),
  "export": ("export",),
  "all": ("search", "derive", "train", "evaluate", "export"),
}


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise errors.ConfigError(
      f"All settings are flags: write --name=value. Received: {argv[1:]}"
    )
  values = absl_flags.FLAGS
  recorded = None
  if not values.reset_output_dir:
    recorded = manifest.recorded_config(flags.output_dir(values))
  experiment = flags.experiment(values, recorded)
  _run(experiment)


def _run(experiment: config.ExperimentConfig) -> None:
  folder = manifest.open_run(experiment)
  # TensorFlow is slow to import: errors in flags come first.
  with terminal.quiet():
    from enas_tf.runs import verbs

  verbs.run(_VERBS[experiment.run.mode], experiment, folder)


def run() -> None:
  """The console command; a user's error is a line, not a traceback."""
  flags.define()
  try:
    app.run(main, flags_parser=_parse)
  except errors.UserError as error:
    sys.exit(f"error: {error}")
  except KeyboardInterrupt:
    sys.exit("Interrupted. The same command goes on from the last checkpoint.")


def _parse(argv: list[str]) -> list[str]:
  try:
    return absl_flags.FLAGS(argv)
  except absl_flags.UnrecognizedFlagError as error:
    message = flags.dropped_message(error.flagname)
    sys.exit(f"error: {message or error}")
  except absl_flags.Error as error:
    sys.exit(f"error: {error}")


if __name__ == "__main__":
  run()
