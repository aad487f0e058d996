"""What a recipe is: the settings that a search begins with, and its parts.

A recipe loads no TensorFlow; its parts do, and are imported when they are built
for the first time.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from enas_tf import errors
from enas_tf.settings import evaluation as evaluations
from enas_tf.settings import fields
from enas_tf.settings import run as runs

if TYPE_CHECKING:
  import keras
  import numpy as np

  from enas_tf.controllers import policy as policies
  from enas_tf.spaces import base as spaces
  from enas_tf.tasks import base as tasks
  from enas_tf.training import trainer

# A class of `Parts`, or "module:class".
PartsOf = Callable[["Experiment", Any], "Parts[Any]"] | str


@dataclasses.dataclass(frozen=True)
class Recipe:
  """What a word of `search_for` stands for.

  Attributes:
    name: the word.
    help: what is searched, as a phrase.
    data: the settings of the data; their type says which task it is.
    search: those of the supernet and its training.
    final: those of the final child and its training.
    controller: those of the controller.
    parts: the class of its parts, or where it can be imported from.
    task: the class of its task, or where it can be imported from; None is what
      suits the type of `data`.
    evaluation: how arcs are scored.
    faithful: what `faithful=True` begins with instead, by public names.
    modes: what can be done; a space without networks has nothing to train.
  """

  name: str
  help: str
  data: Any
  search: Any
  final: Any
  controller: Any
  parts: PartsOf
  task: Callable[..., tasks.Task] | str | None = None
  evaluation: Any = evaluations.Evaluation()
  faithful: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  modes: tuple[str, ...] = runs.MODES

  @property
  def experiment(self) -> Experiment:
    """The settings that a search begins with."""
    return Experiment(
      run=runs.RunSettings(search_for=self.name),
      data=self.data,
      search=self.search,
      final=self.final,
      controller=self.controller,
      evaluation=self.evaluation,
    )


@dataclasses.dataclass(frozen=True)
class Experiment:
  """Everything that a verb is handed.

  Attributes:
    run: what is done and where it goes.
    data: the images or the text.
    search: the supernet and its training.
    final: the final child and its training.
    controller: who proposes arcs, and how it learns.
    evaluation: how arcs are scored.
    fixed_arc: the arc to train, evaluate or export, as text; None takes the
      one that the search in `run.output_dir` found.
  """

  run: runs.RunSettings
  data: Any
  search: Any
  final: Any
  controller: Any
  evaluation: Any = evaluations.Evaluation()
  fixed_arc: str | None = None

  def section(self, name: str) -> fields.Settings:
    """Returns the settings of a section.

    Args:
      name: one of `SECTIONS`.
    """
    return getattr(self, name)


SECTIONS = ("run", "data", "search", "final", "controller", "evaluation")


class Size(NamedTuple):
  """How large a child is.

  Attributes:
    parameters: trainable ones.
    multiply_adds: for one example.
  """

  parameters: int
  multiply_adds: int


# What the arcs of a space are.
AnyArc = TypeVar("AnyArc", bound="spaces.Arc")


class Parts(abc.ABC, Generic[AnyArc]):
  """The space, the policy and the networks of an experiment.

  A subclass says by class-level annotations which spaces and task it has.

  Args:
    experiment: the settings.
    task: what is to be learned.

  Attributes:
    experiment: the settings.
    task: what is to be learned.
    space: the space of the arcs.
    final_space: that of the arcs that can be trained.
  """

  task: tasks.Task
  space: spaces.Space
  final_space: spaces.Space

  def __init__(self, experiment: Experiment, task: tasks.Task) -> None:
    self.experiment = experiment
    self.task = task

  def make_policy(
    self, settings: policies.PolicySettings, seed: int
  ) -> policies.Policy | None:
    """Returns the paper's policy of the space; None if there is none.

    Args:
      settings: what all policies have.
      seed: of its weights.
    """
    del settings, seed
    return None

  @abc.abstractmethod
  def make_supernet(self, seed: int) -> keras.Model:
    """Returns the supernet, with random weights.

    Args:
      seed: of its weights.
    """

  @abc.abstractmethod
  def make_child(self, arc: AnyArc, seed: int, total_steps: int) -> keras.Model:
    """Returns the final child of an arc, with random weights.

    Args:
      arc: of `final_space`.
      seed: of the initial weights and the dropouts.
      total_steps: gradient steps of its training.
    """

  @abc.abstractmethod
  def make_optimizer(
    self, network: keras.Model, settings: Any, schedule: Any
  ) -> trainer.Optimizer:
    """Returns what takes the gradient steps of a supernet, or of a child.

    Args:
      network: the supernet, or a child that is not trained by Keras `fit`.
      settings: of its training.
      schedule: learning rate as a function of the step.
    """

  def inference(self, child: keras.Model) -> keras.Model:
    """Returns a child without what only its training needs.

    Args:
      child: of `make_child`.
    """
    return child

  def inherit(
    self,
    child: keras.Model,
    arc: AnyArc,
    variables: Mapping[str, np.ndarray],
  ) -> int:
    """Copies shared weights into a child; returns into how many variables.

    Args:
      child: of `make_child`.
      arc: its arc.
      variables: those of the supernet, by their paths.

    Raises:
      ConfigError: if children of this space cannot begin so.
    """
    raise errors.ConfigError(
      "A child of this space begins with random weights: leave `child_init` "
      "out. Received: child_init=supernet"
    )

  @abc.abstractmethod
  def child_size(self, arc: AnyArc) -> Size:
    """Returns how large the final child of an arc is.

    Args:
      arc: of `final_space`.
    """

  def fingerprint(self) -> dict[str, Any]:
    """Returns what else tells the arcs' scores from others, as JSON.

    A search goes on with the same alone.
    """
    return {}

  def least_weights(self, settings: Any, is_shared: bool) -> int:
    """Returns how many weights a supernet, or else a child, has at least.

    Args:
      settings: of the network.
      is_shared: whether it is the supernet.
    """
    del settings, is_shared
    return 0


def register(recipe: Recipe) -> None:
  """Makes a search space known, by its recipe.

  Its settings become flags and keyword arguments, its name a word of
  `search_for`.

  >>> import dataclasses
  >>> from enas_tf.recipes import base
  >>> mine = dataclasses.replace(base.get("micro"), name="mine")
  >>> register_recipe(mine)
  >>> enas_tf.Search("mine", output_dir=folder).settings["child_num_cells"]
  5
  >>> base.forget("mine")

  Args:
    recipe: of the space.

  Raises:
    ConfigError: if there is a recipe of that name, or one of its settings has
      the public name of another one of another type.
  """
  runs.SPACES.register(recipe.name, recipe)


def forget(name: str) -> None:
  """Undoes `register`.

  Args:
    name: of the recipe.
  """
  runs.SPACES.remove(name)


def get(name: str) -> Recipe:
  """Returns the recipe of a space.

  Args:
    name: a word of `search_for`.
  """
  return runs.SPACES[name]


def every() -> list[Recipe]:
  """Returns all recipes, in the order of their registration."""
  return [runs.SPACES[name] for name in runs.SPACES]
