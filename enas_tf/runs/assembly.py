"""The parts of an experiment, put together; each is built when it is needed."""

import dataclasses
import functools
import hashlib
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from enas_tf import errors, seeds, sources
from enas_tf import registry as registries
from enas_tf.controllers import base as controllers
from enas_tf.controllers import (
  child_arcs,
  generic_policy,
  registry,
  warm_start,
)
from enas_tf.controllers import policy as policies
from enas_tf.evaluators import (
  averaged,
  cached,
  function,
  goals,
  shared_weights,
  surrogate,
)
from enas_tf.evaluators import base as evaluators
from enas_tf.evaluators import registry as evaluator_words
from enas_tf.recipes import base, experiments, searched
from enas_tf.runs import costs, memory, of_arc
from enas_tf.settings import data as data_settings
from enas_tf.spaces import base as spaces
from enas_tf.tasks import base as tasks
from enas_tf.training import schedules, trainer

FINAL_FOLDER = "final"
_TASKS = {
  data_settings.ImageData: "enas_tf.tasks.images:ImageClassification",
  data_settings.TextData: "enas_tf.tasks.language:LanguageModelling",
}


class SearchParts(NamedTuple):
  """The parts that a search turns, built and not yet restored.

  Attributes:
    controller: proposes arcs.
    child: trains the shared weights; None where there are none.
    child_arcs: says who proposes what they are trained on.
    evaluator: scores arcs.
    child_steps: gradient steps of an epoch; 0 where no weights are shared.
    fingerprint: the settings that a checkpoint of these parts depends on.
  """

  controller: controllers.Controller
  child: trainer.Trainer | None
  child_arcs: child_arcs.ChildArcs
  evaluator: evaluators.Evaluator
  child_steps: int
  fingerprint: dict[str, Any]


class Assembly:
  """What the verbs work with.

  Args:
    experiment: the settings.
    source: the data that a program hands over, by the arguments of
      `Task.source`; None for those that the settings name.
    score: a function from an arc to its score, which then takes the place of
      shared weights; None for shared weights.

  Attributes:
    experiment: the settings.
    source: the data that a program hands over, as it was given, or None.
    task: what is to be learned.
    tasks: it, and what else it is by other settings of the data.
    parts: the recipe's: space, policy, networks.
  """

  def __init__(
    self,
    experiment: base.Experiment,
    source: Any = None,
    score: Callable[[Any], Any] | None = None,
  ) -> None:
    self.experiment = experiment
    self.source = source
    self._score = score
    recipe = base.get(experiment.run.search_for)
    task = registries.imported(recipe.task or _TASKS[type(recipe.data)])
    if source is not None:
      source = task.source(**source)
    self.task: tasks.Task = task(experiment.data, source)
    self.tasks = {experiment.data: self.task}
    self.parts: base.Parts = registries.imported(recipe.parts)(
      experiment, self.task
    )

  @property
  def space(self) -> spaces.Space:
    """The space that is searched."""
    return searched.space_of(self.experiment, self.parts.space)

  @property
  def final_space(self) -> spaces.Space:
    """The space of the arcs that can be trained."""
    return searched.space_of(self.experiment, self.parts.final_space)

  @functools.cached_property
  def limits(self) -> goals.Limits:
    """What the final child of an arc may cost."""
    return costs.limits(self)

  def seed(self, consumer: str) -> int:
    """Returns the seed of a consumer of random numbers, by its name.

    They are "supernet", "policy" and "final child", the networks; "proposals"
    and "child arcs"; "surrogate";
    "search batches", "reward batches" and "final batches".

    Args:
      consumer: the name.
    """
    return seeds.derive(self.experiment.run.seed, consumer)

  def final_folder(
    self, run_folder: pathlib.Path, arc: spaces.Arc
  ) -> pathlib.Path:
    """Returns where the final child of an arc is trained.

    Args:
      run_folder: the folder of the run.
      arc: of the child.
    """
    digest = hashlib.sha256(str(arc).encode()).hexdigest()[:8]
    return run_folder / FINAL_FOLDER / f"{self.final_space.name}-{digest}"

  @functools.cached_property
  def search(self) -> SearchParts:
    """The parts of the search; deriving goes on with those of a search.

    Raises:
      ConfigError: if they would not fit into the memory.
    """
    self._check_controller()
    if self.experiment.evaluation.kind == "shared_weights":
      return self._search_by_shared_weights()
    evaluator = self._wrapped(self._make_evaluator())
    controller = self.make_controller()
    fingerprint = self._fingerprint()
    if self.experiment.evaluation.kind == "from_scratch":
      final = experiments.fixed(self.experiment.final, "final_")
      fingerprint |= final | self.task.fingerprint()
    _check_gradients(controller, self.experiment.evaluation.kind)
    return SearchParts(
      controller=controller,
      child=None,
      child_arcs=child_arcs.ChildArcs(controller),
      evaluator=evaluator,
      child_steps=0,
      fingerprint=fingerprint,
    )

  def _make_evaluator(self) -> evaluators.Evaluator:
    """Returns what scores arcs without shared weights."""
    word = self.experiment.evaluation.kind
    if word == "function":
      return self._function()
    if word == "from_scratch":
      from enas_tf.runs import children  # It imports this module.

      return children.make_evaluator(self)
    values = experiments.values(self.experiment)
    return evaluator_words.EVALUATORS[word].from_settings(values, self.space)

  def _wrapped(self, evaluator: evaluators.Evaluator) -> evaluators.Evaluator:
    """Returns an evaluator within what saves it work, or repeats it."""
    settings, space = self.experiment.evaluation, self.space
    if settings.num_seeds > 1:
      evaluator = averaged.Averaged(evaluator, settings.num_seeds)
    evaluator = costs.around(self, evaluator)
    if settings.cached:
      evaluator = cached.Cached(evaluator, space)
    if settings.surrogate != "none":
      evaluator = surrogate.Surrogate(
        evaluator,
        space,
        settings.surrogate,
        start=settings.surrogate_start,
        every=settings.surrogate_every,
        seed=self.seed("surrogate"),
      )
    return evaluator

  def _function(self) -> function.FunctionEvaluator:
    if self._score is None:
      raise errors.ConfigError(
        "A function of a program scores the arcs of this search: give it, by "
        "enas_tf.Search(evaluator=..., output_dir=...), or another "
        "`output_dir`. Received: evaluator=function"
      )
    return function.FunctionEvaluator(self.space, self._score)

  @property
  def reward_settings(self) -> Any:
    """The settings of the search, with the batch size of its rewards."""
    settings, evaluation = self.experiment.search, self.experiment.evaluation
    size = settings.batch_size
    if evaluation.batch == "common":  # Else it is as in the original.
      size = max(size, self.task.min_reward_batch)
    size = evaluation.batch_size or size
    return dataclasses.replace(settings, batch_size=size)

  def _reward_stream(self) -> tasks.Stream:
    """Returns the batches of rewards; an error names the setting of theirs."""
    try:
      return self.task.reward_stream(
        self.reward_settings, self.seed("reward batches")
      )
    except errors.DataError as error:
      if self.experiment.evaluation.batch_size is None:
        raise
      text = str(error).replace("batch_size", "evaluator_batch_size")
      raise errors.DataError(text) from error

  def _search_by_shared_weights(self) -> SearchParts:
    settings, evaluation = self.experiment.search, self.experiment.evaluation
    memory.check(
      self.parts.least_weights(settings, is_shared=True),
      "The shared weights",
      settings,
    )
    supernet = self.parts.make_supernet(self.seed("supernet"))
    task_steps = self.task.steps(settings, supernet)
    steps_per_epoch = self.task.steps_per_epoch(settings)
    controller = self.make_controller()
    return SearchParts(
      child=trainer.Trainer(
        supernet,
        task_steps,
        self.task.train_stream(settings, self.seed("search batches")),
        self.parts.make_optimizer(
          supernet,
          settings,
          schedules.from_settings(settings, steps_per_epoch),
        ),
        batch_size=settings.batch_size,
      ),
      evaluator=costs.around(
        self,
        shared_weights.SharedWeights(
          supernet,
          task_steps,
          self._reward_stream(),
          self.task.reward(self.experiment.controller),
          with_gradients=controller.needs_gradients,
          has_common_batch=evaluation.batch == "common",
        ),
      ),
      controller=controller,
      child_arcs=child_arcs.ChildArcs(
        controller,
        evaluation.child_sampling,
        evaluation.child_warmup_epochs,
        self.seed("child arcs"),
      ),
      child_steps=steps_per_epoch,
      fingerprint=self._fingerprint()
      | self.task.fingerprint()
      # The size that was taken, whoever said so.
      | {"evaluator_batch_size": self.reward_settings.batch_size},
    )

  def make_controller(self) -> controllers.Controller:
    """Returns the controller that the settings ask for."""
    settings = self.experiment.controller
    controller = registry.CONTROLLERS[settings.kind].from_settings(
      settings, self.space, self.make_policy, self.seed("proposals")
    )
    if self.limits:
      controller.is_allowed = self.limits.allow
    if settings.warm_start:
      return warm_start.WarmStart(controller, settings.warm_start_arcs)
    return controller

  def make_policy(self) -> policies.Policy:
    """Returns the policy of a controller that learns one."""
    controller, seed = self.experiment.controller, self.seed("policy")
    settings = policies.PolicySettings(
      lstm_size=controller.lstm_size,
      num_layers=controller.num_layers,
      tanh_constant=controller.tanh_constant,
      temperature=controller.temperature,
      faithful=getattr(self.experiment.search, "faithful", False),
    )
    policy = None
    if controller.policy == "paper" and self.space is self.parts.space:
      policy = self.parts.make_policy(settings, seed)
    if policy is None:
      policy = generic_policy.GenericPolicy(self.space, settings, seed=seed)
    return policy

  def _fingerprint(self) -> dict[str, Any]:
    experiment = self.experiment
    return {
      "space": self.space.name,
      "seed": experiment.run.seed,
      **experiments.fixed(experiment.search, "child_"),
      **experiments.fixed(experiment.controller),
      **experiments.fixed(experiment.evaluation),
      **self.parts.fingerprint(),
      **searched.fingerprint(experiment),
    }

  def compiled_child(self, arc: spaces.Arc) -> keras.Model:
    """Returns the final child of an arc, for a program to train.

    Args:
      arc: of `final_space`.
    """
    own = of_arc.parts(self, arc)
    if own is not self:
      return own.compiled_child(of_arc.structure(arc))
    settings = self.experiment.final
    steps = self.task.steps_per_epoch(settings, final=True)
    child = self.parts.make_child(
      arc, self.seed("final child"), steps * settings.num_epochs
    )
    schedule = schedules.from_settings(settings, steps)
    return self.task.compiled(self.parts.inference(child), settings, schedule)

  def parsed(self, arc: Any) -> spaces.Arc:
    """Returns an arc that a program names, with the settings that it may have.

    Args:
      arc: itself, its text or its integers.
    """
    given = dataclasses.replace(self.experiment, fixed_arc=str(arc))
    space = searched.space_of(given, self.parts.final_space)
    return sources.parsed(space, arc)

  def check_final(self) -> None:
    """Raises ConfigError if the final child would not fit into the memory."""
    settings = self.experiment.final
    memory.check(
      self.parts.least_weights(settings, is_shared=False),
      "The final child",
      settings,
    )

  def _check_controller(self) -> None:
    settings = self.experiment.controller
    memory.check(
      8 * settings.num_layers * settings.lstm_size**2,
      "The controller",
      settings,
      ("lstm_size", "num_layers"),
    )


def _check_gradients(controller: controllers.Controller, word: str) -> None:
  """Refuses an evaluator of ours that gives a controller no gradients."""
  if controller.needs_gradients and evaluator_words.EVALUATORS.is_ours(word):
    raise errors.ConfigError(
      "The controller learns from the gradients of shared weights: set "
      f"`evaluator=shared_weights`, or another `controller`. Received: "
      f"controller={type(controller).__name__}, evaluator={word}"
    )
