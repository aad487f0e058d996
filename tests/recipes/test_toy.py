"""A new space adds files and one line; nothing else changes."""

import json

import keras
import numpy as np
import pytest
from absl import flags as absl_flags

import enas_tf
from enas_tf import flags, help
from enas_tf.recipes import base
from tests.recipes import toy


@pytest.fixture(scope="module", autouse=True)
def register():
  enas_tf.register_recipe(toy.RECIPE)  # The line.
  yield
  base.forget("toy")


def test_its_settings_are_flags():
  values = absl_flags.FlagValues()
  flags.define(values)
  given = ("--search_for=toy", "--child_toy_scale=0.5", "--final_toy_scale=2")
  values(["enas_tf", *given])
  got = flags.experiment(values)
  assert (got.search.toy_scale, got.final.toy_scale) == (0.5, 2)
  assert got.run.output_dir.endswith("outputs/toy_digits")


def test_its_settings_are_in_the_help():
  text = help.text("", flags.OTHERS)
  assert "--child_toy_scale=X" in text
  assert "what the pixels are multiplied by (1.0)" in text
  assert "micro|macro|macro_channels|rnn|table|toy" in text


@pytest.fixture(scope="module")
def search(tmp_path_factory):
  folder = tmp_path_factory.mktemp("toy") / "run"
  search = enas_tf.Search(
    "toy", output_dir=folder, verbose=False, child_toy_scale=0.5
  )
  return search.run()


def test_it_is_searched_and_drawn(search):
  assert search.num_epochs == 2
  assert len(search.trials) == 2 * 3 * 2
  assert isinstance(search.best_arc, toy.ToyArc)
  (search.folder / "best_arc.png").stat()
  dot = (search.folder / "best_arc.dot").read_text()
  assert search.best_arc.activation in dot
  lines = (search.folder / "metrics.jsonl").read_text().splitlines()
  names = {name for line in lines for name in json.loads(line)}
  assert {"arcs/op_frequency/tanh", "child/accuracy", "reward/mean"} <= names


def test_its_child_is_trained_and_used(search):
  model = search.train("1 2")
  results = search.evaluate("1 2")
  assert 0.5 < results["test_accuracy"] <= 1
  search.export(arc="1 2")
  loaded = keras.saving.load_model(search.folder / "export" / "child.keras")
  pixels = np.full((1, 8, 8, 1), 99, np.uint8)
  np.testing.assert_allclose(loaded(pixels), model(pixels), rtol=1e-5)
