"""What the verbs need to know of a search space, and no more.

A space becomes searchable by a subclass of `Family` and a line in
`families.FAMILIES`; the verbs stay as they are.
"""

import abc
import dataclasses
import functools
import hashlib
import pathlib
from typing import Any, NamedTuple

import keras

from enas_tf import config, errors, seeds
from enas_tf.controllers import base as controllers
from enas_tf.controllers import policy as policies
from enas_tf.controllers import registry
from enas_tf.data import files
from enas_tf.evaluators import base as evaluators
from enas_tf.runs import run as runs
from enas_tf.spaces import base as spaces

FINAL_FOLDER = "final"
_BYTES_PER_WEIGHT = 12  # Itself, its momentum and its gradient.


class SearchParts(NamedTuple):
  """The parts that a search turns, built and not yet restored.

  Attributes:
    controller: proposes arcs.
    child: trains the shared weights; has `run`, `flush` and `state`.
    evaluator: rewards arcs.
    child_steps: child steps in an epoch.
    fingerprint: the settings that a checkpoint of these parts depends on.
  """

  controller: controllers.Controller
  child: Any
  evaluator: evaluators.Evaluator
  child_steps: int
  fingerprint: dict[str, Any]


class Size(NamedTuple):
  """How large a child is.

  Attributes:
    parameters: trainable ones.
    multiply_adds: for one example.
  """

  parameters: int
  multiply_adds: int


def fixed_settings(prefix: str, settings) -> dict[str, Any]:
  """Returns the settings that must stay when a training goes on.

  Args:
    prefix: of their names.
    settings: a dataclass that says which ones are `changeable`.
  """
  return {
    f"{prefix}{name}": value
    for name, value in dataclasses.asdict(settings).items()
    if name not in settings.changeable
  }


class Family(abc.ABC):
  """A search space with its networks, policy and data.

  Args:
    experiment: the settings.

  Attributes:
    space: the space of the arcs.
    final_space: that of the arcs that can be trained.
  """

  space: spaces.Space
  final_space: spaces.Space

  def __init__(self, experiment: config.ExperimentConfig):
    self.experiment = experiment

  @abc.abstractmethod
  def make_policy(self) -> policies.Policy:
    """Returns the policy of the space, with random weights."""

  def make_controller(self) -> controllers.Controller:
    """Returns the controller that the settings ask for."""
    settings = self.experiment.controller
    return registry.CONTROLLERS[settings.kind].from_settings(
      settings, self.space, self.make_policy, self.seed("proposals")
    )

  def seed(self, consumer: str) -> int:
    """Returns the seed of a consumer of random numbers, by its name.

    They are "supernet", "policy" and "final child", the networks; "proposals";
    "search batches", "reward batches" and "final batches".
    """
    return seeds.derive(self.experiment.run.seed, consumer)

  def fingerprint(self) -> dict[str, Any]:
    """Returns the settings that a checkpoint of a search depends on."""
    return {
      "space": self.space.name,
      "seed": self.experiment.run.seed,
      **fixed_settings("child_", self.experiment.search),
      **fixed_settings("controller_", self.experiment.controller),
    }

  def final_folder(self, run_folder: pathlib.Path, arc: spaces.Arc):
    """Returns where the final child of an arc is trained."""
    digest = hashlib.sha256(str(arc).encode()).hexdigest()[:8]
    return run_folder / FINAL_FOLDER / f"{self.final_space.name}-{digest}"

  @functools.cached_property
  def parts(self) -> SearchParts:
    """The parts of the search; deriving goes on with those of a search.

    Raises:
      ConfigError: if they would not fit into the memory.
    """
    controller = self.experiment.controller
    _check_memory(
      self.least_weights(self.experiment.search, is_shared=True),
      "The shared weights",
      _sizes_of(self.experiment.search),
    )
    names = ("lstm_size", "num_layers")
    _check_memory(
      8 * controller.num_layers * controller.lstm_size**2,
      "The controller",
      {f"controller_{name}": getattr(controller, name) for name in names},
    )
    return self.search_parts()

  def check_final(self) -> None:
    """Raises ConfigError if the final child would not fit into the memory."""
    _check_memory(
      self.least_weights(self.experiment.final, is_shared=False),
      "The final child",
      _sizes_of(self.experiment.final, of_final="final_"),
    )

  @abc.abstractmethod
  def least_weights(self, child: config.ChildConfig, is_shared: bool) -> int:
    """Returns how many weights a supernet, or else a child, has at least."""

  @abc.abstractmethod
  def search_parts(self) -> SearchParts:
    """Builds what a search needs, and loads its data."""

  @abc.abstractmethod
  def rank(self, parts: SearchParts, arcs) -> list[dict[str, Any]]:
    """Returns the best arcs of int32 [n, num_decisions], best first.

    Each is a dict of "arc" (an Arc) and its scores, on the whole validation
    split and on the batch that pre-ranked it, by names of `report.tables`.
    """

  @abc.abstractmethod
  def child_size(self, arc) -> Size:
    """Returns how large the final child of an arc is."""

  @abc.abstractmethod
  def train(self, arc: spaces.Arc, run: runs.Run) -> None:
    """Trains the final child of an arc and saves it in the run's folder."""

  @abc.abstractmethod
  def import_child(
    self, arc, checkpoint: str
  ) -> tuple[keras.Model, dict[str, Any]]:
    """Returns a final child of the original, and what describes it.

    Args:
      arc: the arc.
      checkpoint: the path of its TF1 checkpoint.
    """

  @abc.abstractmethod
  def describes(self, model: keras.Model, description: dict) -> bool:
    """Returns whether a description read from a file is one of a child.

    A LookupError, TypeError, ValueError or re.error says no, too.
    """

  @abc.abstractmethod
  def evaluate(self, model: keras.Model, description: dict) -> dict[str, Any]:
    """Returns the test results of a trained child."""

  @abc.abstractmethod
  def summary(self, results: dict[str, Any]) -> str:
    """Returns a sentence that says the test results."""

  @abc.abstractmethod
  def export(self, model: keras.Model, description: dict, folder) -> None:
    """Writes a trained child as a SavedModel that needs nothing of ours."""


def _sizes_of(
  child: config.ChildConfig, of_final: str = "child_"
) -> dict[str, int]:
  """Returns the settings that set the size of a network, by their flags.

  Args:
    child: of the network.
    of_final: what flags begin with that the final child has of its own.
  """
  prefixes = {"out_filters": of_final, "num_layers": of_final}
  prefixes |= dict.fromkeys(("num_cells", "hidden_size", "num_nodes"), "child_")
  return {
    prefix + name: getattr(child, name)
    for name, prefix in prefixes.items()
    if name not in child.unused and hasattr(child, name)
  }


def _check_memory(num_weights: int, what: str, sizes: dict[str, int]) -> None:
  """Refuses what the system would kill, without a word, once it is built.

  Args:
    num_weights: that it has at least.
    what: has them.
    sizes: the settings that set its size, by their flags.
  """
  needed, most = _BYTES_PER_WEIGHT * num_weights, files.memory()
  if needed > most:
    raise errors.ConfigError(
      f"{what} would take {needed / 2**30:,.1f} GiB of memory or more, and "
      f"this machine has {most / 2**30:,.1f} GiB: lower "
      f"{' or '.join(f'--{name}' for name in sizes)}. Received: "
      + ", ".join(f"{name}={value}" for name, value in sizes.items())
    )
