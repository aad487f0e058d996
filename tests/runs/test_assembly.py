import dataclasses
import math

import numpy as np
import pytest

from enas_tf import errors
from enas_tf.controllers import generic_policy, random_search, reinforce
from enas_tf.data import files
from enas_tf.recipes import base
from enas_tf.runs import assembly
from enas_tf.spaces import rnn
from tests import answers
from tests.runs import context, language

SPACES = ("micro", "macro", "macro_channels", "rnn")


def make(**changed):
  return assembly.Assembly(language.experiment(**changed))


def test_every_word_is_tested_here():
  assert set(SPACES) <= {recipe.name for recipe in base.every()}


@pytest.mark.parametrize("word", SPACES)
def test_space_of_a_word(word):
  built = assembly.Assembly(context.experiment(word))
  assert built.space.name == built.final_space.name == word
  assert built.space is built.parts.space


@pytest.mark.parametrize("word", SPACES)
def test_policies_are_of_the_space(word):
  """That of the paper, or the one for any space."""
  policies = [
    assembly.Assembly(
      context.experiment(word, controller_policy=policy)
    ).make_policy()
    for policy in ("paper", "generic")
  ]
  assert not isinstance(policies[0], generic_policy.GenericPolicy)
  assert isinstance(policies[1], generic_policy.GenericPolicy)
  for policy in policies:
    assert policy.space.name == word


def test_parts_of_a_search_are_built_once(monkeypatch):
  built = make()
  made, make_supernet = [], built.parts.make_supernet

  def counted(seed):
    made.append(seed)
    return make_supernet(seed)

  monkeypatch.setattr(built.parts, "make_supernet", counted)
  assert built.search is built.search
  assert made == [built.seed("supernet")]


def test_a_function_takes_the_place_of_shared_weights():
  asked = language.experiment(evaluator="function")
  built = assembly.Assembly(asked, score=lambda arc: 0.5)
  parts = built.search
  assert parts.child is None and parts.child_steps == 0
  arcs = parts.controller.propose(2)
  assert answers.rewards(parts.evaluator, arcs).tolist() == [0.5, 0.5]
  # It goes on with no search of shared weights.
  assert parts.fingerprint["evaluator"] == "function"
  assert make().search.fingerprint["evaluator"] == "shared_weights"


def test_a_function_must_be_there():
  with pytest.raises(errors.ConfigError, match="evaluator=function"):
    _ = make(evaluator="function").search


def test_found_arcs_have_the_nodes_of_the_search():
  found = assembly.Assembly(context.experiment("rnn"))
  assert found.final_space == found.space == rnn.RnnSpace(9)
  given = assembly.Assembly(context.experiment("rnn", "0 1" + " 1 1" * 7))
  assert given.space == rnn.RnnSpace(9)
  assert given.final_space == rnn.RnnSpace(8)


def test_search_parts_fit_together():
  built = make()
  parts = built.search
  steps = language.steps_per_epoch(built.task.text)
  assert parts.child_steps == steps > 10
  arcs = parts.controller.propose(3)
  language.SPACE.check(arcs[0])
  metrics = parts.child.run(arcs)
  # The weights are small: it guesses among all words.
  assert metrics["child/perplexity"] == pytest.approx(language.VOCAB, rel=0.2)
  told = list(parts.evaluator.evaluate(answers.proposals(arcs)))
  metrics = parts.controller.update(told)
  assert all(math.isfinite(value) for value in metrics.values())


@pytest.mark.parametrize(
  ("kind", "expected"),
  [("reinforce", reinforce.Reinforce), ("random", random_search.RandomSearch)],
)
def test_controllers(kind, expected):
  controller = make(controller=kind).search.controller
  assert type(controller) is expected
  assert controller.space == language.SPACE


@pytest.mark.parametrize(("reward", "power"), [("ppl", 1), ("ppl_squared", 2)])
def test_rewards(reward, power):
  parts = make(
    controller_reward=reward,
    controller_reward_constant=7.0,
    controller="random",
  ).search
  arc = language.SPACE.random(np.random.default_rng(0))
  (found,) = answers.rewards(parts.evaluator, [language.SPACE.encode(arc)])
  assert found == pytest.approx(7.0 / language.VOCAB**power, rel=0.05)


def test_fingerprint_is_of_all_but_the_length():
  found, longer, other = (
    make(controller="random", **changed).search.fingerprint
    for changed in ({}, {"num_epochs": 7}, {"child_drop_e": 0.5})
  )
  assert longer == found
  assert other != found
  for name in (
    "seed",
    "data",
    "vocab_size",
    "child_hidden_size",
    "controller_lstm_size",
  ):
    assert name in found
  for name in ("child_lr", "child_grad_bound", "controller_lr"):
    assert name not in found  # These may change.


def test_text_that_is_too_short_is_refused_at_once():
  with pytest.raises(errors.DataError, match="`batch_size`"):
    _ = make(batch_size=5000).search


@pytest.mark.parametrize(
  ("changed", "build", "words"),
  [
    (
      {"child_hidden_size": 65_536},
      lambda built: built.search,
      "The shared weights would.*`child_hidden_size`",
    ),
    (
      {"controller_lstm_size": 16_384, "controller_num_layers": 100},
      lambda built: built.search,
      "The controller would.*`controller_lstm_size` or",
    ),
    (
      {"final_hidden_size": 65_536},
      lambda built: built.check_final(),
      "The final child would.*`final_hidden_size` or `child_num_nodes`",
    ),
  ],
)
def test_what_the_memory_cannot_hold_is_refused(
  monkeypatch, changed, build, words
):
  monkeypatch.setattr(files, "memory", lambda: 2**33)
  with pytest.raises(errors.ConfigError, match=words):
    build(make(**changed))


def test_settings_of_the_experiment_are_left_alone():
  given = language.experiment()
  before = dataclasses.asdict(given)
  assert assembly.Assembly(given).experiment is given
  assert dataclasses.asdict(given) == before


@pytest.mark.parametrize(
  ("changed", "expected"),
  [
    ({"batch_size": 32}, 128),
    ({"batch_size": 160}, 160),
    ({"batch_size": 32, "evaluator_batch": "own"}, 32),
    ({"batch_size": 160, "evaluator_batch_size": 50}, 50),
    (
      {"batch_size": 32, "evaluator_batch": "own", "evaluator_batch_size": 9},
      9,
    ),
  ],
)
def test_rewards_have_batches_of_a_size_of_their_own(changed, expected):
  built = assembly.Assembly(
    context.experiment("micro", data="digits", **changed)
  )
  assert built.reward_settings.batch_size == expected
  assert built.experiment.search.batch_size == changed["batch_size"]
  (images, labels), *_ = built.task.ranking_batches(built.reward_settings, 0)
  assert len(images) == len(labels) == min(expected, len(built.task._valid))


def test_a_text_has_rewards_of_as_many_rows_as_its_training():
  assert make().reward_settings == make().experiment.search
