"""From a checkpoint of the original, or of enas_lm, to a model of ours."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from enas_tf import errors
from enas_tf.compat import enas_lm, files, matching, original, reading
from enas_tf.controllers import macro_policy, micro_policy, rnn_policy
from enas_tf.controllers import policy as policies
from enas_tf.networks import (
  macro_child,
  macro_supernet,
  micro_child,
  micro_supernet,
  rnn_child,
  rnn_supernet,
)
from enas_tf.recipes import base as recipes
from enas_tf.recipes import experiments
from enas_tf.spaces import base as spaces
from enas_tf.spaces import macro, micro, rnn

_ARCS: dict[str, Any] = {
  "micro": micro.MicroArc,
  "macro": macro.MacroArc,
  "rnn": rnn.RnnArc,
}
_SHOWN = 8


class Loaded(NamedTuple):
  """What a checkpoint became.

  Attributes:
    model: the supernet of a search, or a final child, on its weights.
    child: the settings that it was built with.
    arc: of the final child; None of a search.
    policy: of a search, on its weights, if the checkpoint has a controller.
  """

  model: keras.Model
  child: Any
  arc: spaces.Arc | None = None
  policy: policies.Policy | None = None


def load_model(
  path: str | os.PathLike,
  *,
  arc: spaces.Arc | None = None,
  image_size: int | tuple[int, int] | None = None,
  output: str | None = None,
  words: Sequence[str] | None = None,
  settings: recipes.Experiment | None = None,
  allow_unused: bool = False,
) -> Loaded:
  """Returns the network, and the policy, that a TF1 checkpoint is of.

  The names and shapes of the variables tell the kind of the network and its
  sizes: layers, channels, classes, nodes of a search, words, the auxiliary head
  and what `faithful` brings back. The arguments say what they do not. An arc
  that contradicts the weights is refused; what they cannot tell of it is said
  at `original.assign`.

  Args:
    path: see `files.read_checkpoint`.
    arc: of a final child; a search has none.
    image_size: height and width of the images in pixels, or both as one.
    output: of a fixed cell of enas_lm, "all" (its code for GPUs) or "loose"
      (that for TPUs).
    words: of the text in the order of their ids, for a language model; None
      leaves the embedding in enas_lm's order, the alphabet's.
    settings: what no weight shows, as dropout and what bounds the policy's
      logits; default: the recipe of the space, faithful.
    allow_unused: leave weights aside that have no use in the network.

  Raises:
    CheckpointError: if the checkpoint cannot be read, is of no known network
      or contradicts the arc.
    ConfigError: if an argument is missing, or there is one too many.
    DataError: if `words` are not as many as the checkpoint's.
  """
  variables = files.read_checkpoint(path)
  shapes = {k: v.shape for k, v in matching.weights(variables).items()}
  kind, sizes, told = _read(path, shapes)
  _check_arguments(kind, told, arc, image_size, output)
  settings = settings or experiments.faithful(recipes.get(kind.space))
  child = settings.search if kind.is_search else settings.final
  child = _with_sizes(child, kind, sizes, arc, output)
  model = _build(kind, arc, child, sizes, image_size)
  assign = original.assign
  if kind.space == "rnn":
    assign, variables = enas_lm.assign, enas_lm.averaged(variables)
    if words is not None:
      variables = enas_lm.in_order(variables, words)
  assign(model, variables, allow_unused=allow_unused)
  weights = matching.weights(variables, matching.CONTROLLER)
  policy = None
  if kind.is_search and "attention/v" in weights:
    policy = _policy(kind, model.space, weights, settings.controller)
    original.assign(policy, weights, allow_unused=allow_unused)
  return Loaded(model, child, arc, policy)


def _read(
  path: str | os.PathLike, shapes: Mapping[str, tuple[int, ...]]
) -> tuple[reading.Kind, dict[str, Any], dict[str, str]]:
  """Returns the kind of a network, its sizes and what is told of its arc."""
  kind = reading.kind(shapes)
  if kind is None:
    raise errors.CheckpointError(
      "The checkpoint is of no known network of the original or of enas_lm. "
      f"Received: path={path}, weights={sorted(shapes)[:_SHOWN]}"
    )
  try:
    return kind, reading.sizes(shapes), reading.decisions(shapes)
  except (KeyError, ValueError, IndexError) as error:
    raise errors.CheckpointError(
      f"The checkpoint is not whole: it is of a {kind} whose sizes it does not "
      f"tell. Received: path={path} ({error!r})"
    ) from error


def _check_arguments(
  kind: reading.Kind,
  told: Mapping[str, str],
  arc: spaces.Arc | None,
  image_size: int | tuple[int, int] | None,
  output: str | None,
) -> None:
  """Raises an error unless the arguments are those that the kind needs."""
  wanted = {
    "arc": not kind.is_search,
    "image_size": kind.space != "rnn",
    "output": kind == reading.RNN_FINAL,
  }
  given = {"arc": arc, "image_size": image_size, "output": output}
  missing = [k for k, needed in wanted.items() if needed and given[k] is None]
  if missing:
    knows = ", ".join(f"{k}={v}" for k, v in list(told.items())[:_SHOWN])
    raise errors.ConfigError(
      f"The checkpoint is of a {kind}; its weights do not tell everything: "
      f"give {' and '.join(missing)} too"
      + (f" (of the arc they tell {knows} ...)" if "arc" in missing else "")
      + f". Received: {', '.join(f'{k}=None' for k in missing)}"
    )
  for name, needed in wanted.items():
    if not needed and given[name] is not None:
      raise errors.ConfigError(
        f"The checkpoint is of a {kind}, which has no {name}: take it away"
        + (", or give the checkpoint of a final child" if name == "arc" else "")
        + f". Received: {name}={given[name]}"
      )
  if arc is not None:
    _check_arc(kind, arc, told)


def _check_arc(kind: reading.Kind, arc: Any, told: Mapping[str, str]) -> None:
  """Raises CheckpointError if the weights are of another arc."""
  if not isinstance(arc, _ARCS[kind.space]):
    raise errors.CheckpointError(
      f"The checkpoint is of a {kind}: give the arc of one "
      f"(`search_for={kind.space}`). Received: arc={arc}"
    )
  claimed = reading.decisions_of(arc, told) if told else {}
  wrong = [
    f"{name} is {claimed.get(name, 'not there')}, the weights are of {op}"
    for name, op in told.items()
    if claimed.get(name) != op
  ]
  wrong += [
    f"{name} is {op}, which has no weights there"
    for name, op in claimed.items()
    if name not in told and op != reading.NO_WEIGHTS
  ]
  if wrong:
    raise errors.CheckpointError(
      "The weights are of another arc: give the one that they were trained "
      f"with. Received: arc={arc}, where {'; '.join(wrong[:_SHOWN])}"
    )


def _with_sizes(
  child: Any,
  kind: reading.Kind,
  sizes: Mapping[str, Any],
  arc: Any,
  output: str | None,
) -> Any:
  """Returns the settings with what the weights tell."""
  values = dict(sizes)
  if kind == reading.MICRO_FINAL:
    values |= {"num_cells": len(arc.normal)}
  if not kind.is_search and kind.space != "rnn":
    values |= {
      "ops": arc.ops,
      "out_filters_scale": 1,
      "as_searched": False,
    }
  if kind in (reading.MICRO_SEARCH, reading.MACRO_FINAL):
    # The one's reduction cells and the other's convolutions need it.
    values |= {"faithful": True}
  if kind == reading.RNN_SEARCH:
    values |= {"functions": rnn.ENAS_LM_FUNCTIONS}
  if kind == reading.RNN_FINAL:
    values |= {"output": output, "functions": arc.functions}
  fields = {field.name for field in dataclasses.fields(child)}
  known = {name: value for name, value in values.items() if name in fields}
  return dataclasses.replace(child, **known)


def _build(
  kind: reading.Kind,
  arc: Any,
  child: Any,
  sizes: Mapping[str, Any],
  image_size: int | tuple[int, int] | None,
) -> keras.Model:
  """Returns the network, with random weights."""
  if kind.space == "rnn":
    return _build_rnn(kind, arc, child, sizes["vocab_size"])
  size = image_size if isinstance(image_size, tuple) else (image_size,) * 2
  shape = {
    "image_shape": (*size, sizes["channels"]),
    "num_classes": sizes["num_classes"],
  }
  if kind == reading.MICRO_FINAL:
    return micro_child.build(
      arc,
      num_layers=child.num_layers,
      out_filters=child.out_filters,
      use_aux_heads=child.use_aux_heads,
      keep_prob=child.keep_prob,
      drop_path_keep_prob=child.drop_path_keep_prob,
      faithful=child.faithful,
      **shape,
    )
  if kind == reading.MACRO_FINAL:
    return macro_child.build(
      arc,
      out_filters=child.out_filters,
      keep_prob=child.keep_prob,
      faithful=child.faithful,
      **shape,
    )
  shape |= {
    "out_filters": child.out_filters,
    "keep_prob": child.keep_prob,
    "seed": 0,
  }
  if kind == reading.MACRO_SEARCH:
    return macro_supernet.MacroSupernet(
      macro.MacroSpace(child.num_layers, child.ops), **shape
    )
  return micro_supernet.MicroSupernet(
    micro.MicroSpace(child.num_cells, child.ops),
    num_layers=child.num_layers,
    use_aux_heads=child.use_aux_heads,
    faithful=True,
    **shape,
  )


def _build_rnn(
  kind: reading.Kind, arc: Any, child: Any, vocab_size: int
) -> keras.Model:
  names = ("hidden_size", "output", *(f"drop_{each}" for each in "eixlo"))
  options = {name: getattr(child, name) for name in names}
  options["vocab_size"] = vocab_size
  if kind == reading.RNN_FINAL:
    return rnn_child.build(arc, **options)
  space = rnn.RnnSpace(child.num_nodes, child.functions)
  return rnn_supernet.RnnSupernet(space, **options)


def _policy(
  kind: reading.Kind,
  space: Any,
  weights: Mapping[str, np.ndarray],
  controller: Any,
) -> policies.Policy:
  """Returns the policy of a search, with random weights."""
  settings = policies.PolicySettings(
    lstm_size=weights["attention/v"].shape[0],
    num_layers=max(1, reading.count(weights, r"lstm/layer_(\d+)/w")),
    tanh_constant=controller.tanh_constant,
    temperature=controller.temperature,
    faithful=True,
  )
  if kind == reading.MICRO_SEARCH:
    reduce = controller.op_tanh_reduce
    return micro_policy.MicroPolicy(space, settings, op_tanh_reduce=reduce)
  if kind == reading.MACRO_SEARCH:
    target = controller.skip_target
    return macro_policy.MacroPolicy(space, settings, skip_target=target)
  return rnn_policy.RnnPolicy(space, settings)
