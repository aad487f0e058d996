"""From settings by their public names to an experiment, and back.

The public name of a setting is that of its flag and of its keyword argument:
`num_epochs`, `child_lr_max`, `final_out_filters`, `controller_lr`. Those of the
supernet, `child_...`, set the final child too, as in the original, unless it is
given one of its own.
"""

import dataclasses
import difflib
import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from enas_tf import errors
from enas_tf.recipes import base, searched
from enas_tf.settings import fields

ARC = "child_fixed_arc"
_USUAL, _TABLE = "micro", "table"


class Place(NamedTuple):
  """Where a setting stands in an experiment: a section, and a field of it."""

  section: str
  field: dataclasses.Field[Any]


def named(experiment: base.Experiment) -> Iterator[tuple[str, Place]]:
  """Returns the settings of an experiment by their public names.

  Args:
    experiment: all settings.
  """
  for section in base.SECTIONS:
    settings = experiment.section(section)
    for field in fields.each(settings):
      yield settings.public(field.name), Place(section, field)


def settable(experiment: base.Experiment) -> dict[str, Place]:
  """Returns the settings that a user can give, by their public names.

  What the arc of a search fixes is no setting of the final child. What only
  the final child has can be given by the prefix of both, too.

  Args:
    experiment: all settings.
  """
  found = {
    name: place
    for name, place in named(experiment)
    if place.section != "final" or not fields.of(place.field).of_arc
  }
  for field in fields.each(experiment.final):
    found.setdefault(
      experiment.search.public(field.name), Place("final", field)
    )
  return found


def recipe_of(space: str | None, given: Mapping[str, Any]) -> base.Recipe:
  """Returns the recipe of a new run.

  Args:
    space: the search space that is asked for, or None.
    given: the other settings, by public names.
  """
  return base.get(asked_for(space, given) or _USUAL)


def asked_for(space: str | None, given: Mapping[str, Any]) -> str | None:
  """Returns the search space that is asked for; a table is one of its own.

  Args:
    space: the word that was given, or None.
    given: the other settings, by public names.
  """
  is_table = space is None and given.get("evaluator") == _TABLE
  return _TABLE if is_table else space


def build(
  base_experiment: base.Experiment,
  given: Mapping[str, Any],
  fixed_arc: str | None = None,
) -> base.Experiment:
  """Returns an experiment with some settings changed.

  Args:
    base_experiment: what the other settings are taken from.
    given: the new values, by public names.
    fixed_arc: the arc to train.

  Raises:
    ConfigError: if a value is impossible, or there is no such setting here.
  """
  check_names(base_experiment, given)
  given = searched.as_texts(given)
  _check_data(base_experiment, given)
  changed = {
    section: _changed(base_experiment, section, given)
    for section in base.SECTIONS
  }
  experiment = base.Experiment(**changed, fixed_arc=fixed_arc)
  check_mode(experiment)
  _check_used(experiment, given)
  searched.check(experiment)
  if fixed_arc is None:  # The arc will be one of the search.
    experiment = _final_as_searched(experiment)
  if experiment.run.mode == "import" and fixed_arc is None:
    raise errors.ConfigError(
      "`mode=import` needs the arc of the checkpoint, which its weights do not "
      f"tell: add `child_fixed_arc`. Received: {ARC}=None"
    )
  return experiment


def go_on(
  recorded: base.Experiment | None,
  space: str | None,
  given: Mapping[str, Any],
  fixed_arc: str | None = None,
) -> base.Experiment:
  """Returns the experiment that goes on with a run, or begins one.

  Args:
    recorded: the settings of the run in the output folder, if there is one.
    space: the search space that is asked for, or None.
    given: the other settings, by public names, `output_dir` among them.
    fixed_arc: the arc to train.

  Raises:
    ConfigError: if a value is impossible, or there is no such setting here.
    OutputDirError: if the run is of another space or data set.
  """
  space = asked_for(space, given)
  if recorded and space not in (None, recorded.run.search_for):
    raise errors.OutputDirError(
      "The output folder holds a run of another search space: give a folder "
      "of its own as `output_dir`, or `reset_output_dir=True` to delete that "
      f"run and start over. Received: search_for={space}, the run's is "
      f"{recorded.run.search_for}; output_dir={given['output_dir']}"
    )
  start = recorded or _beginning(recipe_of(space, given), given)
  given = {**of_command(start), **given, "search_for": start.run.search_for}
  made = build(start, given, fixed_arc)
  if recorded is not None:
    _check_same_data(recorded, made)
  return made


def _beginning(
  recipe: base.Recipe, given: Mapping[str, Any]
) -> base.Experiment:
  """Returns the settings that a new run begins with."""
  return faithful(recipe) if given.get("faithful") else recipe.experiment


def faithful(recipe: base.Recipe) -> base.Experiment:
  """Returns the settings that a run begins with by `faithful=True`.

  Args:
    recipe: of its space.
  """
  return build(recipe.experiment, recipe.faithful)


def of_command(experiment: base.Experiment) -> dict[str, Any]:
  """Returns the defaults of what each command asks for anew, by name.

  Args:
    experiment: all settings.
  """
  return {
    field.name: field.default
    for field in fields.each(experiment.run)
    if fields.of(field).of_command
  }


def _check_same_data(recorded: base.Experiment, now: base.Experiment) -> None:
  """Refuses another data set in the folder of a run, at once."""
  then, asked = recorded.data.data, now.data.data
  # A trained child can be tested on other images of its classes.
  if then != asked and now.run.mode not in ("evaluate", "export"):
    raise errors.OutputDirError(
      "The output folder holds another run: give a folder of its own as "
      "`output_dir`, or `reset_output_dir=True` to delete that run and start "
      f"over. Received: data={asked}, the run's is {then}; "
      f"output_dir={now.run.output_dir}"
    )


def check_names(experiment: base.Experiment, names: Mapping[str, Any]) -> None:
  """Raises ConfigError if a setting has no use in an experiment's space.

  Args:
    experiment: all settings.
    names: the public names of the settings that were given.
  """
  known = settable(experiment)
  for name in names:
    if name in known:
      continue
    space = experiment.run.search_for
    if name in everywhere():
      raise errors.ConfigError(
        f"`{name}` has no use in this search space: take it away. Received: "
        f"search_for={space}"
      )
    near = difflib.get_close_matches(name, everywhere(), n=1)
    hint = f" Did you mean `{near[0]}`?" if near else ""
    raise errors.ConfigError(
      f"There is no setting of that name: correct it.{hint} Received: {name}"
    )


def check_mode(experiment: base.Experiment) -> None:
  """Raises ConfigError if a space lacks what a mode needs: networks.

  Args:
    experiment: all settings.
  """
  mode, space = experiment.run.mode, experiment.run.search_for
  modes = base.get(space).modes
  if mode not in modes:
    raise errors.ConfigError(
      "The arcs of this space have scores and no networks, so there is nothing "
      f"to train, evaluate or export: give `mode={'` or `mode='.join(modes)}`. "
      f"Received: search_for={space}, mode={mode}"
    )


def _check_used(experiment: base.Experiment, names: Mapping[str, Any]) -> None:
  """Raises ConfigError if a setting has no use with another one as it is."""
  known = settable(experiment)
  for name in names:
    for other, words in (fields.of(known[name].field).only_with or {}).items():
      section, field = known[other]
      word = getattr(experiment.section(section), field.name)
      if not fields.gives_use(words, field, word):
        which = " or ".join(f"`{other}={each}`" for each in words)
        which = which or f"`{other}`"
        raise errors.ConfigError(
          f"`{name}` has a use only with {which}: "
          f"take it away. Received: {other}={word}, {name}={names[name]}"
        )


def everywhere() -> dict[str, list[tuple[base.Recipe, Place]]]:
  """Returns where each public name stands, in all recipes."""
  found: dict[str, list[tuple[base.Recipe, Place]]] = {}
  for recipe in base.every():
    for name, place in settable(recipe.experiment).items():
      found.setdefault(name, []).append((recipe, place))
  return found


def values(experiment: base.Experiment) -> dict[str, Any]:
  """Returns all settings by their public names, for files and reports.

  Args:
    experiment: all settings.
  """
  found = {
    name: getattr(experiment.section(place.section), place.field.name)
    for name, place in named(experiment)
  }
  return found | {ARC: experiment.fixed_arc}


def from_values(recorded: Mapping[str, Any]) -> base.Experiment:
  """Returns the experiment that `values` described.

  Args:
    recorded: values by public names.

  Raises:
    ConfigError: if a setting is unknown, or impossible.
    LookupError: if there is none that is needed.
  """
  given = dict(recorded)
  fixed_arc = given.pop(ARC)
  if fixed_arc is not None and not isinstance(fixed_arc, str):
    raise errors.ConfigError(f"`{ARC}` is a text. Received: {fixed_arc!r}")
  experiment = base.get(given["search_for"]).experiment
  places = dict(named(experiment))
  if unknown := given.keys() - places.keys():
    raise errors.ConfigError(f"Unknown settings. Received: {sorted(unknown)}")
  if missing := places.keys() - given.keys():
    raise KeyError(*sorted(missing)[:5])
  changed: dict[str, dict[str, Any]] = {each: {} for each in base.SECTIONS}
  for name, value in given.items():
    changed[places[name].section][places[name].field.name] = value
  sections = {
    name: dataclasses.replace(typing.cast(Any, experiment.section(name)), **new)
    for name, new in changed.items()
  }
  return base.Experiment(**sections, fixed_arc=fixed_arc)


def changeable(settings: fields.Settings) -> set[str]:
  """Returns the fields that may change when a training goes on.

  Args:
    settings: of a training.
  """
  return {
    field.name for field in fields.each(settings) if fields.of(field).changeable
  }


def fixed(
  settings: fields.Settings, prefix: str | None = None
) -> dict[str, Any]:
  """Returns the settings that must stay when a training goes on.

  Args:
    settings: a section.
    prefix: of their names; None for their public names.
  """
  free = changeable(settings)
  return {
    settings.public(field.name)
    if prefix is None
    else f"{prefix}{field.name}": getattr(settings, field.name)
    for field in fields.each(settings)
    if field.name not in free
  }


def _changed(
  experiment: base.Experiment, section: str, given: Mapping[str, Any]
) -> Any:
  """Returns a section with what is given."""
  settings: Any = experiment.section(section)
  new, source = {}, {}
  for field in fields.each(settings):
    names = [settings.public(field.name)]
    if section == "final":
      if fields.of(field).of_arc:
        names = []
      names.append(experiment.search.public(field.name))
    for name in names:
      if name in given:
        new[field.name] = given[name]
        source[settings.public(field.name)] = name
        break
  try:
    return dataclasses.replace(settings, **new)
  except errors.ConfigError as error:
    message = str(error)
    for name, as_given in source.items():
      message = re.sub(rf"\b{name}\b", as_given, message)
    raise errors.ConfigError(message) from error


def _final_as_searched(experiment: base.Experiment) -> base.Experiment:
  """Returns an experiment whose final child is of the search's space."""
  search = experiment.search
  of_arc = {
    field.name: getattr(search, field.name)
    for field in fields.each(experiment.final)
    if fields.of(field).of_arc
  }
  final = dataclasses.replace(experiment.final, **of_arc)
  return dataclasses.replace(experiment, final=final)


def _check_data(experiment: base.Experiment, given: Mapping[str, Any]) -> None:
  """Refuses images for a language model, and texts for the others."""
  data, own = given.get("data"), _data_sets(experiment)
  known = {name for each in base.every() for name in _data_sets(each)}
  if data in known and data not in own:
    space = experiment.run.search_for
    raise errors.ConfigError(
      f"`data={data}` is not for `search_for={space}`, which takes one of "
      f"{', '.join(own)}: change one of them. Received: search_for={space}, "
      f"data={data}"
    )


def _data_sets(of: base.Experiment | base.Recipe) -> tuple[str, ...]:
  """Returns the words of `data` that a search takes."""
  for field in fields.each(of.data):
    if field.name == "data":
      return fields.choices(field) or ()
  return ()
