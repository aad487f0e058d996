"""Efficient Neural Architecture Search from the command line.

python -m enas_tf.main --search_for=micro --data=cifar10
"""

import os
import signal
import sys

from absl import app
from absl import flags as absl_flags

from enas_tf import config, errors, flags, manifest, startup

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
  values = absl_flags.FLAGS
  recorded = None
  if not values.reset_output_dir:
    recorded = manifest.recorded_config(flags.output_dir(values))
  experiment = flags.experiment(values, recorded)
  _run(experiment)


def _run(experiment: config.ExperimentConfig) -> None:
  folder = manifest.open_run(experiment)
  # TensorFlow is slow to import: errors in flags come first.
  with startup.importing():
    from enas_tf.runs import verbs

  verbs.run(_VERBS[experiment.run.mode], experiment, folder)


def run() -> None:
  """The console command; a user's error is a line, not a traceback."""
  flags.define()
  # Unless it is ignored, as in the background of a shell.
  if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _interrupt)
  try:
    app.run(main, flags_parser=_parse)
  except errors.UserError as error:
    sys.exit(f"error: {error}")


def _interrupt(signum, frame) -> None:
  """Ends the process at once, which is safe at any time.

  An exception would not be: inside of TensorFlow's C++ code it aborts.
  """
  del signum, frame
  message = "Interrupted. The same command goes on from the last checkpoint."
  os.write(2, f"\n{message}\n".encode())
  os._exit(130)  # As shells report an interrupt.


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
