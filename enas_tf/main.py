"""Efficient Neural Architecture Search from the command line.

python -m enas_tf.main --search_for=micro --data=cifar10
"""

import contextlib
import os
import sys

from absl import app
from absl import flags as absl_flags

from enas_tf import config, errors, flags, manifest

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
  with _quiet():  # TensorFlow is slow to import: errors in flags come first.
    from enas_tf.runs import verbs

  verbs.run(_VERBS[experiment.run.mode], experiment, folder)


@contextlib.contextmanager
def _quiet():
  """Keeps the notes off the screen that TensorFlow writes when it starts.

  Its C++ code writes them to the error stream before it reads its log level.
  """
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
  sys.stderr.flush()
  screen = os.dup(2)
  with open(os.devnull, "w") as nowhere:
    os.dup2(nowhere.fileno(), 2)
  try:
    yield
  finally:
    os.dup2(screen, 2)
    os.close(screen)


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
