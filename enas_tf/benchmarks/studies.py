"""A study: searches in folders of their own, each of which is made once.

A study that was stopped goes on where it was, by the same command. Several
commands may make parts of one study at once, such as other seeds.
"""

import argparse
import contextlib
import importlib.util
import json
import pathlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from enas_tf import (
  errors,
  failures,
  files,
  flags,
  run_folder,
  startup,
  statistics,
  stopping,
)
from enas_tf.recipes import experiments
from enas_tf.report import callbacks
from enas_tf.report import terminal as terminals

with startup.importing():
  import tensorflow as tf

  from enas_tf.runs import assembly, search, verbs
  from enas_tf.runs import run as runs

  tf.config.list_physical_devices("GPU")  # Which is noted on the screen, too.


class MomentReached(Exception):  # noqa: N818 Nothing is wrong.
  """A search has come to the epoch that it was to be stopped at."""


class Stop(stopping.Stop):
  """Stops at a signal, and when an epoch is done.

  Attributes:
    epoch: how many epochs are to be done, or None for all.
  """

  epoch: int | None = None
  _done = 0

  def count(self, done: int) -> None:
    """Is told how many epochs are done.

    Args:
      done: of the search that is at work.
    """
    self._done = done

  def requested(self) -> bool:
    is_there = self.epoch is not None and self._done >= self.epoch
    return is_there or super().requested()

  def end(self) -> NoReturn:
    """Ends the search, or the process if a signal came."""
    if not super().requested():
      raise MomentReached
    super().end()


class _Epochs(callbacks.Callback):
  def __init__(self, stop: Stop) -> None:
    self._stop = stop

  def on_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
    self._stop.count(epoch)


class Progress(terminals.Terminal):
  """Shows how far a search is, and says only what is wrong with it."""

  def __init__(self, label: str) -> None:
    super().__init__()
    self._label = label

  def say(self, message: str) -> None:
    del message

  def warn(self, message: str) -> None:
    super().say(f"{self._label}: {message}")

  def progress(
    self,
    done: int,
    total: int,
    unit: str,
    values: Mapping[str, float],
    seconds_left: float | None,
  ) -> None:
    unit = f"{self._label}, {unit}"
    super().progress(done, total, unit, values, seconds_left)


class Study:
  """Searches of some settings, and what was found out by them.

  Args:
    folder: of the study.
    settings: of all its searches, by public names.
    asked: what else its results depend on, as JSON.

  Attributes:
    folder: of the study.
    settings: of all its searches, by public names.
    terminal: says what happens.

  Raises:
    OutputDirError: if the folder holds another study.
  """

  def __init__(
    self,
    folder: str,
    settings: Mapping[str, Any],
    asked: Mapping[str, Any] | None = None,
  ) -> None:
    self.folder = run_folder.absolute(folder)
    self.settings = dict(settings)
    self.terminal = terminals.Terminal(spell=flags.spelled)
    self._stop = Stop()
    described = _as_json({"settings": self.settings, **(asked or {})})
    path = self.folder / "study.json"
    if path.exists():
      _check_same(files.read_json(path), described, self.folder)
    else:
      files.write_json(path, described)

  def install(self) -> None:
    """Takes over the signals of the process: Ctrl-C ends a search, saved."""
    self._stop.install()

  def result(self, name: str, make: Callable[[], Any]) -> Any:
    """Returns what was found out, now or before.

    Args:
      name: of the result.
      make: finds it out; its value is JSON.
    """
    path = self.folder / "results" / f"{name}.json"
    if not path.exists():
      files.write_json(path, {"result": make()})
    return files.read_json(path)["result"]

  def write(self, found: Mapping[str, Any], name: str, *others: Any) -> None:
    """Writes all that was found out: into the folder, and where else one asks.

    Args:
      found: as JSON.
      name: of the file in the folder, without its suffix.
      *others: other paths, or None.
    """
    for path in (self.folder / f"{name}.json", *others):
      if path is not None:
        files.write_json(
          pathlib.Path(path), {"settings": self.settings, **found}
        )

  @contextlib.contextmanager
  def searched(
    self,
    folder: pathlib.Path,
    label: str,
    settings: Mapping[str, Any],
    epoch: int | None = None,
  ) -> Iterator[tuple[assembly.Assembly, runs.Run]]:
    """Yields a search that is done, or has come to an epoch, and its run.

    Args:
      folder: of the search; one that has begun goes on.
      label: what it is called in the progress.
      settings: of the search, by public names.
      epoch: how many epochs are to be done; None for all.

    Raises:
      OutputDirError: if the search is beyond that epoch.
    """
    with opened(settings, folder, Progress(label), self._stop) as (built, run):
      run.callbacks = (_Epochs(self._stop),)
      done = search.num_epochs_done(folder)
      if epoch is not None and done > epoch:
        raise errors.OutputDirError(
          "A search of the study is beyond the epoch that is asked for: give "
          "another `output_dir`, or ask for later ones. Received: "
          f"epoch={epoch}, done={done}, folder={folder}"
        )
      if epoch is not None and done == epoch:
        search.restore(built, folder)
      else:
        self._stop.count(done)
        self._stop.epoch = epoch
        with contextlib.suppress(MomentReached):
          search.run(built, run)
        self._stop.epoch = None
      yield built, run

  @contextlib.contextmanager
  def at_rest(
    self, settings: Mapping[str, Any]
  ) -> Iterator[tuple[assembly.Assembly, runs.Run]]:
    """Yields the parts of a run of the study that searches nothing.

    Args:
      settings: of the run, by public names.
    """
    folder = self.folder / "children"
    with opened(settings, folder, self.terminal, self._stop) as found:
      yield found


@contextlib.contextmanager
def opened(
  given: Mapping[str, Any],
  folder: pathlib.Path,
  terminal: terminals.Terminal,
  stop: stopping.Stop,
) -> Iterator[tuple[assembly.Assembly, runs.Run]]:
  """Within it, a run's folder is open and its parts are at hand.

  Args:
    given: settings by public names.
    folder: of the run.
    terminal: says what happens.
    stop: whether to end.
  """
  settings = {"mode": "search", **given, "output_dir": str(folder)}
  space = settings.pop("search_for", None)
  recorded = run_folder.recorded_config(folder)
  experiment = experiments.go_on(recorded, space, settings)
  folder = run_folder.open_run(experiment)
  try:
    verbs.prepare(experiment)
    built = assembly.Assembly(experiment)
    with built.task.reading():
      yield built, runs.Run(folder, experiment, terminal, stop)
  finally:
    run_folder.close_run(folder)


def arguments(
  description: str, num_seeds: int | None = 6
) -> argparse.ArgumentParser:
  """Returns a parser of what all studies ask for.

  Args:
    description: of the command.
    num_seeds: the default of --seeds; None where there is no such argument.
  """
  parser = argparse.ArgumentParser(
    description=description,
    epilog="All settings of a run can be given, too: --recipe=quickstart "
    "--num_epochs=10 --controller_lr=0.01.",
    allow_abbrev=False,
  )
  parser.add_argument(
    "--output_dir", required=True, help="where the study is made, or goes on"
  )
  parser.add_argument("--json", help="where the results are written, too")
  if num_seeds is not None:
    parser.add_argument(
      "--seeds",
      type=int,
      default=num_seeds,
      help=f"searches, of seeds that follow --seed ({num_seeds})",
    )
  return parser


def num_epochs(settings: Mapping[str, Any]) -> int:
  """Returns how many epochs a search of these settings has.

  Args:
    settings: by public names.
  """
  given = dict(settings)
  space = given.pop("search_for", None)
  made = experiments.go_on(None, space, {"output_dir": "-", **given})
  return made.search.num_epochs


def words(text: str) -> tuple[str, ...]:
  """Returns the words between commas.

  Args:
    text: as it was given.
  """
  return tuple(each.strip() for each in text.split(",") if each.strip())


def integers(text: str) -> tuple[int, ...]:
  """Returns the integers between commas.

  Args:
    text: as it was given.
  """
  return tuple(map(int, words(text)))


def seeds(settings: dict[str, Any], number: int) -> list[int]:
  """Returns the seeds of a study; that of the settings, the first, is taken.

  Args:
    settings: by public names.
    number: how many.

  Raises:
    ConfigError: if there are none.
  """
  if number < 1:
    raise errors.ConfigError(
      "A study has one search at least: raise `seeds`. Received: "
      f"seeds={number}"
    )
  first = settings.pop("seed", 0)
  return list(range(first, first + number))


def pool(gains: Sequence[float]) -> dict[str, Any]:
  """Returns the gains of all seeds in a few numbers.

  Args:
    gains: of each seed; positive is better.
  """
  found = np.array(gains)
  return {
    "gain": float(found.mean()),
    "gain_sd": float(found.std(ddof=1)) if len(found) > 1 else None,
    "seeds": len(found),
    "seeds_above": int((found > 0).sum()),
    "p_signs": statistics.sign_flip(found),
    "p_t": statistics.t_test(found),
  }


def main(command: Callable[[Sequence[str]], None]) -> None:
  """Runs a command of a study; an error is a line, not a traceback.

  Args:
    command: takes the arguments.
  """
  with failures.told(flags.spelled):
    if importlib.util.find_spec("scipy") is None:
      raise errors.ConfigError(
        "SciPy computes the statistics of a study and is not installed: pip "
        "install 'enas_tf[automl]'. Received: scipy=None"
      )
    command(sys.argv[1:])


def _as_json(value: Any) -> Any:
  return json.loads(json.dumps(value))


def _check_same(
  before: Mapping[str, Any], now: Mapping[str, Any], folder: pathlib.Path
) -> None:
  """Raises OutputDirError if a folder holds a study of other settings."""
  old, new = (
    {**each["settings"], **{k: v for k, v in each.items() if k != "settings"}}
    for each in (before, now)
  )
  changed = [
    f"{name}={new.get(name)}, before {old.get(name)}"
    for name in sorted(old.keys() | new.keys())
    if old.get(name) != new.get(name)
  ]
  if changed:
    raise errors.OutputDirError(
      "The folder holds a study of other settings: give the same ones, or "
      f"another `output_dir`. Received: {'; '.join(changed)}; "
      f"output_dir={folder}"
    )
