"""The interface of what is to be learned; it knows no arc and no space."""

import abc
import contextlib
import pathlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

import keras

from enas_tf.training import steps


class Metric(NamedTuple):
  """What a network is judged by.

  Attributes:
    name: the word in files and tables, such as "accuracy".
    is_higher_better: the direction.
    short: the name where there is little room, such as "acc".
    format: how a value is written, in the words of `format`.
  """

  name: str
  is_higher_better: bool
  short: str
  format: str


class Arc(Protocol):
  """All that a task asks of an arc: how it is written down."""

  def to_json(self) -> dict[str, Any]:
    """Returns a value for `json.dumps`; its "space" names the space."""


# A function from a step to the endless batches that begin there.
Stream = Callable[[int], Iterable[Any]]


class Task(abc.ABC):
  """What is to be learned: data, loss, metric, evaluation, export.

  Data are read when they are first needed, and once. `training` stands for the
  settings of a training, of which a task reads attributes (`batch_size` and
  others); those of a search and of a final training are different objects.

  Attributes:
    metric: what networks are judged by.
    part: what ranks many arcs before the whole validation split ranks the best
      of them: "batch" or "window".
    uses_fit: whether a final child is trained by Keras `fit`; else by the same
      steps as a supernet.
    min_reward_batch: examples in the validation batch of a reward, at least,
      unless there are fewer or the settings say how many: with a few, luck
      decides.
  """

  metric: Metric
  part: str
  uses_fit: bool
  min_reward_batch: int = 1

  @abc.abstractmethod
  def fingerprint(self) -> dict[str, Any]:
    """Returns what tells the data from others, as JSON.

    A search goes on with the same data alone.
    """

  def reading(self) -> contextlib.AbstractContextManager[None]:
    """Returns what makes clear errors of data that cannot be read on the way.

    Whoever takes batches from a stream does so within it.
    """
    return contextlib.nullcontext()

  def fed_by(self, settings: Any) -> "Task":
    """Returns the same task, whose data are fed by other settings.

    They are not read again.

    Args:
      settings: of the data; only those differ that can be searched.
    """
    raise NotImplementedError(f"{type(self).__name__} is fed in one way.")

  @property
  @abc.abstractmethod
  def sizes(self) -> dict[str, Any]:
    """The arguments of a network that the data decide, by name."""

  @abc.abstractmethod
  def steps(self, training: Any, network: Any) -> steps.Steps:
    """Returns what one step of a network is.

    Args:
      training: settings of its training.
      network: a supernet or a child.
    """

  @abc.abstractmethod
  def steps_per_epoch(self, training: Any, *, final: bool = False) -> int:
    """Returns how many gradient steps one pass over the data takes.

    Args:
      training: settings of the training.
      final: whether it is the final training, which may have more data.
    """

  @abc.abstractmethod
  def train_stream(
    self, training: Any, seed: int, *, final: bool = False
  ) -> Stream:
    """Returns the batches that gradients are computed on.

    Args:
      training: settings of the training.
      seed: of the random numbers of this stream.
      final: whether it is the final training, which may have more data.

    Raises:
      DataError: if a batch is larger than the data.
    """

  @abc.abstractmethod
  def reward_stream(self, training: Any, seed: int) -> Stream:
    """Returns the validation batches that rewards are computed on.

    Args:
      training: settings of the search.
      seed: of the random numbers of this stream.

    Raises:
      DataError: if a batch is larger than the data.
    """

  @abc.abstractmethod
  def ranking_batches(self, training: Any, seed: int) -> Iterable[Any]:
    """Returns the one validation batch that ranks many arcs.

    Args:
      training: settings of the search.
      seed: that of the `reward_stream`.
    """

  @abc.abstractmethod
  def valid_batches(
    self, training: Any, *, final: bool = False
  ) -> Iterable[Any]:
    """Returns the whole validation split; can be iterated again and again.

    Args:
      training: settings of the training.
      final: whether it is the final training.
    """

  def test_batches(self, training: Any) -> Iterable[Any] | None:
    """Returns the whole test split, or None if there is none.

    Nothing is chosen by it: it serves to find out whether a search works.

    Args:
      training: settings of the search.
    """
    del training
    return None

  @abc.abstractmethod
  def reward(self, settings: Any) -> Callable[[float], float]:
    """Returns the function from a value of the metric to the reward.

    Args:
      settings: of the controller.
    """

  def description(self, arc: Arc) -> dict[str, Any]:
    """Returns what a trained child is to those who load it, as JSON.

    Args:
      arc: of the child.
    """
    value = arc.to_json()
    return {
      "space": value["space"],
      "arc": value,
      "arc_string": str(arc),
    } | self.described()

  @abc.abstractmethod
  def described(self) -> dict[str, Any]:
    """Returns the part of a description that the data decide, as JSON."""

  @abc.abstractmethod
  def describes(self, model: keras.Model, description: dict[str, Any]) -> bool:
    """Returns whether a description read from a file is one of a child.

    A LookupError, TypeError, ValueError or re.error says no, too.

    Args:
      model: the child.
      description: any JSON object.
    """

  @abc.abstractmethod
  def evaluate(
    self,
    model: keras.Model,
    description: dict[str, Any],
    training: Any,
    test: Any = None,
  ) -> dict[str, Any]:
    """Returns the test results of a trained child, as JSON.

    Args:
      model: the child.
      description: of it.
      training: settings of its training.
      test: what to test on, as a program gives a split of its data; None is the
        test split.

    Raises:
      DataError: if it was trained on other data, or nothing is for the test.
    """

  @abc.abstractmethod
  def summary(self, results: dict[str, Any]) -> str:
    """Returns a sentence that says the test results.

    Args:
      results: of `evaluate`.
    """

  @classmethod
  @abc.abstractmethod
  def source(cls, train: Any, valid: Any, test: Any, class_names: Any) -> Any:
    """Returns the data that a program hands over, as the task takes them.

    Args:
      train: what to learn from.
      valid: what rewards are computed on, or None.
      test: what nothing is chosen by, or None.
      class_names: the names of the classes, where there are some, or None.
    """

  def untold(self, training: Any) -> dict[str, Any]:
    """Returns what a checkpoint of the original's does not tell of a child.

    They are arguments of `compat.load_model`.

    Args:
      training: settings of the child and its training.
    """
    del training
    return {}

  def check_suits(self, model: keras.Model) -> None:
    """Raises DataError if a child of elsewhere is one for other data.

    Args:
      model: the child.
    """
    del model

  def served(
    self, model: keras.Model, description: dict[str, Any]
  ) -> keras.Model:
    """Returns a trained child as those get it who use it.

    Args:
      model: the child.
      description: of it.
    """
    del description
    return model

  @abc.abstractmethod
  def compiled(
    self, model: keras.Model, training: Any, schedule: Any
  ) -> keras.Model:
    """Returns a child that a program can train by `fit`.

    Args:
      model: the child, without what only our training needs.
      training: settings of its training.
      schedule: its learning rate, a Keras schedule.
    """

  @abc.abstractmethod
  def export(
    self, model: keras.Model, description: dict[str, Any], folder: pathlib.Path
  ) -> None:
    """Writes a trained child as a SavedModel that needs nothing of ours.

    Args:
      model: the child.
      description: of it.
      folder: of the run; what is written is export/ in it.
    """
