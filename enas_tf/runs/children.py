"""Children that are trained from the beginning, in processes of their own."""

import os
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from enas_tf import errors, trials
from enas_tf.data import arrays, files
from enas_tf.distributed import base as engines
from enas_tf.distributed import pool
from enas_tf.evaluators import from_scratch, pruning
from enas_tf.layers import operations
from enas_tf.recipes import experiments
from enas_tf.runs import assembly, child_training, of_arc
from enas_tf.spaces import base as spaces

VALID, TEST = "valid", "test"
_FACTORY = "enas_tf.runs.children:make_worker"
# Of the memory of the machine, for all workers; the rest is the search's.
_MEMORY = 0.9


class Job(NamedTuple):
  """The training of a child, and what it is scored on.

  Attributes:
    arc: the integers of its decisions, in the final space.
    seed: number of its seed: children of one number begin with the same random
      numbers, and see the same batches.
    epochs: of its training; the schedule of the learning rate is scaled.
    fraction: of the training batches of an epoch, in (0, 1].
    split: "valid", then it is trained on the training split and scored on the
      validation split; or "test", then it is trained on all data that a final
      child is trained on, and scored on the test split.
    reports: whether it reports (epoch, metric on the validation split) after
      each epoch; one that is scored on the test split cannot.
  """

  arc: tuple[int, ...]
  seed: int = 0
  epochs: int = 1
  fraction: float = 1.0
  split: str = VALID
  reports: bool = False


class Common(NamedTuple):
  """What all workers are told.

  Attributes:
    values: all settings, by their public names.
    source: the data that a program hands over, see `assembly.Assembly`; or
      None.
    operations: the names of those that the program knows.
  """

  values: dict[str, Any]
  source: dict[str, Any] | None
  operations: tuple[str, ...]


class Scored(NamedTuple):
  """A child that was trained and scored.

  Attributes:
    place: of its arc, among those that were asked for.
    seed: number of its seed.
    score: the task's metric; None if it failed.
    reason: why it failed, or None.
    seconds: that it took.
  """

  place: int
  seed: int
  score: float | None
  reason: str | None
  seconds: float


def make_evaluator(parts: assembly.Assembly) -> from_scratch.FromScratch:
  """Returns what scores the arcs of a search by trainings of their own.

  Args:
    parts: of the run.

  Raises:
    ConfigError: if its pruner is not installed.
  """
  of_arc.check(parts)
  settings = parts.experiment.evaluation
  is_watched = settings.pruner != "none"
  pruner = None
  if is_watched:
    pruner = pruning.make(settings.pruner, settings.child_epochs)

  def make_job(proposal: trials.Proposal) -> Job:
    return Job(
      proposal.arc,
      proposal.repeat,
      settings.child_epochs,
      settings.fraction,
      reports=is_watched,
    )

  return from_scratch.FromScratch(
    make_engine(parts),
    make_job,
    parts.task.metric.name,
    parts.task.reward(parts.experiment.controller),
    pruner,
  )


def make_worker(common: Common) -> Callable[..., dict[str, float]]:
  """Returns what trains children in a worker: work(job, report) -> scores.

  Data are read once, when the first child needs them.

  Args:
    common: what all workers are told.

  Raises:
    WorkerError: if a worker does not know an operation or the like.
  """
  from enas_tf.runs import verbs

  try:
    experiment = experiments.from_values(common.values)
    for name in set(common.operations).difference(operations.names()):
      if name in getattr(experiment.final, "ops", ()):
        operations.get(name)  # It says that there is none.
  except errors.ConfigError as error:
    raise errors.WorkerError(
      "A worker does not know all that the program knows: what a program "
      "registers, such as operations, must stand in a file, above its `if "
      f'__name__ == "__main__":` and outside of functions. Received: {error}'
    ) from error
  verbs.prepare(experiment)
  parts = assembly.Assembly(experiment, common.source)

  def work(job: Job, report: Callable[[Any], bool]) -> dict[str, float]:
    with parts.task.reading():
      return train(parts, job, report)

  return work


def train(
  parts: assembly.Assembly,
  job: Job,
  report: Callable[[tuple[int, float]], bool] = lambda _: True,
) -> dict[str, float]:
  """Trains a child, and returns its scores: the task's metric by its name.

  It is built and trained by the settings of the final child, but for the epochs
  and their share of the batches; nothing is written.

  Args:
    parts: of the run.
    job: the child.
    report: is told (epoch, metric) where the job says so; whether to go on.

  Raises:
    DivergenceError: if a loss or a weight is not finite.
  """
  arc = parts.final_space.decode(job.arc)
  own = of_arc.parts(parts, arc)
  trained = child_training.ChildTraining(
    own,
    of_arc.structure(arc),
    seed=job.seed,
    epochs=job.epochs,
    fraction=job.fraction,
    is_final=job.split == TEST,
    report=report if job.reports else None,
  )
  with own.task.reading():
    return {parts.task.metric.name: trained.run()}


def make_engine(parts: assembly.Assembly) -> pool.Pool:
  """Returns the workers of a run, which start when they are first needed.

  Whoever asks for them closes them.

  Args:
    parts: of the run.
  """
  settings = parts.experiment.evaluation
  minutes, num_workers = settings.worker_minutes, settings.num_workers
  gpus = _gpus()
  num_threads = max(1, len(os.sched_getaffinity(0)) // num_workers)

  def environment(slot: int) -> dict[str, str]:
    names = (
      "OMP_NUM_THREADS",
      "TF_NUM_INTEROP_THREADS",
      "TF_NUM_INTRAOP_THREADS",
    )
    found = dict.fromkeys(names, str(num_threads))
    found["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    if gpus:
      found["CUDA_VISIBLE_DEVICES"] = gpus[slot % len(gpus)]
    return found

  return pool.Pool(
    _FACTORY,
    Common(
      experiments.values(parts.experiment),
      _in_memory(parts.source),
      operations.names(),
    ),
    num_workers=num_workers,
    environment=environment,
    max_jobs=settings.worker_children,
    max_seconds=None if minutes is None else 60 * minutes,
    max_bytes=int(_MEMORY * files.memory() / num_workers),
  )


def _gpus() -> list[str]:
  """Returns the names of the GPUs."""
  found = tf.config.list_physical_devices("GPU")
  names = os.environ.get("CUDA_VISIBLE_DEVICES")
  return names.split(",") if names else [str(i) for i in range(len(found))]


def _in_memory(source: dict[str, Any] | None) -> dict[str, Any] | None:
  """Returns data that can be sent to others."""
  if source is None:
    return None
  return {
    name: arrays.from_dataset(value, f"the arrays ({name})")
    if isinstance(value, tf.data.Dataset)
    else value
    for name, value in source.items()
  }


def score_arcs(
  parts: assembly.Assembly,
  engine: engines.Engine,
  arcs: Sequence[Any] | np.ndarray,
  *,
  epochs: int,
  seeds: Sequence[int] = (0,),
  fraction: float = 1.0,
  split: str = VALID,
  skip: Container[tuple[int, int]] = (),
  on_report: Callable[[int, int, int, float], bool] | None = None,
  stop: Callable[[], bool] = lambda: False,
) -> Iterator[Scored]:
  """Yields the score of each arc and seed, as soon as it is known.

  Args:
    parts: of the run.
    engine: of `make_engine`.
    arcs: of the final space, as arcs or rows of integers.
    epochs: of each training.
    seeds: numbers of seeds; each arc is trained with each.
    fraction: see `Job`.
    split: see `Job`.
    skip: pairs (place of the arc, seed) that are known already.
    on_report: is told (place of the arc, seed, epoch, metric on the validation
      split) after each epoch, and answers whether that child goes on. One that
      does not is scored as it is. None: nobody wants to know.
    stop: is asked again and again whether the rest is given up.

  Raises:
    WorkerError: if workers cannot start.
  """
  rows = [_row(parts.final_space, arc) for arc in arcs]
  # By seeds, so that after half of the time each arc has some score.
  pairs = [
    (place, seed)
    for seed in seeds
    for place in range(len(rows))
    if (place, seed) not in skip
  ]
  jobs = [
    engines.Job(
      number,
      Job(rows[place], seed, epochs, fraction, split, on_report is not None),
    )
    for number, (place, seed) in enumerate(pairs)
  ]

  def heard(number: int, value: tuple[int, float]) -> bool:
    return on_report is None or on_report(*pairs[number], *value)

  for result in engine.run(jobs, heard, stop):
    score = None
    if result.reason is None:
      score = result.value[parts.task.metric.name]
    yield Scored(*pairs[result.number], score, result.reason, result.seconds)


def _row(space: spaces.Space, arc: Any) -> tuple[int, ...]:
  """Returns the integers of an arc, or of a row of them."""
  is_row = isinstance(arc, np.ndarray | list | tuple)
  return tuple(map(int, arc if is_row else space.encode(arc)))
