"""The door for programs: a search, and the network that comes of it.

The command line is the other door; both lead to the same runs, in the same
folders, and one can go on with what the other began.
"""

import contextlib
import dataclasses
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from enas_tf import (
  files,
  run_folder,
  sources,
  startup,
  stopping,
  trials,
)
from enas_tf.recipes import base, experiments
from enas_tf.report import callbacks as listeners
from enas_tf.report import notebook, tables
from enas_tf.report import terminal as terminals

if TYPE_CHECKING:
  import keras

  from enas_tf.runs import assembly
  from enas_tf.runs import run as runs
  from enas_tf.spaces import base as spaces


class Search:
  """A search for an architecture, in a folder of its own.

  >>> import numpy as np
  >>> pixels = np.arange(64 * 8 * 8 * 3, dtype="uint8").reshape(64, 8, 8, 3)
  >>> labels = np.arange(64) % 2
  >>> mine = Search(data=(pixels, labels), output_dir=folder, verbose=False)
  >>> mine
  Search(space='micro', epochs=0 of 150)

  Args:
    space: the word of a search space: "micro", "macro", "macro_channels",
      "rnn", or one that was registered. By default that of the run in the
      folder, or else micro.
    data: what to learn from: the name of a data set ("digits", "cifar10"), the
      path of a folder or file, arrays (examples, labels) or a tf.data.Dataset
      of them. Images are uint8 [n, height, width, channels]. By default those
      that the run began with, or else those of the space.
    output_dir: the run's folder: a new one, or that of an earlier run, which is
      gone on with. By default one for each space and data set in outputs/.
    validation_data: of the kind of `data`, what rewards are computed on; by
      default a part of `data`.
    test_data: of the kind of `data`, what nothing is chosen by.
    class_names: the names of the classes; by default their numbers.
    evaluator: a function from an arc to its score (a number, the higher the
      better, or numbers by name with "reward" among them), which takes the
      place of shared weights.
    callbacks: are told what happens.
    verbose: whether a run prints what happens.
    **settings: as on the command line, without the dashes: num_epochs=10,
      child_num_layers=2, controller_lr=0.01, final_num_epochs=30.

  Raises:
    ConfigError: if a setting is unknown, impossible or of no use here.
    DataError: if the data cannot be understood.
    OutputDirError: if the folder holds something else, or another run.
  """

  def __init__(
    self,
    space: str | None = None,
    data: Any = None,
    output_dir: str | os.PathLike[str] | None = None,
    *,
    validation_data: Any = None,
    test_data: Any = None,
    class_names: Sequence[str] | None = None,
    evaluator: Callable[[Any], float | Mapping[str, float]] | str | None = None,
    callbacks: Sequence[listeners.Callback] = (),
    verbose: bool = True,
    **settings: Any,
  ) -> None:
    sources.check_arguments(space, evaluator, callbacks, settings)
    given = dict(settings)
    space = given.pop("search_for", space)
    self._score = sources.scorer(given, evaluator)
    given, self._source = sources.described(
      given, data, validation_data, test_data, class_names
    )
    self._folder = _folder(output_dir, space, given)
    self._experiment = _experiment(self._folder, space, given)
    self._callbacks = tuple(callbacks)
    self._verbose = verbose
    self._assembly: assembly.Assembly | None = None

  def __repr__(self) -> str:
    experiment = self._experiment
    return (
      f"Search(space={experiment.run.search_for!r}, epochs={self.num_epochs} "
      f"of {experiment.search.num_epochs})"
    )

  @property
  def folder(self) -> pathlib.Path:
    """The run's folder.

    >>> search.folder.is_dir()
    True
    """
    return self._folder

  @property
  def num_epochs(self) -> int:
    """How many epochs of the search are done.

    >>> search.num_epochs
    1
    """
    from enas_tf.runs import search

    return search.num_epochs_done(self._folder)

  @property
  def settings(self) -> dict[str, Any]:
    """All settings by their names, those of the defaults among them.

    >>> search.settings["num_epochs"]
    1
    """
    return experiments.values(self._experiment)

  @property
  def trials(self) -> list[trials.Trial]:
    """Every arc that was scored, and what came of it.

    >>> len(search.trials)
    2
    """
    return trials.read(self._folder)

  @property
  def space(self) -> "spaces.Space":
    """The space that is searched: it parses, encodes and draws arcs.

    >>> search.space.name
    'micro'
    """
    return self._parts().space

  @property
  def leaderboard(self) -> list[dict[str, Any]]:
    """The best arcs with their scores, best first; empty before `run`.

    >>> search.leaderboard[0]["rank"]
    1
    """
    from enas_tf.runs import derive

    path = self._folder / derive.LEADERBOARD
    found: Any = files.read_json(path, list) if path.exists() else []
    return found

  @property
  def best_arc(self) -> "spaces.Arc":
    """The best arc of the leaderboard; in a notebook it draws itself.

    >>> search.space.parse(str(search.best_arc)) == search.best_arc
    True

    Raises:
      ConfigError: if there is none yet.
    """
    from enas_tf.runs import derive

    arc = derive.best_arc(self._parts(), self._folder)
    notebook.show_arcs(type(arc))
    return arc

  def run(self) -> "Search":
    """Searches, and ranks what was found; goes on where it was stopped.

    Interrupting it (Ctrl-C, or the stop button of a notebook) ends it at the
    next step, saved; the next call goes on from there.

    >>> search.run().num_epochs
    1
    """
    from enas_tf.runs import derive
    from enas_tf.runs import search as verb

    with self._at_work("search") as (parts, run):
      verb.run(parts, run)
      derive.run(parts, run)
    return self

  def results_summary(self, n: int = 10) -> None:
    """Prints the best arcs as a table; in a notebook it draws them, too.

    >>> search.results_summary()  # doctest: +ELLIPSIS
    rank  validation accuracy  ...

    Args:
      n: how many arcs at most.
    """
    rows = self.leaderboard[:n]
    terminal = terminals.Terminal()  # Whoever asks for it wants to see it.
    if not rows:
      terminal.say("Nothing was searched yet: call run().")
      return
    printable = [row | {"arc": row["arc_string"]} for row in rows]
    terminal.table(*tables.leaderboard(printable))
    notebook.display([self.space.from_json(row["arc"]) for row in rows])

  def build(self, arc: Any = None) -> "keras.Model":
    """Returns the final child of an arc with random weights, compiled.

    It takes pixels from 0 to 255 and answers logits, so that it can be trained
    by `fit(images, labels)`; one for texts takes and answers what its
    `input_shape` and `output_shape` say.

    >>> search.build(search.best_arc).output_shape
    (None, 2)

    Args:
      arc: an arc, its text or integers, the name of a published one or the path
        of a JSON file; None is the best one.
    """
    parts = self._parts()
    return parts.compiled_child(self._arc(arc))

  def train(self, arc: Any = None) -> "keras.Model":
    """Trains the final child of an arc, or goes on with its training.

    >>> search.train().output_shape
    (None, 2)

    Args:
      arc: see `build`.

    Returns:
      The trained child; see `enas_tf.load_model`.
    """
    from enas_tf.runs import evaluate
    from enas_tf.runs import train as verb

    with self._at_work("train", arc) as (parts, run):
      verb.run(parts, run)
      model, description, _ = evaluate.load(parts, self._folder)
      return parts.task.served(model, description)

  def evaluate(self, arc: Any = None, *, test: Any = None) -> dict[str, Any]:
    """Returns the test results of a trained child.

    >>> sorted(search.evaluate(test=(pixels, labels)))[:2]
    ['test_accuracy', 'test_accuracy_by_class']

    Args:
      arc: see `build`.
      test: what to test on, of the kind of the search's data; by default the
        test split of the data.
    """
    from enas_tf.runs import evaluate as verb

    with self._at_work("evaluate", arc) as (parts, run):
      return verb.run(parts, run, test)

  def baseline(self, arc: Any = None) -> dict[str, Any]:
    """Compares an arc with random ones that are trained alike from scratch.

    `baseline_arcs`, `baseline_seeds` and `baseline_epochs` say how many and how
    long; `num_workers` are trained at once.

    >>> sorted(search.baseline())[:3]
    ['arcs', 'derived', 'epochs']

    Args:
      arc: see `build`.

    Returns:
      What stands in baseline.json: "summary" says in a sentence whether the
      search was better, "p" how likely that is by chance.
    """
    from enas_tf.runs import baseline as verb

    with self._at_work("baseline", arc) as (parts, run):
      return verb.run(parts, run)

  def export(
    self, folder: str | os.PathLike[str] | None = None, arc: Any = None
  ) -> pathlib.Path:
    """Exports a trained child as a SavedModel, with a Keras file beside it.

    >>> sorted(path.name for path in search.export().iterdir())
    ['child.keras', 'saved_model']

    Args:
      folder: a new one for the SavedModel, with child.keras in it; by default
        export/ in the run's folder.
      arc: see `build`.

    Returns:
      The folder.

    Raises:
      OutputDirError: if there are files in the folder, which are left alone.
    """
    from enas_tf.runs import export as verb
    from enas_tf.tasks import saved

    target = None if folder is None else files.new_folder(folder)
    with self._at_work("export", arc) as (parts, run):
      verb.run(parts, run)
    exported = self._folder / saved.FOLDER
    if target is None:
      return exported
    with files.writing(target):
      shutil.copytree(exported / "saved_model", target, dirs_exist_ok=True)
      shutil.copy2(exported / "child.keras", target / "child.keras")
    return target

  def _arc(self, arc: Any) -> "spaces.Arc":
    if arc is None:
      return self.best_arc
    return self._parts().parsed(arc)

  def _parts(self) -> "assembly.Assembly":
    """Returns the parts of the search; the first call loads TensorFlow."""
    if self._assembly is None:
      with startup.importing():
        from enas_tf.runs import assembly, verbs
      verbs.prepare(self._experiment)
      self._assembly = assembly.Assembly(
        self._experiment, self._source, self._score
      )
    return self._assembly

  def _terminal(self) -> terminals.Terminal:
    return terminals.Terminal() if self._verbose else terminals.Quiet()

  @contextlib.contextmanager
  def _at_work(
    self, mode: str, arc: Any = None
  ) -> Iterator[tuple["assembly.Assembly", "runs.Run"]]:
    """Within it, the run's folder is open and its parts are at hand."""
    parts = self._parts()
    from enas_tf.runs import run as runs

    fixed = None if arc is None else str(self._arc(arc))
    settings = dataclasses.replace(
      self._experiment.run, mode=mode, output_dir=str(self._folder)
    )
    experiment = dataclasses.replace(
      self._experiment, run=settings, fixed_arc=fixed
    )
    experiments.check_mode(experiment)
    folder = run_folder.open_run(experiment)
    parts.experiment = experiment
    stop = stopping.Interrupt()
    run = runs.Run(folder, experiment, self._terminal(), stop, self._callbacks)
    try:
      with stop.installed(), parts.task.reading():
        yield parts, run
    finally:
      run_folder.bring_back(folder)
      # What was asked for once, such as a fresh start, is done: after an
      # interrupt, too, or the next call would delete what this one saved.
      once = experiments.of_command(self._experiment)
      self._experiment = dataclasses.replace(
        self._experiment,
        run=dataclasses.replace(self._experiment.run, **once),
      )


def _folder(
  output_dir: str | os.PathLike[str] | None,
  space: str | None,
  given: Mapping[str, Any],
) -> pathlib.Path:
  if output_dir is not None:
    return run_folder.absolute(os.fspath(output_dir))
  return run_folder.default(space, given)


def _experiment(
  folder: pathlib.Path, space: str | None, given: dict[str, Any]
) -> base.Experiment:
  """Returns the settings, those of the run in the folder among them."""
  recorded = None
  if not given.get("reset_output_dir"):
    recorded = run_folder.recorded_config(folder)
  given = given | {"output_dir": str(folder)}
  given.setdefault("mode", "search")
  return experiments.go_on(recorded, space, given)
