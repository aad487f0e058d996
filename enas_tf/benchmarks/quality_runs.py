"""Searches of a table, one after the other, and how far they came."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from enas_tf import errors, trials
from enas_tf.controllers import registry, reinforce, warm_start
from enas_tf.evaluators import table
from enas_tf.recipes import base, experiments
from enas_tf.runs import algorithm, assembly, earlier
from enas_tf.settings import fields

_SPACE = "table"
REFERENCE = "random"  # The controller that the others are compared with.


class Curves(NamedTuple):
  """What searches with one controller found.

  Attributes:
    controller: its word.
    regrets: how far the best arc of the first n queries is from the best of the
      table, float64 [seeds, queries]; entry n - 1 is of n queries.
  """

  controller: str
  regrets: np.ndarray


class Searches:
  """Searches a table, as a run does, without its files.

  Args:
    settings: by their public names: the table, and what controllers are given;
      each gets those that have a use with it.
    num_queries: arcs that a search may ask for.

  Attributes:
    table: that is searched.
  """

  def __init__(self, settings: Mapping[str, Any], num_queries: int) -> None:
    self._settings = settings
    self._num_queries = num_queries
    self._kept: dict[str, reinforce.Reinforce] = {}
    values = experiments.values(self._experiment(REFERENCE, 0))
    self.table = table.from_settings(values)

  def check(self, controller: str) -> None:
    """Raises UserError if a controller cannot search this table.

    Args:
      controller: its word.
    """
    self._run(controller, 0, 1)

  def check_settings(self, controllers: Sequence[str]) -> None:
    """Raises ConfigError if a setting has a use with none of them.

    Args:
      controllers: their words.
    """
    used = {name for each in controllers for name in self._useful(each)}
    for name in self._settings.keys() - used:
      raise errors.ConfigError(
        f"`{name}` has a use with none of these controllers: take it away. "
        f"Received: {name}={self._settings[name]}, controllers="
        f"{','.join(controllers)}"
      )

  def run(
    self,
    controller: str,
    seeds: Sequence[int],
    on_search: Callable[[int, float], None] = lambda done, regret: None,
  ) -> Curves:
    """Searches once for each seed.

    Args:
      controller: its word.
      seeds: of the searches, as `seed` of a run.
      on_search: is told how many are done, and the regret of the last.
    """
    regrets = []
    for done, seed in enumerate(seeds, start=1):
      regrets.append(self._run(controller, seed, self._num_queries))
      on_search(done, regrets[-1][-1])
    return Curves(controller, np.array(regrets))

  def _run(self, controller: str, seed: int, num_queries: int) -> np.ndarray:
    """Returns the regret after each query of one search, [num_queries]."""
    experiment = self._experiment(controller, seed)
    built = assembly.Assembly(experiment)
    parts = self._traced(built.search, controller)
    if isinstance(parts.controller, warm_start.WarmStart):
      folders = experiment.controller.warm_start
      parts.controller.begin(earlier.best_arcs(built, folders))
    each = experiment.controller.num_aggregate
    plan = algorithm.Plan(
      num_epochs=1,
      child_steps=0,
      chunk=1,
      controller_steps=-(-num_queries // each),
      controller_every=1,
      arcs_per_step=each,
    )
    told: list[trials.Trial] = []
    log, position = trials.TrialLog(), algorithm.Position()
    for event in algorithm.search(parts, log, position, plan):
      told += event.trials or ()
    return self._regrets(told[:num_queries])

  def _traced(
    self, parts: assembly.SearchParts, controller: str
  ) -> assembly.SearchParts:
    """Returns the parts of a search, with graphs of those before it."""
    fresh = parts.controller
    if not isinstance(fresh, reinforce.Reinforce):
      return parts
    kept = self._kept.setdefault(controller, fresh)
    if kept is not fresh:
      kept.begin_as(fresh)
    return parts._replace(controller=kept)

  def _regrets(self, told: Sequence[trials.Trial]) -> np.ndarray:
    """Returns the regret after each trial; a failed one is a query, too."""
    worst, best = self.table.rewards.min(), self.table.rewards.max()
    rewards = [each.reward if each.is_done else worst for each in told]
    return best - np.maximum.accumulate(rewards)

  def _experiment(self, controller: str, seed: int) -> base.Experiment:
    given = {name: self._settings[name] for name in self._useful(controller)}
    return experiments.go_on(
      None,
      _SPACE,
      given | {"controller": controller, "seed": seed, "output_dir": "none"},
    )

  def _useful(self, controller: str) -> list[str]:
    """Returns the names of the settings that have a use with a controller."""
    return [
      name for name in self._settings if self._is_useful(name, controller)
    ]

  def _is_useful(self, name: str, controller: str) -> bool:
    place = experiments.settable(base.get(_SPACE).experiment)[name]
    only_with = dict(fields.of(place.field).only_with or {})
    words = only_with.pop("controller", (controller,))
    is_users = not registry.CONTROLLERS.is_ours(controller)
    # What others are compared with begins with nothing.
    is_warm = name.startswith("warm_start") and controller == REFERENCE
    return (
      (controller in words or is_users)
      and not is_warm
      and all(
        self._is_useful(other, controller)
        for other in only_with
        if other in self._settings
      )
    )
