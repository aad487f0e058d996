import dataclasses

import pytest

from enas_tf import config
from enas_tf.runs import families


def test_every_word_has_a_family():
  assert set(families.FAMILIES) == set(config.SEARCH_SPACES)


@pytest.mark.parametrize("word", config.SEARCH_SPACES)
def test_family_of_a_recipe(word):
  assert families.get(config.RECIPES[word]).space.name == word


def test_channel_ranges_are_a_space_of_their_own():
  recipe = dataclasses.replace(
    config.RECIPES["macro"],
    controller=config.MacroControllerConfig(search_whole_channels=False),
  )
  assert families.get(recipe).space.name == "macro_channels"


def test_parts_of_a_search_are_built_once(monkeypatch):
  found = families.get(config.RECIPES["micro"])
  monkeypatch.setattr(type(found), "search_parts", lambda self: object())
  assert found.parts is found.parts
