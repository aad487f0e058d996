"""Trains the final child of an arc from the beginning."""

from typing import Any

import keras

from enas_tf import checkpoints, errors
from enas_tf.recipes import base
from enas_tf.runs import (
  assembly,
  derive,
  fit,
  image_training,
  of_arc,
  rnn_training,
  search,
)
from enas_tf.runs import run as runs
from enas_tf.settings import fields
from enas_tf.spaces import base as spaces
from enas_tf.training import averaging, measuring, schedules, trainer

_SUPERNET_PREFIX = "supernet/"


def run(parts: assembly.Assembly, run: runs.Run) -> None:
  """Trains the arc of `child_fixed_arc`, or the one that was derived.

  Args:
    parts: the parts of the run.
    run: the run: its folder, its settings, whom it tells.
  """
  arc = derive.best_arc(parts, run.folder)
  derive.say_if_outdated(run)
  own = of_arc.parts(parts, arc)
  own.check_final()
  size = own.parts.child_size(of_arc.structure(arc))
  run.terminal.say(
    f"Training the child of {arc}: {size.parameters:,} parameters, "
    f"{size.multiply_adds:,} multiply-adds."
  )
  with own.task.reading(), of_arc.explained(arc):
    (_by_fit if parts.task.uses_fit else _by_steps)(own, arc, run)


def _by_fit(parts: assembly.Assembly, arc: spaces.Arc, run: runs.Run) -> None:
  """Trains by Keras `fit`."""
  arguments, model, stream = _common(parts, arc, run)
  training = image_training.Training(model, stream, **arguments)
  epochs = training.run()
  trained = parts.parts.inference(model)
  folder, description = arguments["folder"], arguments["description"]
  fit.finish(trained, description, folder, epochs)


def _by_steps(parts: assembly.Assembly, arc: spaces.Arc, run: runs.Run) -> None:
  """Trains by the steps of the task, as a supernet is trained."""
  arguments, model, stream = _common(parts, arc, run)
  task, settings = parts.task, parts.experiment.final
  average = averaging.AveragedWeights(
    [v.value for v in model.trainable_variables], settings.average_after
  )
  steps = task.steps(settings, model)
  schedule = schedules.from_settings(settings, arguments["steps_per_epoch"])
  training = rnn_training.Training(
    model,
    trainer.Trainer(
      model,
      steps,
      stream,
      parts.parts.make_optimizer(model, settings, schedule),
      batch_size=settings.batch_size,
      average=average,
    ),
    average,
    **arguments,
  )
  measurement = measuring.Measurement(model, steps)
  training.run(
    lambda: measurement.score(task.valid_batches(settings, final=True))
  )


def _common(
  parts: assembly.Assembly, arc: spaces.Arc, run: runs.Run
) -> tuple[dict[str, Any], keras.Model, Any]:
  """Returns the arguments of any training, the child and its batches."""
  task, settings = parts.task, parts.experiment.final
  seed = parts.seed("final batches")
  # So that a batch that does not fit is refused at once.
  stream = task.train_stream(settings, seed, final=True)
  steps = task.steps_per_epoch(settings, final=True)
  arguments = {
    "steps_per_epoch": steps,
    "description": task.description(arc),
    "settings": settings,
    "folder": parts.final_folder(run.folder, arc),
    "run": run,
  }
  structure = of_arc.structure(arc)
  model = parts.parts.make_child(
    structure, parts.seed("final child"), steps * settings.num_epochs
  )
  is_new = not checkpoints.steps(arguments["folder"] / "checkpoints")
  if settings.init == "supernet" and is_new:
    _inherit(parts, model, structure, run)
  return arguments, model, stream


def _inherit(
  parts: assembly.Assembly, model: keras.Model, arc: spaces.Arc, run: runs.Run
) -> None:
  """Copies the shared weights of the run's search into a child."""
  for field in fields.each(parts.experiment.final):
    if fields.of(field).of_arc:
      _check_alike(parts.experiment, field.name)
  search.restore(parts, run.folder)
  child = parts.search.child
  if child is None:
    raise errors.ConfigError(
      "The search of this run shares no weights: leave `child_init` out. "
      "Received: child_init=supernet"
    )
  variables = {
    name.removeprefix(_SUPERNET_PREFIX): value
    for name, value in child.state().items()
    if name.startswith(_SUPERNET_PREFIX)
  }
  copied = parts.parts.inherit(model, arc, variables)
  run.terminal.say(
    f"The child starts with {copied} of {len(model.trainable_variables)} "
    "variables from the shared weights."
  )


def _check_alike(experiment: base.Experiment, name: str) -> None:
  """Raises ConfigError unless child and supernet agree in a setting."""
  ours, theirs = (
    getattr(x, name) for x in (experiment.final, experiment.search)
  )
  if ours != theirs:
    raise errors.ConfigError(
      "The child and the supernet must have the same operations, in the same "
      f"order, and be of one size: correct `child_{name}`, or give "
      f"`child_init=random`. Received: child_{name}={_shown(ours)}, the "
      f"supernet's {_shown(theirs)}"
    )


def _shown(value: Any) -> str:
  return ",".join(value) if isinstance(value, tuple) else str(value)
